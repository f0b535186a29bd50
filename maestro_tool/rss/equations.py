"""Constraints -> linear equations over the key bits of all ports.

The related pairs (a, b) of a constraint span a subspace of GF(2)^n, whose coordinates are the bits of both hash
inputs; the indices of a and b agree for all of them if and only if they agree on a basis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from maestro_tool.packet.fields import FIELDS, INPUT_BITS
from maestro_tool.rss.problem import Problem
from maestro_tool.rss.steering import Layout, Mode, modes
from maestro_tool.rss.toeplitz import window
from maestro_tool.sharding.plan import Constraint

#: (side, field, bit); bit 0 is the least significant one of the field, as in `sharding.plan.FieldBits`.
Bit = tuple[int, str, int]
#: For a constraint with a relation: a basis of the span of its related pairs, each vector a set of `Bit`s.
Related = Callable[[Constraint, Mode, Mode], Sequence[frozenset[Bit]]]


@dataclass(frozen=True, slots=True)
class KeyBits:
    """Numbers the key bits of all ports: the unknowns of the system.  ``index_bits``: how many must agree."""

    offsets: tuple[int, ...]
    total: int
    index_bits: int

    @classmethod
    def of(cls, problem: Problem, index_bits: int) -> KeyBits:
        offsets, total = [], 0
        for p in problem.ports:
            offsets.append(total)
            total += 8 * p.key_length
        return cls(tuple(offsets), total, index_bits)

    def column(self, port: int, position: int) -> range:
        """The unknowns that input bit ``position`` of a port adds to the index, most significant first."""
        w = window(position, self.index_bits)
        return range(self.offsets[port] + w.start, self.offsets[port] + w.stop)


def input_positions(mode: Mode) -> Iterator[tuple[str, bool, int, int]]:
    """(field, aligned, bit, position) of each input bit in order; zeros are passed over."""
    position = 0
    for item in mode.items:
        width = INPUT_BITS[item.field]
        for i in range(0 if item.gap else width):
            yield item.field, item.aligned, width - 1 - i, position + i
        position += width


def equations(
    constraint: Constraint, layouts: Sequence[Layout], bits: KeyBits, related: Related
) -> Iterator[frozenset[int]]:
    """Sets of unknowns whose XOR must be 0, for one constraint over all pairs of modes."""
    b_modes = list(modes(constraint, 1, layouts[constraint.ports[1]]))
    for a in modes(constraint, 0, layouts[constraint.ports[0]]):
        for b in b_modes:
            if constraint.relation is None:
                classes = _equal_bits(constraint, a, b)
            else:
                classes = _related_bits(related(constraint, a, b), a, b)
            for columns in classes:
                yield from _vanish(columns, bits)


def _vanish(columns: list[tuple[int, int]], bits: KeyBits) -> Iterator[frozenset[int]]:
    """Equations that make the columns of the input bits (port, position) XOR to zero."""
    ranges = [bits.column(port, position) for port, position in columns]
    if len(ranges) == 1:
        for unknown in ranges[0]:
            yield frozenset((unknown,))
        return
    for unknowns in zip(*ranges, strict=True):
        odd: set[int] = set()
        for u in unknowns:
            odd ^= {u}
        if odd:
            yield frozenset(odd)


def _equal_bits(constraint: Constraint, a: Mode, b: Mode) -> Iterator[list[tuple[int, int]]]:
    """Input bits that have one value in all related pairs; a bit that is free stands alone."""
    parent: dict[Bit, Bit] = {}

    def find(x: Bit) -> Bit:
        while x in parent:
            x = parent[x]
        return x

    for left, right in constraint.equal:
        for i in range(left.high - left.low + 1):
            x, y = find((0, left.field, left.low + i)), find((1, right.field, right.low + i))
            if x != y:
                parent[x] = y
    groups: dict[Bit, list[tuple[int, int]]] = {}
    for side, mode in enumerate((a, b)):
        for field, aligned, bit, position in input_positions(mode):
            # A field that the NIC takes from elsewhere is bound by nothing.
            root = find((side, field, bit)) if aligned else (side + 2, field, bit)
            groups.setdefault(root, []).append((mode.port, position))
    yield from groups.values()


def _related_bits(basis: Sequence[frozenset[Bit]], a: Mode, b: Mode) -> Iterator[list[tuple[int, int]]]:
    where: dict[Bit, tuple[int, int]] = {}
    for side, mode in enumerate((a, b)):
        for field, aligned, bit, position in input_positions(mode):
            if aligned:
                where[side, field, bit] = (mode.port, position)
            else:
                yield [(mode.port, position)]
    for vector in basis:
        hashed = [where[bit] for bit in sorted(vector) if bit in where]
        if hashed:
            yield hashed


def packet_bit(field: str, bit: int) -> tuple[int, int]:
    """(byte of the frame, bit of that byte) of a bit of a field as the NF reads it."""
    f = FIELDS[field]
    return f.offset + (f.bits - 1 - bit) // 8, bit % 8
