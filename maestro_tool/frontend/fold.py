"""Arithmetic on constants, as the instructions define it; None where C leaves the result undefined."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from maestro_tool.frontend.ir import CastOp, CompareOp, FloatCastOp, FloatOp, IntOp
from maestro_tool.frontend.literals import round_to


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def binary(op: IntOp, left: int, right: int, bits: int) -> int | None:
    mask = (1 << bits) - 1
    if op in ("shl", "lshr", "ashr"):
        if right >= bits:
            return None
        if op == "shl":
            return left << right & mask
        return (left if op == "lshr" else signed(left, bits)) >> right & mask
    if op in ("udiv", "urem"):
        return None if right == 0 else left // right if op == "udiv" else left % right
    if op in ("sdiv", "srem"):
        a, b = signed(left, bits), signed(right, bits)
        if b == 0 or (b == -1 and a == -(1 << (bits - 1))):
            return None
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return (quotient if op == "sdiv" else a - b * quotient) & mask
    return _PLAIN[op](left, right) & mask


_PLAIN: dict[IntOp, Callable[[int, int], int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
}

_ORDER: dict[str, Callable[[float, float], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def compare(op: CompareOp, left: int, right: int, bits: int) -> int:
    if op[0] == "s":
        left, right = signed(left, bits), signed(right, bits)
    return int(_ORDER[op if op in ("eq", "ne") else op[1:]](left, right))


def cast(op: CastOp, value: int, from_bits: int, to_bits: int) -> int | None:
    if op == "sext":
        value = signed(value, from_bits)
    return value & ((1 << to_bits) - 1) if op in ("zext", "sext", "trunc") else None


def float_binary(op: FloatOp, left: float, right: float, bits: int) -> float | None:
    try:
        if op == "fdiv":
            return None if right == 0 else round_to(left / right, bits)
        return round_to({"fadd": operator.add, "fsub": operator.sub, "fmul": operator.mul}[op](left, right), bits)
    except OverflowError:
        return None


def float_compare(op: str, left: float, right: float) -> int:
    return int(_ORDER[op](left, right))


def float_cast(op: FloatCastOp, value: float, from_bits: int, to_bits: int) -> float | None:
    """``value`` is an int for conversions from integers; the result is one for those to integers."""
    if op in ("sitofp", "uitofp"):
        number = signed(int(value), from_bits) if op == "sitofp" else int(value)
        exact = float(number)
        # Twice rounded (int -> double -> float) is not always once rounded.
        return None if to_bits == 32 and int(exact) != number else round_to(exact, to_bits)
    if op == "fpconv":
        return round_to(value, to_bits)
    if not math.isfinite(value):
        return None
    number = math.trunc(value)
    low, high = (0, 1 << to_bits) if op == "fptoui" else (-1 << (to_bits - 1), 1 << (to_bits - 1))
    return number & ((1 << to_bits) - 1) if low <= number < high else None
