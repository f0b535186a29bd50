"""Constraints in words: header fields and C, instead of the bytes and bits that the solver sees."""

from __future__ import annotations

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import substitute, symbols
from maestro_tool.expr.symbols import PacketByte, packet_byte
from maestro_tool.expr.walk import operands
from maestro_tool.packet.fields import FIELDS, field_of
from maestro_tool.packet.terms import Terms, part_of_field
from maestro_tool.sharding.plan import Constraint, FieldBits

#: Where `_side_by_side` has packet b: behind the longest frame.
_SECOND = 1 << 16


def sentence(c: Constraint) -> str:
    """A constraint on one line: ``port 0 (src_ip) = port 1 (dst_ip)``, ``port 0: equal (src_port ^ dst_port)``."""
    p, q = c.ports
    sides = _fields(c) if c.relation is None else _sides(c.relation)
    if sides is None:
        return f"packets a on port {p} and b on port {q}: {expression(c)}"
    left, right = (", ".join(side) for side in sides)
    return f"port {p}: equal ({left})" if p == q and left == right else f"port {p} ({left}) = port {q} ({right})"


def expression(c: Constraint) -> str | None:
    """The relation, if it has one, in C: ``(a.src_ip ^ a.dst_ip) == (b.src_ip ^ b.dst_ip)``."""
    if c.relation is None:
        return None
    fields = {(f.offset + at, f.size): f"{mark}.{f.name}" for mark, at in _PLACES for f in FIELDS.values()}
    return Terms(fields).value(_renamed(c.relation, dict(_PLACES)))


_PLACES = (("a", 0), ("b", _SECOND))


def field_text(f: FieldBits) -> str:
    """``src_ip``, or a part of it: ``src_ip/24``, ``src_port & 0xff``."""
    return part_of_field(f.field, field_of(f.field).bits, f.high, f.low)


def _fields(c: Constraint) -> tuple[list[str], list[str]]:
    return [field_text(a) for a, _ in c.equal], [field_text(b) for _, b in c.equal]


def _sides(relation: Expr) -> tuple[list[str], list[str]] | None:
    """What packet a and packet b have equal, pair by pair; None if the relation says something else."""
    terms = Terms({(f.offset, f.size): f.name for f in FIELDS.values()})
    pairs: dict[tuple[str, str], None] = {}
    for part in operands(relation, "land"):
        if part.op != "eq":
            return None
        x, y = part.args if "b" not in _packets(part.args[0]) else reversed(part.args)
        if "b" in _packets(x) or "a" in _packets(y):
            return None
        x, y = terms.equality(*(_renamed(e, {"a": 0, "b": 0}) for e in (x, y)))
        pairs[terms.value(x), terms.value(y)] = None
    return [x for x, _ in pairs], [y for _, y in pairs]


def _packets(e: Expr) -> set[str]:
    return {s.value.packet for s in symbols(e) if isinstance(s.value, PacketByte)}


def _renamed(e: Expr, places: dict[str, int]) -> Expr:
    """The bytes ``a.pkt.N`` and ``b.pkt.N`` as ``pkt.N``, moved by ``places``."""

    bytes_ = {s: s.value for s in symbols(e) if isinstance(s.value, PacketByte)}
    return substitute(e, {s: packet_byte(places[b.packet] + b.offset) for s, b in bytes_.items()})
