"""R3, disjoint dependencies: constraints that together leave no header bit which decides the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from maestro_tool.packet.fields import ALL_FIELDS, FIELDS, FIELDS_OF, HASHABLE_OF, Family
from maestro_tool.sharding.facts.bits import pair_fields, show_field
from maestro_tool.sharding.plan import Code, Constraint, Dependency, FieldBits, Obstacle
from maestro_tool.sharding.rules.key_equality import Side
from maestro_tool.sharding.rules.linear import all_meet, bit_pairs
from maestro_tool.sharding.rules.subsumption import subsume


def choose(constraints: list[Constraint], groups_of: dict[int, frozenset[int]]) -> list[Obstacle]:
    """R3: together, the constraints may leave no header bit that decides the core.  Then some groups of objects must be
    shared (``groups_of``); the obstacle names those.

    Of all ways to part them, the one that keeps most objects sharded is taken; of several such, the one that keeps
    what set-up allocates first.
    """
    groups = sorted({groups_of[o] for c in constraints for o in c.objects}, key=min)
    kept = next(kept for kept in _largest(groups) if not _starved(_linear(_within(constraints, kept))))
    lost = [g for g in groups if g not in kept]
    cores = ((_smallest([*_within(constraints, kept), *_within(constraints, [g])]), g) for g in lost)
    return [_disjoint(core, g) for core, g in cores]


def _largest(groups: list[frozenset[int]]) -> Iterable[list[frozenset[int]]]:
    """Sets of groups, those with most objects first.  Beyond a dozen groups not all sets are looked at: only those that
    leave out the groups from some on."""
    if len(groups) > 12:
        return (groups[:n] for n in range(len(groups), -1, -1))
    places = range(len(groups) - 1, -1, -1)
    chosen = [[g for g, n in zip(groups, places, strict=True) if bits >> n & 1] for bits in range(1 << len(groups))]
    chosen.reverse()
    return sorted(chosen, key=lambda found: sum(map(len, found)), reverse=True)


def _within(constraints: list[Constraint], groups: list[frozenset[int]]) -> list[Constraint]:
    return [c for c in constraints if any(not g.isdisjoint(c.objects) for g in groups)]


def _linear(constraints: list[Constraint]) -> list[Constraint]:
    """Those of fields that NICs hash; see `by_bytes.clashes` for others."""
    return [c for c in constraints if c.relation is None and not c.in_software]


def _smallest(constraints: list[Constraint]) -> list[Constraint]:
    """The smallest set of the constraints that starves a port, after leaving out what others imply."""
    core = _linear(subsume(constraints))
    for c in list(core):
        rest = [k for k in core if k is not c]
        if _starved(rest):
            core = rest
    return core


def _disjoint(core: list[Constraint], group: frozenset[int]) -> Obstacle:
    keyed = tuple(sorted({o for c in core for o in c.objects}))
    locs = tuple(dict.fromkeys(x for c in core for x in c.locs))
    fields = tuple(dict.fromkeys(_part(f) for c in core for pair in c.equal for f in pair))
    lost = tuple(sorted(group))
    return Obstacle(Code.NOTHING_IN_COMMON, lost, locs, keyed, fields=fields, constraints=tuple(core))


def _part(f: FieldBits) -> Dependency:
    return Dependency("field", f.field, bits=f)


def disjoint_keys(obj: int, pairs: list[tuple[Side, Side]]) -> Obstacle | None:
    """R3 for keys that no NIC hashes: whether hashing them would help at all."""
    everything: Mapping[Family, tuple[str, ...]] = {family: tuple(FIELDS_OF[family]) for family in FIELDS_OF}
    constraints = []
    for a, b in pairs:
        families, fields = (a.family, b.family), tuple(ALL_FIELDS)
        equal = [p for x, y in zip(a.name, b.name, strict=True) for p in pair_fields(x, y, families, fields)[0]]
        if equal:
            constraints.append(
                Constraint((a.port, b.port), tuple(equal), (a.classes, b.classes), "R1", (obj,), (a.loc, b.loc))
            )
    if not _starved(constraints, everything):
        return None
    named = sorted({_part(x) for c in constraints for pair in c.equal for x in pair}, key=_text)
    locs = tuple(dict.fromkeys(loc for c in constraints if any(x != y for x, y in c.equal) for loc in c.locs))
    return Obstacle(Code.KEYS_DISJOINT, (obj,), locs, fields=tuple(named))


def _text(d: Dependency) -> str:
    assert d.bits is not None
    return show_field(d.bits)


def _starved(constraints: list[Constraint], fields: Mapping[Family, tuple[str, ...]] = HASHABLE_OF) -> bool:
    """The packets of a port over one version of IP, as far as these constraints are about them, all meet, whatever
    linear function of these fields is hashed."""
    related = [((_packets(c, 0), _packets(c, 1)), bit_pairs(c)) for c in constraints]
    packets = {p for both, _ in related for p in both}
    return all_meet({p: [(f, i) for f in fields[p[1]] for i in range(ALL_FIELDS[f].bits)] for p in packets}, related)


def _packets(c: Constraint, side: int) -> tuple[int, Family]:
    """The packets on one side of a constraint: their port, and the version of IP that its fields are of."""
    named = {pair[side].field for pair in c.equal}
    return c.ports[side], 4 if named.issubset(FIELDS) else 6
