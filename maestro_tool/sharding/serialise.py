"""The sharding plan as JSON, and back; what comes back may be from a cache, so nothing is trusted."""

from __future__ import annotations

from typing import Any

from maestro_tool.expr import text
from maestro_tool.packet.fields import ALL_FIELDS
from maestro_tool.sharding.plan import Constraint, FieldBits, ObjectDecision, Obstacle, Relaxation, ShardingPlan


def plan_to_json(plan: ShardingPlan) -> dict[str, Any]:
    return {
        "shardable": plan.shardable,
        "constraints": [constraint_to_json(c) for c in plan.constraints],
        "decisions": [
            {
                "object": d.object,
                "read": d.read,
                "written": d.written,
                "treatment": d.treatment,
                "rule": d.rule,
                "reason": d.reason,
                "locs": list(d.locs),
                "split": d.split,
                "ranged": d.ranged,
                "min_capacity": d.min_capacity,
                "fields": list(d.fields),
                "remedy": d.remedy,
            }
            for d in plan.decisions
        ],
        "relaxations": [
            {"kind": r.kind, "object": r.object, "text": r.text, "shown": [[p, list(f)] for p, f in r.shown]}
            for r in plan.relaxations
        ],
        "obstacles": [
            {
                "rule": o.rule,
                "text": o.text,
                "objects": list(o.objects),
                "locs": list(o.locs),
                "fields": list(o.fields),
                "remedy": o.remedy,
            }
            for o in plan.obstacles
        ],
    }


def plan_from_json(data: Any) -> ShardingPlan:
    """ValueError if ``data`` is not a plan."""
    try:
        return ShardingPlan(
            shardable=bool(data["shardable"]),
            constraints=tuple(constraint_from_json(c) for c in data["constraints"]),
            decisions=tuple(
                ObjectDecision(
                    int(d["object"]), bool(d["read"]), bool(d["written"]), d["treatment"], d["rule"], str(d["reason"]),
                    _ints(d["locs"]), bool(d["split"]), bool(d["ranged"]), int(d["min_capacity"]), _texts(d["fields"]),
                    str(d["remedy"]),
                )
                for d in data["decisions"]
            ),
            relaxations=tuple(
                Relaxation(
                    r["kind"], int(r["object"]), str(r["text"]),
                    tuple((int(port), _texts(fields)) for port, fields in r["shown"]),
                )
                for r in data["relaxations"]
            ),
            obstacles=tuple(_obstacle_from_json(o) for o in data["obstacles"]),
        )  # fmt: skip
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a sharding plan: {error!r}") from None


def _obstacle_from_json(data: Any) -> Obstacle:
    return Obstacle(
        rule=data["rule"],
        text=str(data["text"]),
        objects=_ints(data["objects"]),
        locs=_ints(data["locs"]),
        fields=_texts(data["fields"]),
        remedy=str(data["remedy"]),
    )


def constraint_to_json(c: Constraint) -> dict[str, Any]:
    """Canonical form of a constraint; without ``locs`` and ``objects`` it is what a solver needs."""
    return {
        "ports": list(c.ports),
        "equal": [[_field_to_json(x), _field_to_json(y)] for x, y in c.equal],
        "classes": [list(c.classes[0]), list(c.classes[1])],
        "rule": c.rule,
        "objects": list(c.objects),
        "locs": list(c.locs),
        "relation": text.to_json(c.relation) if c.relation is not None else None,
    }


def constraint_from_json(data: Any) -> Constraint:
    ports, classes = data["ports"], data["classes"]
    return Constraint(
        ports=(int(ports[0]), int(ports[1])),
        equal=tuple((_field_from_json(x), _field_from_json(y)) for x, y in data["equal"]),
        classes=(tuple(map(str, classes[0])), tuple(map(str, classes[1]))),
        rule=data["rule"],
        objects=_ints(data["objects"]),
        locs=_ints(data["locs"]),
        relation=text.from_json(data["relation"]) if data["relation"] is not None else None,
    )


def _field_to_json(f: FieldBits) -> list[Any]:
    return [f.field, f.high, f.low]


def _field_from_json(data: Any) -> FieldBits:
    name, high, low = data
    if name not in ALL_FIELDS or not 0 <= int(low) <= int(high) < ALL_FIELDS[name].bits:
        raise ValueError(f"not a field: {data!r}")
    return FieldBits(name, int(high), int(low))


def _ints(values: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in values)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(v) for v in values)
