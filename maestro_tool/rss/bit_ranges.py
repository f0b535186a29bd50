"""Keys whose index is a row of neighbouring bits of one field: what a table can merge where order relates values.

Numbers that arithmetic relates (``port / 3``, ranges) lie close together, so that their leading bits make few indices
meet; what is masked or taken modulo a power of two lies in the trailing ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product, zip_longest

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary, const, substitute
from maestro_tool.expr.symbols import PACKETS, packet_byte
from maestro_tool.packet.fields import FIELDS, HASHABLE
from maestro_tool.rss.equations import KeyBits, input_changes, vanish
from maestro_tool.rss.problem import Problem, reads
from maestro_tool.rss.steering import Layout, modes
from maestro_tool.rss.symmetric import PARTNER, is_source
from maestro_tool.sharding.plan import Constraint
from maestro_tool.solver import BUDGETS, Context

#: Ways to choose a field on each port.
MOST_CHOICES = 16


@dataclass(frozen=True, slots=True)
class BitRange:
    """Bits high..low of each of ``fields``: one field, or a source and its destination whose bits are added (XOR)."""

    fields: tuple[str, ...]
    high: int
    low: int

    @property
    def width(self) -> int:
        return self.high - self.low + 1

    def __str__(self) -> str:
        return " ^ ".join(f"{name}[{self.high}:{self.low}]" for name in self.fields)


#: Per port that relations reach, where its index looks; all of one width.
BitRanges = Mapping[int, BitRange]


@dataclass(frozen=True, slots=True)
class Candidate:
    """``complete``: the index tells apart all that relations can: any table under any key could be had under this."""

    ranges: BitRanges
    complete: bool


def candidates(problem: Problem, index_bits: int, places: int) -> Iterator[Candidate]:
    """The ranges to try for a table of ``index_bits``: ``places`` of each field, from its leading to its last bits."""
    found = (_placed(problem, choice, index_bits, places) for choice in _choices(problem))
    for at_one_place in zip_longest(*found):  # the leading bits of all fields before others
        yield from (c for c in at_one_place if c is not None)


def _placed(problem: Problem, choice: BitRanges, index_bits: int, places: int) -> Iterator[Candidate]:
    narrowest = min(whole.width for whole in choice.values())
    width = min(narrowest, index_bits)
    sides = [(c, side) for c in relations(problem) for side in (0, 1)]
    complete = (
        all(whole.width == width for whole in choice.values())
        and all(len(_relevant(c, side)) == 1 for c, side in sides)
        and len({c.classes[side] for c, side in sides}) == 1
    )
    for skipped in _skipped(narrowest - width, places):
        yield Candidate(
            {p: BitRange(w.fields, w.high - skipped, w.high - skipped - width + 1) for p, w in choice.items()},
            complete,
        )


def relations(problem: Problem) -> tuple[Constraint, ...]:
    """The constraints that are no conjunctions of equal fields."""
    return tuple(c for c in problem.constraints if c.relation is not None)


def range_equations(
    constraint: Constraint, layouts: Sequence[Layout], bits: KeyBits, ranges: BitRanges
) -> Iterator[frozenset[int]]:
    """Sets of unknowns whose XOR must be 0: of packets on either side the index sees the range, and nothing else.

    However and on whichever port a packet is hashed, a place in the range adds the same to the index.
    """
    first: dict[int, frozenset[tuple[int, int]]] = {}
    for side in (0, 1):
        port = constraint.ports[side]
        mine = ranges[port]
        for mode in modes(constraint, side, layouts[port]):
            for (name, aligned, bit), positions in input_changes(mode).items():
                columns = frozenset((port, position) for position in positions)
                if aligned and name in mine.fields and mine.low <= bit <= mine.high:
                    columns ^= first.setdefault(bit - mine.low, columns)
                yield from vanish(columns, bits)


def _choices(problem: Problem) -> Iterator[BitRanges]:
    """What of one field (or pair) the relations depend on, per port."""
    whole: dict[int, dict[tuple[str, ...], BitRange]] = {}
    for c in relations(problem):
        for side in (0, 1):
            found = whole.setdefault(c.ports[side], {})
            for w in (*(r := _relevant(c, side)), *_pairs(r)):
                known = found.setdefault(w.fields, w)
                found[w.fields] = BitRange(w.fields, max(w.high, known.high), min(w.low, known.low))
    ports = sorted(whole)
    for n, chosen in enumerate(product(*(whole[p].values() for p in ports))):
        if n < MOST_CHOICES:
            yield dict(zip(ports, chosen, strict=True))


def _pairs(found: Sequence[BitRange]) -> Iterator[BitRange]:
    by_field = {w.fields[0]: w for w in found}
    for name, w in by_field.items():
        if is_source(name) and (other := by_field.get(PARTNER[name])) is not None:
            yield BitRange((name, PARTNER[name]), max(w.high, other.high), min(w.low, other.low))


def _skipped(most: int, places: int) -> Iterable[int]:
    """How many leading bits to skip, at most ``most``: none and all first, then some numbers between them."""
    steps = min(most, places - 1)
    between = [most * n // steps for n in range(steps + 1)] if steps else [0]
    return sorted(between, key=lambda skipped: (min(skipped, most - skipped), skipped))


@cache
def _relevant(constraint: Constraint, side: int) -> tuple[BitRange, ...]:
    """Per field the bits from the first to the last that the relation depends on (at least)."""
    relation = constraint.relation
    assert relation is not None
    found = []
    for name in HASHABLE:
        if name not in reads(constraint, side):
            continue
        width = FIELDS[name].bits
        high = next((b for b in reversed(range(width)) if _depends(relation, side, name, b)), None)
        if high is not None:
            low = next(b for b in range(width) if b == high or _depends(relation, side, name, b))
            found.append(BitRange((name,), high, low))
    return tuple(found)


def _depends(relation: Expr, side: int, name: str, bit: int) -> bool:
    """Some packets are related that are not if this bit is another, or z3 does not know that there are none."""
    f = FIELDS[name]
    byte = packet_byte(f.offset + f.size - 1 - bit // 8, PACKETS[side])
    flipped = substitute(relation, {byte: binary("xor", byte, const(1 << bit % 8, 8))})
    session = Context().session(BUDGETS.bit)
    session.differ(relation, flipped)
    return session.ask() != "no"
