"""Assignment, ``+=`` and its like, ``++`` and ``--``."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend import expressions, operators, places
from maestro_tool.frontend.c_types import (
    INT,
    ArrayType,
    CType,
    FunctionType,
    IntType,
    RecordType,
    VoidType,
    bit_field_value,
    type_name,
)
from maestro_tool.frontend.context import Context, Place, Value
from maestro_tool.frontend.conversions import VOID_VALUE, convert, load, store
from maestro_tool.frontend.ir import Const


def assign(ctx: Context, node: Any, *, used: bool) -> Value:
    if node.op == "=":
        # gcc, too, computes the value before the place: it matters where a call changes what the place depends on.
        right = expressions.rvalue(ctx, node.rvalue)
        target = places.place(ctx, node.lvalue)
        value = convert(ctx, right, _assignable(ctx, target, node), node.rvalue)
    else:
        right = expressions.rvalue(ctx, node.rvalue)
        target = places.place(ctx, node.lvalue)
        _assignable(ctx, target, node)
        computed = operators.arithmetic(ctx, node.op[:-1], load(ctx, target, node.lvalue), right, node)
        value = convert(ctx, computed, target.type, node)
    store(ctx, target, value, node)
    return _stored(ctx, target, value, node) if used else VOID_VALUE


def _assignable(ctx: Context, target: Place, node: Any) -> CType:
    if isinstance(target.type, ArrayType | FunctionType | VoidType):
        ctx.input_error(f"'{type_name(target.type)}' cannot be assigned to", node)
    return target.type


def _stored(ctx: Context, target: Place, value: Value, node: Any) -> Value:
    """The value of an assignment: of a bit-field, what fits into it."""
    if target.bits is None:
        return value
    assert isinstance(target.type, IntType)
    bits, width, loc = target.type.bits, target.bits.width, ctx.loc(node)
    distance = Const(bits - width, bits)
    raised = ctx.builder.binary("shl", value.operand, distance, bits, loc)
    operand = ctx.builder.binary("ashr" if target.type.signed else "lshr", raised, distance, bits, loc)
    return convert(ctx, Value(operand, target.type), bit_field_value(target.type, width), node)


def step(ctx: Context, node: Any, *, used: bool) -> Value:
    """++ and --; ``p++`` is the parser's name of the postfix operator."""
    target = places.place(ctx, node.expr)
    _assignable(ctx, target, node)
    old = load(ctx, target, node.expr)
    if isinstance(old.type, RecordType):
        ctx.input_error(f"'{node.op[-2:]}' does not apply to '{type_name(old.type)}'", node)
    one = Value(Const(1, 32), INT)
    new = convert(ctx, operators.arithmetic(ctx, node.op[-1], old, one, node), target.type, node)
    store(ctx, target, new, node)
    if not used:
        return VOID_VALUE
    return old if node.op[0] == "p" else _stored(ctx, target, new, node)
