"""R1 over any bytes of the frame: what no NIC hashes, software can.

A key whose bits are bits of the frame, at a place that the path proves, names packets as well as one of header fields
does.  Software hashes the bytes of each packet class from where they are there; a class has one place for them, so that
what its frames agree in must be the same for all frames of it that get to the entry (`starved`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import compare, const
from maestro_tool.expr.symbols import packet_length
from maestro_tool.packet import classes
from maestro_tool.packet.fields import PORTS_OF, Family, field_of, is_hashable
from maestro_tool.sharding.facts.bits import PacketBit, field_bit, named_pairs, origins, pair_bytes
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.plan import Code, Constraint, Dependency, Obstacle
from maestro_tool.sharding.rules.key_equality import Side
from maestro_tool.sharding.rules.linear import all_meet
from maestro_tool.sharding.rules.subsumption import subsume


def by_bytes(
    reach: Reach, obj: int, a: Side, b: Side, paths: tuple[set[int], set[int]], *, protocols: bool = False
) -> Constraint | None:
    """Packets that name one entry of ``obj`` agree in bytes of their frames, and meet; None: no bytes are that.

    ``protocols``: what tells the protocol is named, too, which a plan never shards by.

    Requires: the two can name the same entry (`key_equality` found so); ``b`` is not on a port before that of ``a``.
    """
    sides = (a, b)
    pairs = [
        p
        for x, y in zip(a.name, b.name, strict=True)
        for p in pair_bytes(x, y)
        if protocols or not all(_tells_protocol(p[n], side.family) for n, side in enumerate(sides))
    ]
    if not pairs:
        return None
    families = [_as_fields(reach, side.family, [p[n] for p in pairs], paths[n]) for n, side in enumerate(sides)]
    for n, family in enumerate(families):
        if family is None and not _are_there(reach, paths[n], 1 + max(p[n].byte for p in pairs)):
            return None
    equal = named_pairs(pairs, (families[0], families[1]))
    locs = tuple(dict.fromkeys((a.loc, b.loc)))
    return Constraint((a.port, b.port), equal, (a.classes, b.classes), "R1", (obj,), locs)


def _tells_protocol(bit: PacketBit, family: Family) -> bool:
    """Whether the bit says which protocol follows: that would part packets by few values, most of which are rare."""
    found = field_bit(bit, family)
    return found is not None and found[0] in ("ether_type", "protocol", "next_header")


def _are_there(reach: Reach, paths: set[int], length: int) -> bool:
    """Whether every frame that takes one of these paths has so many bytes."""
    at_least = compare("uge", packet_length(), const(length, 16))
    return length <= classes.ETHERNET_LENGTH or reach.always(paths, at_least)


def family_of(reach: Reach, key: Iterable[Expr], paths: set[int]) -> Family | None:
    """The version of IP whose fields the key's bits are in every frame that takes one of ``paths``; None: bytes."""
    bits = [bit for e in key for bit in origins(e) if isinstance(bit, PacketBit)]
    return _as_fields(reach, reach.family(min(paths)), bits, paths)


def _as_fields(reach: Reach, family: Family, bits: Sequence[PacketBit], paths: set[int]) -> Family | None:
    """The version of IP whose fields these bits are in every frame, such as NICs hash; None: they are bytes."""
    found = [field_bit(bit, family) for bit in bits]
    names = {f[0] for f in found if f is not None}
    if None in found or not all(map(is_hashable, names)):
        return None
    view = classes.L4[family] if names & PORTS_OF[family] else classes.L3[family]
    return family if reach.always(paths, classes.view_predicate(view)) else None


# --------------------------------------------------------------------------- what is left to decide by

#: Of a packet: its port and the sides of constraints that it may be on; such packets are hashed alike.
_Cell = tuple[int, frozenset[tuple[int, int]]]


