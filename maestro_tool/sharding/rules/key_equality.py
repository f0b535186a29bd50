"""R1, key equality: packets that name one entry of an object, one of which changes it, meet on one core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, eq, land, lor, substitute, symbols
from maestro_tool.expr.symbols import PACKETS, Packet, PacketByte, of_packet
from maestro_tool.packet import classes
from maestro_tool.packet.fields import FIELDS, HASHABLE_OF, PORTS_OF, Family
from maestro_tool.sharding.facts.bits import pair_fields
from maestro_tool.sharding.facts.dependencies import dependencies
from maestro_tool.sharding.facts.reach import Reach, bytes_of
from maestro_tool.sharding.plan import Code, Constraint, Dependency, FieldBits, Obstacle
from maestro_tool.symex.callpath import CallPath


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair of accesses: a path, the entry's name there, and who gets there.

    ``family``: what header fields are read by (`Reach.family`).  ``when``: what they are then
    (`Reach.known_of_fields`); TRUE: anything, or not asked.  ``ties``: fields that have one value then (`Reach.ties`).
    """

    path: CallPath
    name: tuple[Expr, ...]
    classes: tuple[str, ...]
    loc: int
    family: Family
    when: Expr = TRUE
    ties: tuple[tuple[str, str], ...] = ()

    @property
    def port(self) -> int:
        return self.path.port


def key_equality(obj: int, a: Side, b: Side) -> Constraint | Obstacle | None:
    """R1: packets that name one entry of ``obj`` meet.  None: the two sides can never name the same entry.

    R4 if nothing of the key is hashable: an obstacle that names what the key depends on.
    """
    pairs: list[tuple[FieldBits, FieldBits]] = []
    for x, y in zip(a.name, b.name, strict=True):
        found, _, possible = pair_fields(x, y, (a.family, b.family))
        if not possible:
            return None
        pairs += found
    pairs += [(other, y) for x, y in pairs for other in _tied(x, a.ties)]
    pairs += [(x, other) for x, y in pairs for other in _tied(y, b.ties)]
    if a.port > b.port:
        a, b = b, a
        pairs = [(y, x) for x, y in pairs]
    ports, classes = (a.port, b.port), (a.classes, b.classes)
    locs = tuple(dict.fromkeys((a.loc, b.loc)))
    if pairs:
        # A key may say more (the protocol, say): sharding on the rest is coarser, hence sound.
        return Constraint(ports, tuple(dict.fromkeys(pairs)), classes, "R1", (obj,), locs)
    relation = _relation(a, b)
    sides = [(s, e) for s in (a, b) for e in (*s.name, s.when)]
    named = frozenset[Dependency]().union(*(dependencies(s.path, e, s.family) for s, e in sides))
    depends = tuple(sorted(named, key=repr))
    if relation is not None and (a.family, b.family) != (4, 4):
        return Obstacle(Code.KEY_COMPUTED_OF_IPV6, (obj,), locs, fields=depends)
    if relation is not None:
        return Constraint(ports, (), classes, "R1", (obj,), locs, relation)
    return Obstacle(Code.KEY_NOT_HASHED if depends else Code.KEY_CONSTANT, (obj,), locs, fields=depends)


def _tied(bits: FieldBits, ties: tuple[tuple[str, str], ...]) -> Iterable[FieldBits]:
    """Bits of other fields that have the same value."""
    for x, y in ties:
        if bits.field in (x, y):
            yield replace(bits, field=y if bits.field == x else x)


def within_view(
    reach: Reach, constraint: Constraint, paths: tuple[set[int], set[int]], obj: int
) -> Iterable[Constraint | Obstacle]:
    """The constraint, if every frame on either side has its fields; else why not.

    If only ports are missing (those of SCTP, say, are in no view), what of it is about addresses will do: that relates
    more packets.
    """
    missing = tuple(outside_view(reach, constraint, paths, obj))
    if missing:
        ports = frozenset(name for family in PORTS_OF.values() for name in family)
        rest = tuple(pair for pair in constraint.equal if not {f.field for f in pair} & ports)
        coarser = replace(constraint, equal=rest)
        if rest and not any(outside_view(reach, coarser, paths, obj)):
            constraint, missing = coarser, ()
    yield from missing
    yield constraint


def outside_view(
    reach: Reach, constraint: Constraint, paths: tuple[set[int], set[int]], obj: int
) -> Iterable[Obstacle]:
    """A field is only what its name says if the frame is IPv4, or IPv6, (and TCP/UDP) on every path of either side."""
    for side, mine in enumerate(paths):
        hashed = {name for names in HASHABLE_OF.values() for name in names}
        fields = {pair[side].field for pair in constraint.equal} | named_bytes(constraint, side) & hashed
        if not fields:
            continue  # a relation says what frames these are
        family: Family = 4 if fields & frozenset(HASHABLE_OF[4]) else 6
        ports = fields & PORTS_OF[family]
        l4 = classes.view_predicate(classes.L4[family])
        if reach.always(mine, l4 if ports else lor(l4, classes.view_predicate(classes.L3[family]))):
            continue
        named = tuple(Dependency("field", name) for name in sorted(fields))
        yield Obstacle(Code.OUTSIDE_VIEW, (obj,), constraint.locs, number=family, fields=named)


def named_bytes(constraint: Constraint, side: int) -> frozenset[str]:
    """The fields that a relation, if there is one, reads of the packet on ``side``."""
    found: set[str] = set()
    for s in symbols(constraint.relation) if constraint.relation is not None else ():
        byte = s.value
        if isinstance(byte, PacketByte) and byte.packet == PACKETS[side]:
            found |= {f.name for f in FIELDS.values() if f.offset <= byte.offset < f.offset + f.size}
    return frozenset(found)


def _relation(a: Side, b: Side) -> Expr | None:
    """The equality as a formula, when it is about hashable fields but not bit by bit: arithmetic, or constants that the
    fields' values select.  Parts of the key that say anything else are left out, which relates more packets."""
    result = land(_renamed(a.when, "a"), _renamed(b.when, "b"))
    for x, y in zip(a.name, b.name, strict=True):
        if all(symbols(e) <= bytes_of(HASHABLE_OF[side.family]) for e, side in ((x, a), (y, b))):
            result = land(result, eq(_renamed(x, "a"), _renamed(y, "b")))
    return result if symbols(result) else None


def _renamed(e: Expr, packet: Packet) -> Expr:
    return substitute(e, {s: of_packet(s, packet) for s in symbols(e)})
