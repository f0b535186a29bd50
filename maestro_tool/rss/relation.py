"""Constraints and hash inputs as expressions over the bytes ``a.pkt.N`` and ``b.pkt.N`` of two frames, for z3."""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, compare, concat, eq, extract, ite, land
from maestro_tool.expr.symbols import PACKETS, packet_byte
from maestro_tool.packet.fields import field_of
from maestro_tool.rss.symmetric import PARTNER, is_source
from maestro_tool.sharding.plan import Constraint


def field(side: int, name: str) -> Expr:
    """A field of packet a or b where the NF reads it."""
    f = field_of(name)
    return concat(*(packet_byte(f.offset + n, PACKETS[side]) for n in range(f.size)))


def sorted_field(side: int, name: str) -> Expr:
    """The smaller of a source and its destination (the larger, if ``name`` is the destination)."""
    own, other = field(side, name), field(side, PARTNER[name])
    less = compare("ult", own, other)
    return ite(less, own, other) if is_source(name) else ite(less, other, own)


def related(constraint: Constraint) -> Expr:
    """The condition under which packets a and b must meet."""
    result = TRUE if constraint.relation is None else constraint.relation
    for left, right in constraint.equal:
        a, b = field(0, left.field), field(1, right.field)
        result = land(result, eq(extract(a, left.high, left.low), extract(b, right.high, right.low)))
    return result
