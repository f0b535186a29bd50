"""Concrete IEEE arithmetic; floating-point numbers occur in set-up only."""

from __future__ import annotations

import math
import operator
import struct
from collections.abc import Callable
from typing import Final

_FORMAT: Final = {32: ("<f", "<I"), 64: ("<d", "<Q")}

COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def rounded(value: float, bits: int) -> float:
    """``value`` in the precision of ``bits``."""
    try:
        result = float(value)
        return float(struct.unpack("<f", struct.pack("<f", result))[0]) if bits == 32 else result
    except OverflowError:
        return math.copysign(math.inf, value)


def binary(op: str, left: float, right: float, bits: int) -> float:
    if op == "fdiv" and right == 0:
        negative = math.copysign(1, left) * math.copysign(1, right) < 0
        return math.nan if left == 0 or math.isnan(left) else -math.inf if negative else math.inf
    function = {"fadd": operator.add, "fsub": operator.sub, "fmul": operator.mul, "fdiv": operator.truediv}[op]
    return rounded(function(left, right), bits)


def to_bits(value: float, bits: int) -> int:
    """The IEEE encoding."""
    as_float, as_int = _FORMAT[bits]
    return int(struct.unpack(as_int, struct.pack(as_float, value))[0])


def from_bits(value: int, bits: int) -> float:
    as_float, as_int = _FORMAT[bits]
    return float(struct.unpack(as_float, struct.pack(as_int, value))[0])


def to_integer(value: float, bits: int, signed: bool) -> int:
    """Truncated towards zero; ValueError where C leaves it undefined."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if not math.isfinite(value) or not low <= math.trunc(value) <= high:
        raise ValueError(f"{value} does not fit into {bits} bits")
    return math.trunc(value)
