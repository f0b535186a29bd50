"""Constraints -> linear equations over the key bits of all ports.

The related pairs (a, b) of a constraint span a subspace of GF(2)^n, whose coordinates are the bits of both hash
inputs; the indices of a and b agree for all of them if and only if they agree on a basis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from maestro_tool.packet.fields import field_of, input_bits
from maestro_tool.rss.problem import Problem
from maestro_tool.rss.steering import Layout, Mode, is_of_bytes, modes
from maestro_tool.rss.symmetric import PARTNER
from maestro_tool.rss.toeplitz import window
from maestro_tool.sharding.plan import Constraint, FieldBits

#: (side, field, bit); bit 0 is the least significant one of the field, as in `sharding.plan.FieldBits`.
Bit = tuple[int, str, int]
#: (field, aligned, bit) of a packet; see `steering.Item`.
Term = tuple[str, bool, int]
#: The names of the smaller and the larger of a source and its destination, by those fields.
SORTED: Final = {name: f"sorted {name}" for name in PARTNER}
#: The name of the whole frame, where bytes are hashed: its bits are counted from the first on the wire.
FRAME = "frame"
#: A basis of the span of the related pairs of a constraint, each vector a set of `Bit`s.
Related = Callable[[Constraint, Mode, Mode], Sequence[frozenset[Bit]]]


@dataclass(frozen=True, slots=True)
class KeyBits:
    """Numbers the key bits of all ports: the unknowns of the system.  ``index_bits``: how many must agree.

    Where some NIC has a key of its own, unknown 0 stands for the number 1, which its bits are compared with.
    """

    offsets: tuple[int, ...]
    total: int
    index_bits: int

    @classmethod
    def of(cls, problem: Problem, index_bits: int) -> KeyBits:
        offsets, total = [], int(any(p.fixed_key for p in problem.ports))
        for p in problem.ports:
            offsets.append(total)
            total += 8 * p.key_length
        return cls(tuple(offsets), total, index_bits)

    def fixed(self, port: int, key: bytes) -> Iterator[frozenset[int]]:
        """Equations that give a port this key."""
        value = int.from_bytes(key, "big")
        for i in range(8 * len(key)):
            unknown = self.offsets[port] + i
            yield frozenset((0, unknown) if value >> (8 * len(key) - 1 - i) & 1 else (unknown,))

    def column(self, port: int, position: int) -> range:
        """The unknowns that input bit ``position`` of a port adds to the index, most significant first."""
        w = window(position, self.index_bits)
        return range(self.offsets[port] + w.start, self.offsets[port] + w.stop)


def input_positions(mode: Mode) -> Iterator[tuple[int, tuple[Term, ...]]]:
    """Each input bit with the bits whose XOR it is, in order; zeros are passed over."""
    position = 0
    for item in mode.items:
        width = input_bits(item.field)
        if is_of_bytes(item.field):
            first = 8 * field_of(item.field).offset
            yield from ((position + i, ((FRAME, True, first + i),)) for i in range(width))
            position += width
            continue
        names = (SORTED[item.field],) if item.function == "sort" else item.sources
        for i in range(0 if item.gap else width):
            yield position + i, tuple((name, item.aligned, width - 1 - i) for name in names)
        position += width


def equations(
    constraint: Constraint, layouts: Sequence[Layout], bits: KeyBits, related: Related
) -> Iterator[frozenset[int]]:
    """Sets of unknowns whose XOR must be 0, for one constraint over all pairs of modes."""
    b_modes = list(modes(constraint, 1, layouts[constraint.ports[1]]))
    for a in modes(constraint, 0, layouts[constraint.ports[0]]):
        for b in b_modes:
            if constraint.relation is None and not _sorts(a) and not _sorts(b):
                vectors = _equal_bits(constraint, a, b)
            else:
                vectors = related(constraint, a, b)
            for columns in _columns(vectors, a, b):
                yield from vanish(columns, bits)


def _sorts(mode: Mode) -> bool:
    return any(item.function == "sort" for item in mode.items)


def aligned_bits(side: int, mode: Mode) -> Iterator[Bit]:
    """The bits of a packet, as the NF reads it, that its hash depends on; some more than once."""
    for _, terms in input_positions(mode):
        yield from ((side, name, bit) for name, aligned, bit in terms if aligned)


def input_changes(mode: Mode) -> dict[Term, set[int]]:
    """For each bit of the packet that the hash depends on, the input bits that it changes."""
    changes: dict[Term, set[int]] = {}
    for position, terms in input_positions(mode):
        for term in terms:
            changes.setdefault(term, set()).add(position)
    return changes


def _columns(vectors: Iterable[Iterable[Bit]], a: Mode, b: Mode) -> Iterator[set[tuple[int, int]]]:
    """Input bits (port, position) whose columns must XOR to zero; ``vectors``: bits that may change together."""
    aligned: dict[Bit, set[tuple[int, int]]] = {}
    free: dict[Bit, set[tuple[int, int]]] = {}  # what the NIC takes from elsewhere is bound by nothing
    for side, mode in enumerate((a, b)):
        for position, terms in input_positions(mode):
            for name, as_read, bit in terms:
                (aligned if as_read else free).setdefault((side, name, bit), set()).add((mode.port, position))
    for vector in vectors:
        together: set[tuple[int, int]] = set()
        for changed in vector:
            together ^= aligned.get(changed, set())  # where both packets change the same input bit, nothing changes
        yield together
    yield from free.values()


def vanish(columns: Iterable[tuple[int, int]], bits: KeyBits) -> Iterator[frozenset[int]]:
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


def _name(mode: Mode, part: FieldBits, i: int) -> tuple[str, int]:
    """Bit ``i`` of a part of a field, counted from its least significant one, as the mode calls it."""
    bit = part.low + i
    if not mode.of_bytes:
        return part.field, bit
    f = field_of(part.field)
    return FRAME, 8 * f.offset + f.bits - 1 - bit


def _equal_bits(constraint: Constraint, a: Mode, b: Mode) -> Sequence[frozenset[Bit]]:
    """Bits that have one value in all related pairs; a bit that is free stands alone."""
    parent: dict[Bit, Bit] = {}

    def find(x: Bit) -> Bit:
        while x in parent:
            x = parent[x]
        return x

    for left, right in constraint.equal:
        for i in range(left.high - left.low + 1):
            x, y = find((0, *_name(a, left, i))), find((1, *_name(b, right, i)))
            if x != y:
                parent[x] = y
    groups: dict[Bit, list[Bit]] = {}
    for bit in dict.fromkeys((*aligned_bits(0, a), *aligned_bits(1, b))):
        groups.setdefault(find(bit), []).append(bit)
    return [frozenset(group) for group in groups.values()]
