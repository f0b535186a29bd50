"""The operators that compute and compare, on values: conversions of the operands, then the instruction."""

from __future__ import annotations

from typing import Any

from maestro_tool.frontend.c_types import (
    LONG,
    FloatType,
    IntType,
    PointerType,
    common_type,
    is_scalar,
    kind_of,
    promote,
    type_name,
)
from maestro_tool.frontend.context import Context, Value
from maestro_tool.frontend.conversions import convert, offset_of, resize
from maestro_tool.frontend.ir import CompareOp, Const, IntOp, Operand

COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_PLAIN: dict[str, IntOp] = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}
_FLOAT_OPS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}


def arithmetic(ctx: Context, op: str, left: Value, right: Value, node: Any) -> Value:
    """``left op right`` for the operators that compute: + - * / % & | ^ << >>."""
    if isinstance(left.type, PointerType) or isinstance(right.type, PointerType):
        return _pointer_arithmetic(ctx, op, left, right, node)
    if not isinstance(left.type, IntType | FloatType) or not isinstance(right.type, IntType | FloatType):
        ctx.input_error(f"'{op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)
    loc, build = ctx.loc(node), ctx.builder
    if op in ("<<", ">>"):
        if isinstance(left.type, FloatType) or isinstance(right.type, FloatType):
            ctx.input_error(f"'{op}' needs integers", node)
        type_ = promote(left.type)
        count = resize(ctx, right.operand, right.type, type_.bits, node)
        shift: IntOp = "shl" if op == "<<" else "ashr" if type_.signed else "lshr"
        return Value(build.binary(shift, convert(ctx, left, type_, node).operand, count, type_.bits, loc), type_)
    common = common_type(left.type, right.type)
    a, b = convert(ctx, left, common, node).operand, convert(ctx, right, common, node).operand
    if isinstance(common, FloatType):
        if op not in _FLOAT_OPS:
            ctx.input_error(f"'{op}' needs integers", node)
        return Value(build.float_binary(_FLOAT_OPS[op], a, b, common.bits, loc), common)  # type: ignore[arg-type]
    if op in ("/", "%"):
        division: IntOp = {("/", True): "sdiv", ("/", False): "udiv", ("%", True): "srem", ("%", False): "urem"}[
            op, common.signed
        ]  # type: ignore[assignment]
        return Value(build.binary(division, a, b, common.bits, loc), common)
    return Value(build.binary(_PLAIN[op], a, b, common.bits, loc), common)


def _pointer_arithmetic(ctx: Context, op: str, left: Value, right: Value, node: Any) -> Value:
    loc, build = ctx.loc(node), ctx.builder
    match op, left.type, right.type:
        case "+", IntType(), PointerType():
            return _pointer_arithmetic(ctx, op, right, left, node)
        case "+" | "-", PointerType(target), IntType():
            offset = offset_of(ctx, right, ctx.step(target, node), node)
            if op == "-":
                offset = build.binary("sub", Const(0, 64), offset, 64, loc)
            return Value(build.pointer_add(left.operand, offset, loc), left.type)
        case "-", PointerType(target), PointerType():
            distance = build.pointer_difference(left.operand, right.operand, loc)
            step = ctx.step(target, node)
            if step == 0:
                ctx.unsupported("the distance of pointers to objects without size", node)
            return Value(distance if step == 1 else build.binary("sdiv", distance, Const(step, 64), 64, loc), LONG)
    ctx.input_error(f"'{op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)


def comparison(ctx: Context, op: str, left: Value, right: Value, node: Any) -> Operand:
    """``left op right`` for == != < <= > >=, in one bit; ``node`` is the `BinaryOp`."""
    name, loc = COMPARISONS[op], ctx.loc(node)
    if not is_scalar(left.type) or not is_scalar(right.type):
        ctx.input_error(f"'{op}' does not apply to '{type_name(left.type)}' and '{type_name(right.type)}'", node)
    if isinstance(left.type, PointerType) or isinstance(right.type, PointerType):
        pointer = left.type if isinstance(left.type, PointerType) else right.type
        a, b = convert(ctx, left, pointer, node.left), convert(ctx, right, pointer, node.right)
        return ctx.builder.compare(_compare_op(name, signed=False), a.operand, b.operand, 64, "pointer", loc)
    assert isinstance(left.type, IntType | FloatType) and isinstance(right.type, IntType | FloatType)
    common = common_type(left.type, right.type)
    a, b = convert(ctx, left, common, node.left), convert(ctx, right, common, node.right)
    if isinstance(common, FloatType):
        return ctx.builder.float_compare(_compare_op(name, signed=True), a.operand, b.operand, common.bits, loc)
    return ctx.builder.compare(
        _compare_op(name, signed=common.signed), a.operand, b.operand, common.bits, kind_of(common), loc
    )


def _compare_op(name: str, *, signed: bool) -> CompareOp:
    return name if name in ("eq", "ne") else ("s" if signed else "u") + name  # type: ignore[return-value]
