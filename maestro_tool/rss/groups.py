"""Groups of indices that one worker must have: the connected components of the indices that related packets meet.

Found by what proves them (``prove``): each counterexample joins two groups, until there is none.  Since z3 would have
to name hundreds of pairs one by one, each is also tried at the other places of the range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import PACKETS, PacketByte, PacketLength
from maestro_tool.packet.fields import FIELDS, Family
from maestro_tool.rss import prove, quality, relation
from maestro_tool.rss.bit_ranges import BitRange, BitRanges
from maestro_tool.rss.model import PortModel, hash_input, port_models
from maestro_tool.rss.problem import HashSetup
from maestro_tool.rss.solution import PortSolution, RssSolution, ports_json
from maestro_tool.rss.steering import Layout
from maestro_tool.rss.toeplitz import toeplitz
from maestro_tool.sharding.plan import Constraint

#: Bytes of the frames that counterexamples are made into: more than any constraint reads.
FRAME = 256

Pair = tuple[bytes, bytes]


def grouped(constraints: tuple[Constraint, ...], solution: RssSolution, ranges: BitRanges) -> RssSolution | None:
    """The solution with the finest groups for which packets that any of ``constraints`` relates meet one.

    None if there is one group only, or a counterexample cannot be followed.  ResourceLimitError if z3 gives up.
    """
    components = _Components(solution.ports[0].table_size)
    for constraint in constraints:
        pairs = _Pairs(constraint, solution, ranges)
        while (found := prove.counterexample(constraint, replace(solution, groups=components.numbers()))) is not None:
            pair = pairs.frames(found)
            if not components.join(*pairs.indices(pair)):
                return None
            for indices, other in pairs.moved(pair):
                if not components.together(*indices) and pairs.related(other):
                    components.join(*indices)
            if components.count == 1:
                return None
    return replace(solution, groups=components.numbers())


def traffic_columns(p: PortSolution, family: Family = 4) -> quality.Columns:
    """Per field of ordinary traffic what each of its bits adds to the index."""
    setup = None if p.setup is None else HashSetup(p.setup, p.rss_hf, p.hashed, p.padded, p.function, p.rules)
    positions = Layout(setup, p.software, p.steering, p.of_bytes).traffic_positions(family)
    return quality.field_columns(p.key, positions, p.table_size.bit_length() - 1)


def range_columns(p: PortSolution, bits: BitRange) -> Sequence[int]:
    """What each bit of the range adds to the index, most significant first; of a pair what its source's bits add."""
    columns = traffic_columns(p).get(bits.fields[0], ())
    return columns[len(columns) - 1 - bits.high : len(columns) - bits.low]


class _Components:
    """A partition of the indices that gets coarser."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self.count = size

    def _root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def together(self, a: int, b: int) -> bool:
        return self._root(a) == self._root(b)

    def join(self, a: int, b: int) -> bool:
        """False if they were together before."""
        low, high = sorted((self._root(a), self._root(b)))
        if low == high:
            return False
        self._parent[high] = low
        self.count -= 1
        return True

    def numbers(self) -> tuple[int, ...]:
        """See `RssSolution.groups`; () while each index is alone."""
        if self.count == len(self._parent):
            return ()
        roots = [self._root(i) for i in range(len(self._parent))]
        number = {root: n for n, root in enumerate(dict.fromkeys(roots))}
        return tuple(number[root] for root in roots)


class _Pairs:
    """Pairs of frames for one constraint."""

    def __init__(self, constraint: Constraint, solution: RssSolution, ranges: BitRanges) -> None:
        models = port_models({"ports": ports_json(solution)})
        self._models = tuple(models[p] for p in constraint.ports)
        self._ranges = tuple(ranges[p] for p in constraint.ports)
        self._added = tuple(
            _added(range_columns(solution.ports[p], w)) for p, w in zip(constraint.ports, self._ranges, strict=True)
        )
        self._related = relation.related(constraint)
        self._calculate = Numbers([self._related])
        about = symbols(self._related)
        self._bytes = [
            (s, PACKETS.index(s.value.packet), s.value.offset) for s in about if isinstance(s.value, PacketByte)
        ]
        self._bytes_decide = len(self._bytes) == len(about)

    def frames(self, values: Mapping[str, int]) -> Pair:
        """The two frames of a counterexample."""
        made = []
        for packet in PACKETS:
            frame = bytearray(values.get(str(PacketLength(packet)), FRAME))
            for n in range(len(frame)):
                frame[n] = values.get(str(PacketByte(n, packet)), 0)
            made.append(bytes(frame))
        return made[0], made[1]

    def indices(self, pair: Pair) -> tuple[int, int]:
        a, b = (_index(model, frame) for model, frame in zip(self._models, pair, strict=True))
        return a, b

    def related(self, pair: Pair) -> bool:
        """Certainly related."""
        if not self._bytes_decide:
            return False
        return bool(self._calculate({s: pair[side][n] for s, side, n in self._bytes})[0])

    def moved(self, pair: Pair) -> Iterator[tuple[tuple[int, int], Pair]]:
        """The same distance at all other places of the range, with the indices that it meets there."""
        start = self.indices(pair)
        values = [_value(bits, frame) for bits, frame in zip(self._ranges, pair, strict=True)]
        for n in range(1, 1 << self._ranges[0].width):
            frames, indices = [], []
            for bits, frame, added, index, old in zip(self._ranges, pair, self._added, start, values, strict=True):
                frames.append(_moved(frame, bits.fields[0], n << bits.low))
                indices.append(index ^ added[old] ^ added[_value(bits, frames[-1])])
            yield (indices[0], indices[1]), (frames[0], frames[1])


def _added(columns: Sequence[int]) -> list[int]:
    """Per value of a range what it adds to the index."""
    result = [0]
    for column in reversed(columns):
        result += [value ^ column for value in result]
    return result


def _value(bits: BitRange, frame: bytes) -> int:
    """The value of the range."""
    value = 0
    for name in bits.fields:
        f = FIELDS[name]
        value ^= int.from_bytes(frame[f.offset : f.offset + f.size], "big")
    return value >> bits.low & ((1 << bits.width) - 1)


def _moved(frame: bytes, field: str, distance: int) -> bytes:
    """The frame with ``distance`` added to the field."""
    f = FIELDS[field]
    value = int.from_bytes(frame[f.offset : f.offset + f.size], "big") + distance
    return frame[: f.offset] + (value % (1 << f.bits)).to_bytes(f.size, "big") + frame[f.offset + f.size :]


def _index(model: PortModel, frame: bytes) -> int:
    _, fields, data = hash_input(model, frame)
    return toeplitz(model.key, data) & (model.table_size - 1) if fields else 0
