"""The span of the related pairs of a general constraint, by counterexample-guided refinement with z3.

For a direction w (a set of bits of the two packets) ask z3 for a related pair in which the XOR of those bits is 1.
If there is one, it is a new vector of the span; if not, w is proved to vanish on all related pairs.  Either answer
settles one dimension, so that n queries give the span exactly, and the refusals are its proof.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import FALSE, extract, land, lor, symbols
from maestro_tool.expr.symbols import PACKETS, Packet, packet_byte
from maestro_tool.packet.classes import View, exact_view_predicate
from maestro_tool.packet.fields import HASHABLE, INPUT_BITS
from maestro_tool.packet.kinds import predicate
from maestro_tool.rss import relation
from maestro_tool.rss.equations import FRAME, SORTED, Bit, aligned_bits
from maestro_tool.rss.gf2 import Span
from maestro_tool.rss.steering import Mode
from maestro_tool.sharding.plan import Constraint
from maestro_tool.solver import BUDGETS, Context

#: Fields by the names of the smaller and the larger of a source and its destination.
_SORTED: Final = {name: field for field, name in SORTED.items()}


class RelatedPairs:
    """Answers `equations.Related`; remembers spans, since most pairs of modes share one."""

    def __init__(self) -> None:
        self._spans: dict[object, tuple[frozenset[Bit], ...]] = {}

    def __call__(self, constraint: Constraint, a: Mode, b: Mode) -> tuple[frozenset[Bit], ...]:
        """A basis of the span of the related pairs of frames hashed in these modes.

        ResourceLimitError if z3 gives up.
        """
        bits = (*_coordinates(0, a), *_coordinates(1, b))
        conditions = [relation.related(constraint)]
        if not _only_hashable(conditions[0]):  # otherwise classes and views, which never look there, change nothing
            conditions += [membership(a.members, "a"), membership(b.members, "b")]
        key = (tuple(conditions), bits)
        if key not in self._spans:
            self._spans[key] = _span(*key)
        return self._spans[key]


def _coordinates(side: int, mode: Mode) -> tuple[Bit, ...]:
    """The bits that the hash can depend on; of IPv4 all, so that modes share their spans."""
    found = dict.fromkeys(aligned_bits(side, mode))
    if all(name in HASHABLE for _, name, _ in found):
        return tuple((side, name, bit) for name in HASHABLE for bit in range(INPUT_BITS[name]))
    return tuple(sorted(found))


def membership(members: tuple[tuple[str, View | None], ...], packet: Packet) -> Expr:
    """The packet is a frame of one of these (kind, view)."""
    either = (land(predicate(c, packet), exact_view_predicate(v, packet)) for c, v in members)
    return reduce(lor, either, FALSE)


def _only_hashable(condition: Expr) -> bool:
    hashable = {s for side in (0, 1) for name in HASHABLE for s in symbols(relation.field(side, name))}
    return hashable.issuperset(symbols(condition))


def _span(conditions: tuple[Expr, ...], bits: tuple[Bit, ...]) -> tuple[frozenset[Bit], ...]:
    session = Context().session(BUDGETS.span, conditions)
    expressions = [bit_term(bit) for bit in bits]
    calculate = Numbers(expressions)
    places = frozenset[Expr]().union(*map(symbols, expressions))
    found: list[int] = []
    # Directions that are still open: a basis of what is orthogonal to all vectors found so far.
    open_directions = [1 << i for i in range(len(bits))]
    while open_directions:
        w = open_directions.pop(0)
        answer = session.ask_odd([e for i, e in enumerate(expressions) if w >> i & 1])
        if answer == "unknown":
            raise ResourceLimitError(f"could not decide which packets are related: z3 gave up ({session.reason})")
        if answer == "no":
            continue  # w vanishes on every related pair: proved
        pair = calculate({e: session.number(e) for e in places})
        vector = sum(bit << i for i, bit in enumerate(pair))
        found.append(vector)
        open_directions = [d ^ w if (d & vector).bit_count() & 1 else d for d in open_directions]
    basis = _reduced(found)
    return tuple(frozenset(bits[i] for i in range(len(bits)) if v >> i & 1) for v in basis)


def bit_term(bit: Bit) -> Expr:
    """The bit of packet a or b as a 1-bit expression over ``a.pkt.N`` and ``b.pkt.N``."""
    side, name, index = bit
    if name == FRAME:
        byte = packet_byte(index // 8, PACKETS[side])
        return extract(byte, 7 - index % 8, 7 - index % 8)
    sort = _SORTED.get(name)
    value = relation.field(side, name) if sort is None else relation.sorted_field(side, sort)
    return extract(value, index, index)


def _reduced(vectors: list[int]) -> list[int]:
    """The reduced basis of the same span: sparse equations, and independent of what z3 happened to answer."""
    rows = Span(vectors).rows
    for lead in sorted(rows):
        for other in rows:
            if other > lead and rows[other] >> lead & 1:
                rows[other] ^= rows[lead]
    return [rows[lead] for lead in sorted(rows)]
