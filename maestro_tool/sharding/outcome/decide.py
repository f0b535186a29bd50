"""What becomes of each object: the last step of the analysis; no words yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.plan import (
    Agreement,
    Because,
    Constraint,
    ObjectDecision,
    Obstacle,
    Ranged,
    Relaxation,
    Rule,
    ShardingPlan,
)
from maestro_tool.symex.callpath import Analysis, StateObject


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found: ``sharded`` and ``counted`` objects, ``ranged`` allocators, vectors ``led_by`` them, groups by
    object, how many indices allocators may have at ``most``; what is written and none of these is shared, because of
    ``obstacles``."""

    analysis: Analysis
    accesses: list[Access]
    constraints: tuple[Constraint, ...]
    obstacles: tuple[Obstacle, ...]
    sharded: frozenset[int]
    ranged: dict[int, Ranged]
    led_by: dict[int, tuple[int, int]]
    counted: set[int]
    group_of: dict[int, frozenset[int]]
    most: dict[int, int]


def plan(o: Outcome) -> ShardingPlan:
    merged = _easiest_first(o, _together(o.obstacles))
    decisions = tuple(_decision(o, obj, tuple(merged)) for obj in o.analysis.objects)
    return ShardingPlan(
        shardable=not any(d.treatment == "shared" for d in decisions),
        constraints=o.constraints,
        decisions=decisions,
        relaxations=tuple(_relaxations(o, decisions)),
        obstacles=tuple(replace(same, locs=locs) for same, locs in merged.items()),
    )


def _together(obstacles: tuple[Obstacle, ...]) -> dict[Obstacle, tuple[int, ...]]:
    """Those that say the same of other places as one; the places of each."""
    found: dict[Obstacle, tuple[int, ...]] = {}
    for x in obstacles:
        same = replace(x, locs=())
        found[same] = tuple(dict.fromkeys((*found.get(same, ()), *x.locs)))
    return found


def _easiest_first(o: Outcome, merged: dict[Obstacle, tuple[int, ...]]) -> dict[Obstacle, tuple[int, ...]]:
    """Obstacles that are alone in the way of some objects first, then two that only help together, and so on; of such,
    those first that are in the way of most objects."""
    ways = {x: frozenset[int]().union(*(o.group_of.get(n, frozenset((n,))) for n in x.objects)) for x in merged}

    def effort(x: Obstacle) -> tuple[int, int]:
        return sum(not ways[x].isdisjoint(other) for other in ways.values()), -len(ways[x])

    return {x: merged[x] for x in sorted(merged, key=effort)}


def _decision(o: Outcome, obj: StateObject, merged: tuple[Obstacle, ...]) -> ObjectDecision:
    mine = [a for a in o.accesses if a.object == obj.id]
    locs = tuple(dict.fromkeys(a.loc for a in mine))
    read = any(operand.reads for a in mine for operand in a.op.objects if operand.kind == obj.kind)
    if not any(a.write for a in mine):
        because = Because.ONLY_READ if mine else Because.UNTOUCHED
        return ObjectDecision(obj.id, read, False, "read-only", None, because, locs)
    if obj.id in o.counted:
        return ObjectDecision(obj.id, read, True, "per-core", None, Because.ONLY_COUNTED, locs)
    if obj.id in o.sharded:
        return _sharded(o, obj, mine, read)
    why, because, about = _in_the_way(o, obj.id)
    # No hash helps against R3, so what would help against others is no remedy.
    remedied = next((x for x in o.obstacles if x.rule == "R3" and why.objects == x.objects), why)
    return ObjectDecision(
        obj.id,
        read,
        True,
        "shared",
        why.rule,
        because,
        why.locs or locs,
        about,
        obstacle=merged.index(replace(why, locs=())),
        remedied=merged.index(replace(remedied, locs=())),
    )


def _in_the_way(o: Outcome, obj: int) -> tuple[Obstacle, Because, tuple[int, ...]]:
    """The obstacle that made an object shared: its own, one of its group, or that of a variable that all depend on."""
    own = next((x for x in o.obstacles if obj in x.objects), None)
    if own is not None:
        return own, Because.OBSTACLE, ()
    related = next((x for x in o.obstacles if o.group_of[obj].intersection(x.objects)), None)
    if related is not None:
        return related, Because.GROUP_SHARED, (min(o.group_of[obj].intersection(related.objects)),)
    by_variable = (x for x in o.obstacles if any(o.analysis.objects[n].kind == "global" for n in x.objects))
    cause = next(by_variable, o.obstacles[0])
    return cause, Because.VARIABLE_SHARED, (cause.objects[0],)


def _sharded(o: Outcome, obj: StateObject, mine: list[Access], read: bool) -> ObjectDecision:
    own = [c for c in o.constraints if obj.id in c.objects]
    through = {a.through for a in mine if a.through is not None and a.through != obj.id}
    related = [c for c in o.constraints if o.group_of[obj.id].intersection(c.objects)]
    about: tuple[int, ...] = ()
    if any(c.rule == "R5" for c in own):
        because = Because.COMPARED_CONTENTS_MEET
    elif own:
        because = Because.KEYS_MEET
    elif through:
        because, about = Because.INDICES_OF_OTHERS, tuple(sorted(through))
    else:
        because = Because.OWN_INDICES
    rule: Rule = (own or related)[0].rule if own or related else "R1"
    return ObjectDecision(
        obj.id,
        read,
        True,
        "sharded",
        rule,
        because,
        tuple(dict.fromkeys(x for c in own for x in c.locs)) or tuple(dict.fromkeys(a.loc for a in mine)),
        about,
        split=obj.kind == "dchain",
        ranged=obj.id in o.ranged,
        min_capacity=_min_capacity(obj, mine),
        max_capacity=o.most.get(obj.id, 0),
        led_by=o.led_by.get(obj.id),
        agree=tuple(dict.fromkeys(Agreement(c.ports, pair) for c in own or related for pair in c.equal)),
    )


def _min_capacity(obj: StateObject, accesses: list[Access]) -> int:
    """What a vector that packets index by themselves must have in every run; it was proved to be enough."""
    return obj.capacity or 0 if any(a.how == "key" for a in accesses) and obj.kind == "vector" else 0


def _relaxations(o: Outcome, decisions: tuple[ObjectDecision, ...]) -> Iterable[Relaxation]:
    for d in decisions:
        if d.split:
            yield Relaxation("capacity-split", d.object)
        if d.ranged:
            yield Relaxation("index-choice", d.object, o.ranged[d.object])
        if d.treatment == "sharded" and o.analysis.objects[d.object].kind == "sketch":
            yield Relaxation("sketch-collisions", d.object)
