"""C's conversions between types, as instructions."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import c_types
from maestro_tool.frontend.c_types import (
    BOOL,
    LONG,
    ULONG,
    VOID,
    ArrayType,
    CType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    RecordType,
    VoidType,
    bits_of,
    compatible,
    kind_of,
    promote,
    type_name,
)
from maestro_tool.frontend.context import Context, Place, Value
from maestro_tool.frontend.ir import Const, Null, Operand

VOID_VALUE = Value(Null(), VOID)


def load(ctx: Context, place: Place, node: Any) -> Value:
    """The value in ``place``; arrays and functions become pointers, structs stay where they are.

    A bit-field's value has the type it promotes to: no use of it sees another one.
    """
    type_ = place.type
    if isinstance(type_, ArrayType):
        return Value(place.address, PointerType(type_.element))
    if isinstance(type_, FunctionType):
        return Value(place.address, PointerType(type_))
    if isinstance(type_, RecordType):
        ctx.size(type_, node)
        return Value(place.address, type_)
    if isinstance(type_, VoidType):
        return VOID_VALUE
    loc = ctx.loc(node)
    if place.bits is None:
        return Value(ctx.builder.load(place.address, bits_of(type_), kind_of(type_), loc), type_)
    assert isinstance(type_, IntType)
    field = place.bits
    if field.unit > 64:
        ctx.unsupported("a bit-field that spans 9 bytes is not supported", node)
    result = c_types.bit_field_value(type_, field.width)
    operand = ctx.builder.load_bits(place.address, field.unit, field.bit, field.width, type_.signed, result.bits, loc)
    return Value(operand, result)


def store(ctx: Context, place: Place, value: Value, node: Any) -> None:
    """Store a value that already has the place's type."""
    loc = ctx.loc(node)
    type_ = place.type
    if isinstance(type_, RecordType):
        ctx.builder.copy(place.address, value.operand, ctx.size(type_, node), loc)
    elif place.bits is None:
        ctx.builder.store(place.address, value.operand, bits_of(type_), kind_of(type_), loc)
    else:
        field = place.bits
        if field.unit > 64:
            ctx.unsupported("a bit-field that spans 9 bytes is not supported", node)
        ctx.builder.store_bits(place.address, value.operand, field.unit, field.bit, field.width, bits_of(type_), loc)


def convert(ctx: Context, value: Value, type_: CType, node: Any) -> Value:
    """``value`` as ``type_``: what a cast does, and assignment, argument passing and return implicitly."""
    if isinstance(type_, VoidType):
        return VOID_VALUE
    source = value.type
    if source == type_:
        return value
    if type_ == BOOL:
        return Value(ctx.builder.cast("zext", truth(ctx, value, node), 1, 8, ctx.loc(node)), BOOL)
    match source, type_:
        case IntType(), IntType():
            operand = resize(ctx, value.operand, source, type_.bits, node)
        case IntType(), FloatType():
            op = "sitofp" if source.signed else "uitofp"
            operand = ctx.builder.float_cast(op, value.operand, source.bits, type_.bits, ctx.loc(node))  # type: ignore[arg-type]
        case FloatType(), IntType():
            op = "fptosi" if type_.signed else "fptoui"
            operand = ctx.builder.float_cast(op, value.operand, source.bits, type_.bits, ctx.loc(node))  # type: ignore[arg-type]
        case FloatType(), FloatType():
            operand = ctx.builder.float_cast("fpconv", value.operand, source.bits, type_.bits, ctx.loc(node))
        case IntType(), PointerType():
            wide = resize(ctx, value.operand, source, 64, node)
            operand = ctx.builder.cast("int_to_ptr", wide, 64, 64, ctx.loc(node))
        case PointerType(), IntType():
            address = ctx.builder.cast("ptr_to_int", value.operand, 64, 64, ctx.loc(node))
            operand = resize(ctx, address, ULONG, type_.bits, node)
        case PointerType(), PointerType():
            operand = value.operand
        case RecordType(), RecordType() if compatible(source, type_):
            operand = value.operand  # one header's struct in two units, e.g. a member of another unit's variable
        case _:
            ctx.input_error(f"'{type_name(source)}' cannot be converted to '{type_name(type_)}'", node)
    return Value(operand, type_)


def resize(ctx: Context, operand: Operand, source: IntType, bits: int, node: Any) -> Operand:
    """An integer of type ``source`` in ``bits`` bits."""
    if source.bits == bits:
        return operand
    op = "trunc" if bits < source.bits else "sext" if source.signed else "zext"
    return ctx.builder.cast(op, operand, source.bits, bits, ctx.loc(node))  # type: ignore[arg-type]


def truth(ctx: Context, value: Value, node: Any) -> Operand:
    """``value != 0`` in one bit."""
    loc = ctx.loc(node)
    match value.type:
        case IntType(bits=bits):
            return ctx.builder.compare("ne", value.operand, Const(0, bits), bits, "int", loc)
        case PointerType():
            return ctx.builder.compare("ne", value.operand, Null(), 64, "pointer", loc)
        case FloatType(bits=bits):
            return ctx.builder.float_compare("ne", value.operand, Const(0.0, bits), bits, loc)
    ctx.input_error(f"'{type_name(value.type)}' is neither true nor false", node)


def promoted(ctx: Context, value: Value, node: Any) -> Value:
    """Integer promotion; other types as they are."""
    return convert(ctx, value, promote(value.type), node) if isinstance(value.type, IntType) else value


def default_promoted(ctx: Context, value: Value, node: Any) -> Value:
    """Default argument promotions (C11 6.5.2.2 p6)."""
    if value.type == c_types.FLOAT:
        return convert(ctx, value, c_types.DOUBLE, node)
    value = promoted(ctx, value, node)
    return convert(ctx, value, c_types.widened(value.type), node) if isinstance(value.type, IntType) else value


def offset_of(ctx: Context, index: Value, step: int, node: Any) -> Operand:
    """Bytes that adding ``index`` to a pointer moves it by; the index is extended by its own sign."""
    assert isinstance(index.type, IntType)
    wide = convert(ctx, index, LONG if index.type.signed else ULONG, node).operand
    return wide if step == 1 else ctx.builder.binary("mul", wide, Const(step, 64), 64, ctx.loc(node))
