"""A plan for double maps in parts (`facts.pairs`) -> the plan for the NF's own objects."""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.sharding.facts.pairs import Spread
from maestro_tool.sharding.plan import Constraint, ObjectDecision, Obstacle, ShardingPlan


def together(plan: ShardingPlan, parts: Spread) -> ShardingPlan:
    """``plan``, of which all parts are sharded, without these."""
    whole = [_decision(plan, parts, d) for d in plan.decisions]
    own = [d for d in whole if all(d.object not in found for found in parts.maps.values())]
    return replace(
        plan,
        constraints=tuple(_constraint(c, parts) for c in plan.constraints),
        decisions=tuple(replace(d, about=parts.whole(d.about)) for d in own),
        obstacles=tuple(_obstacle(o, parts) for o in plan.obstacles),
    )


def _decision(plan: ShardingPlan, parts: Spread, d: ObjectDecision) -> ObjectDecision:
    """Of a double map that of its first keys, as far as it is not about values."""
    if d.object not in parts.maps:
        return d
    maps = [plan.decisions[m] for m in parts.maps[d.object]]
    chain = parts.allocator(d.object)
    return replace(
        maps[0],
        object=d.object,
        read=True,
        locs=tuple(dict.fromkeys(x for m in (*maps, d) for x in m.locs)),
        agree=tuple(dict.fromkeys(x for m in maps for x in m.agree)),
        led_by=None if chain is None else (chain, 1),
    )


def _constraint(c: Constraint, parts: Spread) -> Constraint:
    return replace(c, objects=parts.whole(c.objects))


def _obstacle(o: Obstacle, parts: Spread) -> Obstacle:
    return replace(
        o,
        objects=parts.whole(o.objects),
        about=parts.whole(o.about),
        constraints=tuple(_constraint(c, parts) for c in o.constraints),
    )
