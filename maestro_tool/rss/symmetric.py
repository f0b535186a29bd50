"""Hash functions that treat source and destination alike, as cards offer them beside plain Toeplitz.

``xor``: both are replaced by source ^ destination, each in its place (RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ of
rte_flow.h: "src, dst will be replaced by xor(src, dst)"; Linux calls it symmetric-xor and says so of both copies).
``sort``: the smaller comes first, addresses and ports each for themselves (..._SYMMETRIC_TOEPLITZ_SORT).
The C twin is in steering.c of the runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from maestro_tool.packet.fields import HASHABLE_OF, INPUT_BITS

Function = Literal["toeplitz", "xor", "sort"]
FUNCTIONS: Final[tuple[Function, ...]] = ("toeplitz", "xor", "sort")

_PAIRS: Final = tuple(pair for names in HASHABLE_OF.values() for pair in (names[:2], names[2:]))
_SOURCES: Final = frozenset(source for source, _ in _PAIRS)
#: The other end's field.
PARTNER: Final[dict[str, str]] = {a: b for x, y in _PAIRS for a, b in ((x, y), (y, x))}


def is_source(field: str) -> bool:
    return field in _SOURCES


def paired(fields: Sequence[str]) -> tuple[str, ...]:
    """Those of ``fields`` whose partner is there, too: the input of a symmetric function."""
    return tuple(f for f in fields if PARTNER.get(f) in fields)


def applied(function: Function, fields: Sequence[str], data: bytes) -> bytes:
    """The bytes that are hashed; ``data``: the fields one after the other, as the frame has them."""
    if function == "toeplitz":
        return data
    values, start = {}, 0
    for field in fields:
        size = INPUT_BITS[field] // 8
        values[field] = data[start : start + size]
        start += size
    return b"".join(_mixed(function, field, values) for field in fields)


def _mixed(function: Function, field: str, values: dict[str, bytes]) -> bytes:
    own, other = values[field], values.get(PARTNER.get(field, ""))
    if other is None:
        return own
    if function == "xor":
        return bytes(x ^ y for x, y in zip(own, other, strict=True))
    return min(own, other) if is_source(field) else max(own, other)