def starved(constraints: Sequence[Constraint]) -> bool:
    """Some of the packets that constraints are about all meet: no linear function of the bits that are named parts
    them, if it gives related packets one value."""
    linear = [c for c in constraints if c.relation is None]
    cells = _cells(linear)
    bits = {(n, side): _bits(c, side) for n, c in enumerate(linear) for side in (0, 1)}
    named: dict[_Cell, set[int]] = {
        cell: {bit for side in cell[1] for bit in bits[side]} for found in cells.values() for cell in found
    }
    related = (
        ((a, b), zip(bits[n, 0], bits[n, 1], strict=True))
        for n in range(len(linear))
        for a in cells[n, 0]
        for b in cells[n, 1]
    )
    return all_meet(named, related)


def _cells(constraints: Sequence[Constraint]) -> dict[tuple[int, int], list[_Cell]]:
    """The cells on each side of each constraint."""
    sides_of: dict[tuple[int, str], set[tuple[int, int]]] = defaultdict(set)
    for n, c in enumerate(constraints):
        for side in (0, 1):
            for name in c.classes[side]:
                sides_of[c.ports[side], name].add((n, side))
    cells = dict.fromkeys((port, frozenset(sides)) for (port, _), sides in sides_of.items())
    return {
        (n, side): [cell for cell in cells if (n, side) in cell[1]]
        for n in range(len(constraints)) for side in (0, 1)
    }  # fmt: skip


def _bits(c: Constraint, side: int) -> list[int]:
    """The bits that a constraint names on one side, in its order."""
    found = []
    for f in (pair[side] for pair in c.equal):
        end = 8 * field_of(f.field).offset + field_of(f.field).bits - 1
        found += [end - bit for bit in range(f.low, f.high + 1)]
    return found


def clashes(constraints: Sequence[Constraint], groups_of: dict[int, frozenset[int]]) -> list[Obstacle]:
    """R3 where software would hash: what is named by bytes is shared if the rest leaves nothing to decide by.

    What cards can hash is not given up for it; of several, what set-up allocates first stays sharded.
    """
    groups = sorted({groups_of[o] for c in constraints if c.in_software for o in c.objects}, key=min)
    kept = [c for c in constraints if all(groups_of[o] not in groups for o in c.objects)]
    found = []
    for group in groups:
        its = [c for c in constraints if not group.isdisjoint(c.objects)]
        if starved([*kept, *its]):
            found.append(_clash(its, kept, group))
        else:
            kept += its
    return found


def starving(obj: int, constraints: list[Constraint]) -> Obstacle:
    """R3: these starve the packets that come to ``obj``, whatever of the frame is hashed."""
    core = _core(constraints)
    locs = tuple(dict.fromkeys(x for c in core for x in c.locs))
    return Obstacle(Code.KEYS_DISJOINT, (obj,), locs, fields=_named_in(core))


def _core(constraints: list[Constraint]) -> list[Constraint]:
    """Few of the constraints that starve some packets: each is the first without which the later ones do not.

    It is found by halving: where packets choose how long headers are, there are hundreds of constraints.
    """
    core: list[Constraint] = []
    rest = subsume(constraints)
    while rest and not starved(core):
        first = bisect_left(range(len(rest) - 1), True, key=lambda n: not starved([*core, *rest[n + 1 :]]))
        core.append(rest[first])
        rest = rest[first + 1 :]
    return core


def _named_in(core: list[Constraint]) -> tuple[Dependency, ...]:
    return tuple(dict.fromkeys(Dependency("field", f.field, bits=f) for c in core for pair in c.equal for f in pair))


def _clash(its: list[Constraint], kept: list[Constraint], group: frozenset[int]) -> Obstacle:
    core = _core([*its, *kept])
    keyed = tuple(sorted({o for c in core for o in c.objects}))
    locs = tuple(dict.fromkeys(x for c in core for x in c.locs))
    lost = tuple(sorted(group))
    return Obstacle(Code.NOTHING_IN_COMMON, lost, locs, keyed, fields=_named_in(core), constraints=tuple(core))
