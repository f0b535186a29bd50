"""The bytes that software hashes of kinds of frames, where constraints name such as no NIC hashes.

Only bytes that can decide are hashed: one that some constraint about the kind leaves out, or ties to such a byte, must
not matter to any correct key.  They come in the order of what they are tied to: then two kinds need the same bits of
the key, and not some that must agree with each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from maestro_tool.packet.classes import CLASSES, FAMILIES, TCP, plain
from maestro_tool.packet.fields import (
    ADDRESSES_OF,
    HASHABLE,
    HASHABLE6,
    MOST_BYTES,
    Family,
    field_of,
    is_hashable,
    names_of_bytes,
)
from maestro_tool.packet.kinds import base, kind_of, order, parts
from maestro_tool.rss.problem import Problem, named_fields
from maestro_tool.rss.toeplitz import HASH_BITS
from maestro_tool.sharding.plan import Constraint, FieldBits

#: (kind, bytes in the order in which they are hashed); () for parts of such a class that go by their views.
OfBytes = tuple[tuple[str, tuple[str, ...]], ...]
#: Runs of bytes that a kind can have in its input (``fields`` of maestro.h).
MOST_RUNS = 8

#: Where the bytes behind the addresses are that views with ports have.
PORTS_AT: Final[Mapping[Family, int]] = {
    family: max(f.offset + f.size for f in map(field_of, ADDRESSES_OF[family])) for family in FAMILIES
}

#: Port, kind, and a byte of its frames.
_Byte = tuple[int, str, int]


def byte_inputs(problem: Problem, port: int) -> OfBytes:
    """All kinds of the classes of which some kind is hashed by bytes on ``port``, in order."""
    by_bytes = {
        name
        for c in problem.constraints
        for side in (0, 1)
        if c.ports[side] == port and not all(map(is_hashable, named_fields(c, side)))
        for name in c.classes[side]
    }
    if not by_bytes:
        return ()
    tied = _Tied(problem.constraints, by_bytes)
    room = (8 * problem.ports[port].key_length - (HASH_BITS - 1)) // 8
    all_parts = [n for name in by_bytes for n in _parts(problem, port, base(name))]
    assert by_bytes <= set(all_parts), "one list of shapes parts a class"
    return tuple(
        (name, _runs(tied.in_order(port, name)[:room]) if name in by_bytes else ())
        for name in sorted(set(all_parts), key=order)
    )


def _parts(problem: Problem, port: int, of: str) -> tuple[str, ...]:
    """The kinds of a class: what constraints on the port call them tells their shapes."""
    kinds = [
        kind_of(name)
        for c in problem.constraints
        for side in (0, 1)
        if c.ports[side] == port
        for name in c.classes[side]
        if base(name) == of
    ]
    return parts(of, max(kinds, key=lambda kind: len(kind.shapes)).shapes)


def bytes_of_view(problem: Problem, port: int, family: Family) -> tuple[str, ...]:
    """The bytes of the fields of one version of IP that can decide, to be hashed in place of these fields: where only a
    part of an address counts (IPv4 addresses inside of IPv6), the rest would take the key's bits.

    () if there are none, or if constraints are about more than equal fields.
    """
    if any(c.relation is not None or c.in_software for c in problem.constraints):
        return ()
    kinds = {f: plain(f, TCP).name for f in FAMILIES}
    by_family = [
        replace(c, classes=((kinds[_family(c, 0)],), (kinds[_family(c, 1)],))) for c in problem.constraints if c.equal
    ]
    tied = _Tied(by_family, {kinds[6]})
    return _runs(tied.in_order(port, kinds[family]), border=PORTS_AT[family])


def _family(c: Constraint, side: int) -> Family:
    return 4 if named_fields(c, side) <= set(HASHABLE) else 6


class _Tied:
    """Which bytes related packets have in common.  ``by_bytes``: kinds that are hashed by bytes on the port at hand."""

    def __init__(self, constraints: Sequence[Constraint], by_bytes: set[str]) -> None:
        self._deciding = _deciding(constraints)
        self._by_bytes = by_bytes
        self._parent: dict[_Byte, _Byte] = {}
        for c in constraints:
            for x, y in _pairs(c):
                for a, b in product(c.classes[0], c.classes[1]):
                    self._parent[self._root((c.ports[0], a, x))] = self._root((c.ports[1], b, y))
        self._members: dict[_Byte, list[_Byte]] = defaultdict(list)
        for byte in list(self._parent):
            self._members[self._root(byte)].append(byte)

    def _root(self, byte: _Byte) -> _Byte:
        while self._parent.setdefault(byte, byte) != byte:
            byte = self._parent[byte]
        return byte

    def in_order(self, port: int, name: str) -> list[int]:
        """The bytes of the kind that can decide."""

        def rank(byte: int) -> tuple[int, int]:
            tied = [m for m in self._members[self._root((port, name, byte))] if m[0] == port]
            return min((self._place(m) for m in tied), default=_last(byte)), byte

        return sorted(self._deciding.get((port, name), ()), key=rank)

    def _place(self, byte: _Byte) -> int:
        """Where it is in a hash input: that of fields, if the kind is hashed by such."""
        _, name, at = byte
        return (
            _FIELD_PLACES[CLASSES[base(name)].family == 6].get(at, _last(at))
            if name not in self._by_bytes
            else _last(at)
        )


def _last(byte: int) -> int:
    return MOST_BYTES + byte


def _places(names: Iterable[str]) -> dict[int, int]:
    offsets = [f.offset + n for f in map(field_of, names) for n in range(f.size)]
    return {offset: place for place, offset in enumerate(offsets)}


#: Byte -> its place in the hash input of all fields, of IPv4 and of IPv6.
_FIELD_PLACES: Final = (_places(HASHABLE), _places(HASHABLE6))


def _pairs(c: Constraint) -> set[tuple[int, int]]:
    """Bytes of packets a and b of which a constraint equates bits."""
    return {
        (x, y)
        for pair in c.equal
        for x, y in zip(*([_byte_of(f, bit) for bit in range(f.low, f.high + 1)] for f in pair), strict=True)
    }


def _byte_of(f: FieldBits, bit: int) -> int:
    known = field_of(f.field)
    return known.offset + (known.bits - 1 - bit) // 8


def _deciding(constraints: Sequence[Constraint]) -> dict[tuple[int, str], set[int]]:
    """Port and kind -> the bytes that all constraints about it name and tie to such bytes."""
    found: dict[tuple[int, str], set[int]] = {}
    for c in constraints:
        for side in (0, 1):
            named = {f.offset + n for f in map(field_of, named_fields(c, side)) for n in range(f.size)}
            for name in c.classes[side]:
                kind = c.ports[side], name
                found[kind] = found[kind] & named if kind in found else named
    pairs = [(c, _pairs(c)) for c in constraints if c.relation is None]
    changed = True
    while changed:
        changed = False
        for c, tied in pairs:
            for names in product(c.classes[0], c.classes[1]):
                kinds = [(c.ports[side], names[side]) for side in (0, 1)]
                both = [p for p in tied if p[0] in found[kinds[0]] and p[1] in found[kinds[1]]]
                for side, kind in enumerate(kinds):
                    kept = found[kind] & {p[side] for p in both}
                    changed |= kept != found[kind]
                    found[kind] = kept
    return found


def _runs(places: Sequence[int], border: int = 0) -> tuple[str, ...]:
    """Their names, in this order; no run goes across the border."""
    runs: list[list[int]] = []
    for n in (n for n in places if n < MOST_BYTES):
        if runs and runs[-1][-1] + 1 == n and n != border:
            runs[-1].append(n)
        else:
            runs.append([n])
    return tuple(name for run in runs for name in names_of_bytes(run))[:MOST_RUNS]
