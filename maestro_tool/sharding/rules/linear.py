"""What is left to part packets by, for any linear function of their bits: cards' hashes (Toeplitz) are that.

A linear function has a coefficient per bit.  That related packets get one value, whatever is in them, says which
coefficients add up to 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from functools import reduce
from operator import xor
from typing import TypeVar

from maestro_tool.sharding.plan import Constraint

Cell = TypeVar("Cell", bound=Hashable)
Bit = TypeVar("Bit", bound=Hashable)

#: A bit of a named field: its number, counted from the least significant.
FieldBit = tuple[str, int]


def bit_pairs(c: Constraint) -> frozenset[tuple[FieldBit, FieldBit]]:
    """The bits that are equal in the two packets that a constraint relates."""
    return frozenset(
        ((x.field, x.low + i), (y.field, y.low + i)) for x, y in c.equal for i in range(x.high - x.low + 1)
    )


def all_meet(
    named: Mapping[Cell, Collection[Bit]], related: Iterable[tuple[tuple[Cell, Cell], Iterable[tuple[Bit, Bit]]]]
) -> bool:
    """Whether all packets of some cell meet: no linear function that gives related packets one value parts them.

    ``named``: by cell (packets that are hashed alike), the bits that the function has.  ``related``: cells of two
    packets, and the bits, of the one and of the other, that are equal if they must meet.
    """
    number = {bit: n for n, bit in enumerate((cell, b) for cell in named for b in named[cell])}
    zero = Span()
    # What does not count of a bit by itself need not be asked again: of hundreds of relations, few say more.
    left = {cell: set(bits) for cell, bits in named.items()}
    for cells, pairs in related:
        for together in _together(cells, pairs, left):
            zero.add(reduce(xor, (1 << number[bit] for bit in together)))
            if len(together) == 1:
                left[together[0][0]].discard(together[0][1])
        if not all(left[cell] for cell in cells):
            return True
    return any(all(zero.has(1 << number[cell, b]) for b in bits) for cell, bits in named.items())


def _together(
    cells: tuple[Cell, Cell], pairs: Iterable[tuple[Bit, Bit]], named: Mapping[Cell, Collection[Bit]]
) -> Iterable[list[tuple[Cell, Bit]]]:
    """The bits of two related packets, in sets of those that must be equal; a bit of both is there twice.

    (A bit that no other is equal to is such a set, too: it may be 0 or 1.)
    """
    parent: dict[tuple[int, Bit], tuple[int, Bit]] = {}

    def find(x: tuple[int, Bit]) -> tuple[int, Bit]:
        while parent.setdefault(x, x) != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for x, y in pairs:
        parent[find((0, x))] = find((1, y))
    found: dict[tuple[int, Bit], list[tuple[Cell, Bit]]] = defaultdict(list)
    for side, cell in enumerate(cells):
        for bit in named[cell]:
            found[find((side, bit))].append((cell, bit))
    return found.values()


class Span:
    """The sums (exclusive or) of rows of bits."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}  # by their highest bit

    def _rest(self, row: int) -> int:
        while (known := self._rows.get(row.bit_length())) is not None:
            row ^= known
        return row

    def add(self, row: int) -> None:
        if rest := self._rest(row):
            self._rows[rest.bit_length()] = rest

    def has(self, row: int) -> bool:
        return not self._rest(row)
