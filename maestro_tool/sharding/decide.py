"""What becomes of each object, in words: the last step of the analysis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from maestro_tool.sharding.access import Access
from maestro_tool.sharding.bits import show_field
from maestro_tool.sharding.plan import Constraint, ObjectDecision, Obstacle, Relaxation, Rule, ShardingPlan
from maestro_tool.sharding.seen import Ranged
from maestro_tool.symex.callpath import Analysis, StateObject


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found: ``sharded`` and ``counted`` objects, ``ranged`` allocators, groups by object
    (``fate``); what is written and none of these is shared, because of ``obstacles``."""

    analysis: Analysis
    accesses: list[Access]
    constraints: tuple[Constraint, ...]
    obstacles: tuple[Obstacle, ...]
    sharded: frozenset[int]
    ranged: dict[int, Ranged]
    counted: set[int]
    fate: dict[int, frozenset[int]]

    def name(self, obj: int) -> str:
        return self.analysis.objects[obj].name


def plan(o: Outcome) -> ShardingPlan:
    decisions = tuple(_decision(o, obj) for obj in o.analysis.objects)
    return ShardingPlan(
        shardable=not any(d.treatment == "shared" for d in decisions),
        constraints=o.constraints,
        decisions=decisions,
        relaxations=tuple(_relaxations(o, decisions)),
        obstacles=tuple(_together(o.obstacles)),
    )


def _together(obstacles: tuple[Obstacle, ...]) -> Iterable[Obstacle]:
    """Those that say the same of other places as one."""
    found: dict[Obstacle, tuple[int, ...]] = {}
    for x in obstacles:
        same = replace(x, locs=())
        found[same] = tuple(dict.fromkeys((*found.get(same, ()), *x.locs)))
    return (replace(x, locs=locs) for x, locs in found.items())


def _decision(o: Outcome, obj: StateObject) -> ObjectDecision:
    mine = [a for a in o.accesses if a.object == obj.id]
    locs = tuple(dict.fromkeys(a.loc for a in mine))
    read = any(operand.reads for a in mine for operand in a.op.objects if operand.kind == obj.kind)
    if not any(a.write for a in mine):
        reason = "packets only read it" if mine else "no packet touches it"
        return ObjectDecision(obj.id, read, False, "read-only", None, reason, locs)
    if obj.id in o.counted:
        reason = "packets only add to it and none reads it: each core counts for itself"
        return ObjectDecision(obj.id, read, True, "per-core", None, reason, locs)
    if obj.id in o.sharded:
        return _sharded(o, obj, mine, read)
    why, reason = _in_the_way(o, obj.id)
    # No hash helps against R3, so what would help against others is no remedy.
    remedy = next((x.remedy for x in o.obstacles if x.rule == "R3" and why.objects == x.objects), why.remedy)
    return ObjectDecision(
        obj.id, read, True, "shared", why.rule, reason, why.locs or locs, fields=why.fields, remedy=remedy
    )  # fmt: skip


def _in_the_way(o: Outcome, obj: int) -> tuple[Obstacle, str]:
    """The obstacle that made an object shared: its own, one of its group, or that of a variable that all depend on."""
    own = next((x for x in o.obstacles if obj in x.objects), None)
    if own is not None:
        return own, own.text
    related = next((x for x in o.obstacles if o.fate[obj].intersection(x.objects)), None)
    if related is not None:
        first = min(o.fate[obj].intersection(related.objects))
        return related, f"it belongs to {o.name(first)}, which is shared"
    by_variable = (x for x in o.obstacles if any(o.analysis.objects[n].kind == "global" for n in x.objects))
    cause = next(by_variable, o.obstacles[0])
    return cause, f"{o.name(cause.objects[0])} is shared, and can only be shared with everything else"


def _sharded(o: Outcome, obj: StateObject, mine: list[Access], read: bool) -> ObjectDecision:
    own = [c for c in o.constraints if obj.id in c.objects]
    through = sorted({o.name(a.through) for a in mine if a.through is not None and a.through != obj.id})
    related = [c for c in o.constraints if o.fate[obj.id].intersection(c.objects)]
    if any(c.rule == "R5" for c in own):
        reason = "packets meet where what they compare with the entry is stored; elsewhere they match nothing"
    elif own:
        reason = "packets with equal keys meet on one core"
    elif through:
        reason = f"its indices come from {', '.join(through)}, whose entries stay on the core that put them"
    else:
        reason = "each core allocates and frees its own indices"
    rule: Rule = (own or related)[0].rule if own or related else "R1"
    return ObjectDecision(
        obj.id,
        read,
        True,
        "sharded",
        rule,
        reason,
        tuple(dict.fromkeys(x for c in own for x in c.locs)) or tuple(dict.fromkeys(a.loc for a in mine)),
        split=obj.kind == "dchain",
        ranged=obj.id in o.ranged,
        min_capacity=_min_capacity(obj, mine),
        fields=tuple(dict.fromkeys(text for c in own or related for text in _fields(c))),
    )


def _fields(c: Constraint) -> Iterable[str]:
    """``port 0 src_ip = port 1 dst_ip``; on one port just the field where both sides have the same."""
    for x, y in c.equal:
        left, right = show_field(x), show_field(y)
        same = c.ports[0] == c.ports[1] and left == right
        yield f"port {c.ports[0]} {left}" + ("" if same else f" = port {c.ports[1]} {right}")


def _min_capacity(obj: StateObject, accesses: list[Access]) -> int:
    """What a vector that packets index by themselves must have in every run; it was proved to be enough."""
    return obj.capacity or 0 if any(a.how == "key" for a in accesses) and obj.kind == "vector" else 0


def _relaxations(o: Outcome, decisions: tuple[ObjectDecision, ...]) -> Iterable[Relaxation]:
    for d in decisions:
        name = o.name(d.object)
        if d.split:
            yield Relaxation("capacity-split", d.object, f"the capacity of {name} is divided over the cores")
        if d.ranged:
            text = f"each core chooses among its own range of the indices of {name}: {o.ranged[d.object].reason}"
            yield Relaxation("index-choice", d.object, text, o.ranged[d.object].shown)
        if d.treatment == "sharded" and o.analysis.objects[d.object].kind == "sketch":
            text = f"each core has a sketch {name} of its own: keys collide with those of the same core only"
            yield Relaxation("sketch-collisions", d.object, text)
