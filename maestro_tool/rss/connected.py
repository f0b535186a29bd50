"""Proof that a relation leaves no choice: it connects all packets of a port, so that no key and no table parts them.

If every packet but one is related to one that comes before it, a chain leads from each to the first.  z3 is asked for
all packets at once; where the chain needs other steps than those tried here, nothing is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, binary, compare, const, extract, ite, land, lor, substitute
from maestro_tool.expr.symbols import PACKETS, packet_byte
from maestro_tool.packet.fields import FIELDS, HASHABLE
from maestro_tool.rss import relation
from maestro_tool.rss.problem import named_fields
from maestro_tool.sharding.plan import Constraint
from maestro_tool.solver import BUDGETS, Context

Packet = dict[str, Expr]


def connects_all(constraint: Constraint) -> bool:
    """True: proved.  All frames of its classes on its port then meet, whatever key and table."""
    names = tuple(sorted(named_fields(constraint, 0) | named_fields(constraint, 1)))
    one_kind = constraint.ports[0] == constraint.ports[1] and constraint.classes[0] == constraint.classes[1]
    if not one_kind or not set(names) <= set(HASHABLE):
        return False  # other bytes would say to which class a frame belongs
    if not names:
        return relation.related(constraint) == TRUE
    packet = {name: relation.field(0, name) for name in names}
    before = reduce(lor, (_met(constraint, packet, other) for other in _before(packet)), FALSE)
    first = reduce(land, (_is_zero(value) for value in packet.values()))
    return Context().follows((), lor(first, before), BUDGETS.chain)


def _before(packet: Packet) -> Iterator[Packet]:
    """Packets that come before one (field by field nothing is larger, and something smaller) unless they equal it."""
    for name, value in packet.items():
        less = ite(_is_zero(value), value, binary("sub", value, const(1, value.width)))
        for smaller in (less, binary("and", value, less), const(0, value.width)):
            yield packet | {name: smaller}


def _met(constraint: Constraint, packet: Packet, other: Packet) -> Expr:
    """``other`` is another packet and related to ``packet``, as either of the two."""
    differs = reduce(lor, (_differ(packet[name], other[name]) for name in packet), FALSE)
    return land(differs, lor(_related(constraint, packet, other), _related(constraint, other, packet)))


def _differ(a: Expr, b: Expr) -> Expr:
    return lor(compare("ult", a, b), compare("ult", b, a))


def _related(constraint: Constraint, a: Packet, b: Packet) -> Expr:
    values: dict[Expr, Expr] = {}
    for side, packet in zip(PACKETS, (a, b), strict=True):
        for name, value in packet.items():
            f = FIELDS[name]
            for n in range(f.size):
                low = 8 * (f.size - 1 - n)
                values[packet_byte(f.offset + n, side)] = extract(value, low + 7, low)
    return substitute(relation.related(constraint), values)


def _is_zero(value: Expr) -> Expr:
    return compare("eq", value, const(0, value.width))
