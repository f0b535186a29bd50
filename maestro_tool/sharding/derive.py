"""The sharding analysis: call paths in, plan out.  Reads top to bottom as the argument for soundness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import compare, const, lor, symbols
from maestro_tool.packet import classes
from maestro_tool.packet.fields import FIELDS
from maestro_tool.sharding import in_step, rules
from maestro_tool.sharding.access import Access, collect
from maestro_tool.sharding.plan import Constraint, ObjectDecision, Relaxation, Rule, ShardingPlan
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.rules import Obstacle, Side
from maestro_tool.symex.callpath import Analysis, StateObject


def derive_plan(analysis: Analysis) -> ShardingPlan:
    """Constraints under which packets that share written state meet on one core, or why there are none."""
    homes = in_step.key_homes(analysis)
    analysis = in_step.possible_paths(analysis, homes)
    accesses = collect(analysis)
    # Objects that packets only read constrain nothing.
    written = {a.object for a in accesses if a.write}
    touched = [a for a in accesses if a.object in written]
    # Keys, indices and entries stay in step, so that indices found in a map, or fresh, follow their map.
    obstacles = list(in_step.obstacles(analysis, touched, homes))
    # R1: entries named by packets.
    constraints: list[Constraint] = []
    reach = Reach(analysis)
    obstacles += _out_of_range(analysis, reach, touched)
    for obj in sorted(written):
        for found in _r1(analysis, reach, obj, [a for a in touched if a.object == obj and a.how == "key"]):
            (constraints if isinstance(found, Constraint) else obstacles).append(found)  # type: ignore[arg-type]
    # R2, then R3 on what is left.
    constraints = rules.subsume(constraints)
    starved = rules.disjoint_dependencies(constraints)
    if starved:
        obstacles.append(starved)
    obstacles = list(dict.fromkeys(obstacles))
    decisions = _decide(analysis, accesses, constraints, obstacles)
    relaxations = tuple(
        Relaxation(
            "capacity-split", d.object, f"the capacity of {analysis.objects[d.object].name} is divided over the cores"
        )
        for d in decisions
        if d.split
    )
    return ShardingPlan(
        shardable=not obstacles,
        constraints=tuple(constraints) if not obstacles else (),
        decisions=decisions,
        relaxations=relaxations if not obstacles else (),
        obstacles=tuple((o.rule, o.text, o.locs) for o in obstacles),
    )


# --------------------------------------------------------------------------- R1


def _r1(analysis: Analysis, reach: Reach, obj: int, accesses: list[Access]) -> Iterable[Constraint | Obstacle]:
    """All pairs of accesses to ``obj`` of which one writes."""
    paths_of: dict[tuple[int, tuple[Expr, ...], bool, int], set[int]] = defaultdict(set)
    for access in accesses:
        paths_of[access.port, access.name, access.write, access.loc].add(access.path)
    name = analysis.objects[obj].name
    sides = [
        (Side(port, key, reach.classes(paths), loc), write, paths)
        for (port, key, write, loc), paths in sorted(paths_of.items(), key=lambda kv: (kv[0][0], kv[0][3], repr(kv[0])))
    ]
    for i, (a, a_writes, a_paths) in enumerate(sides):
        for b, b_writes, b_paths in sides[i:]:
            if not (a_writes or b_writes):
                continue
            result = rules.key_equality(obj, name, a, b)
            if isinstance(result, Constraint):
                first, second = (a_paths, b_paths) if a.port <= b.port else (b_paths, a_paths)
                for side, paths in ((0, first), (1, second)):
                    outside = _outside_view(reach, result, side, paths)
                    if outside:
                        text = f"{name}: {outside}; could not decide how to steer such frames"
                        yield Obstacle(None, text, (obj,), result.locs)
            if result is not None:
                yield result


def _outside_view(reach: Reach, constraint: Constraint, side: int, paths: set[int]) -> str | None:
    """A field is only what its name says if the frame is IPv4 (and TCP/UDP) on every such path."""
    fields = {pair[side].field for pair in constraint.equal}
    for s in symbols(constraint.relation) if constraint.relation is not None else ():
        offset = int(str(s.value).rsplit(".", 1)[1])
        fields |= {f.name for f in FIELDS.values() if f.offset <= offset < f.offset + f.size}
    level = "l4" if fields & {"src_port", "dst_port"} else "l3"
    l4 = classes.view_predicate("l4")
    if reach.always(paths, l4 if level == "l4" else lor(l4, classes.view_predicate("l3"))):
        return None
    what = "TCP or UDP over IPv4" if level == "l4" else "IPv4"
    return f"{', '.join(sorted(fields))} would also be read from frames that are not {what}"


# --------------------------------------------------------------------------- indices named by packets


def _out_of_range(analysis: Analysis, reach: Reach, touched: list[Access]) -> Iterable[Obstacle]:
    """An index taken from a packet must be one of the vector's for every packet; the program checks its capacity."""
    for a in touched:
        obj = analysis.objects[a.object]
        if a.how == "key" and obj.kind != "map" and obj.capacity is not None:
            [index] = a.name
            if not reach.always({a.path}, compare("ult", index, const(obj.capacity, index.width))):
                text = f"packets choose an entry of {obj.name} that may be none of its {obj.capacity}"
                yield Obstacle(None, text, (a.object,), (a.loc,))


# --------------------------------------------------------------------------- decisions


def _decide(
    analysis: Analysis, accesses: list[Access], constraints: list[Constraint], obstacles: list[Obstacle]
) -> tuple[ObjectDecision, ...]:
    rule_of: dict[int, Rule] = {o: c.rule for c in constraints for o in c.objects}
    in_the_way: dict[int, Obstacle] = {}
    for o in obstacles:
        for number in o.objects:
            in_the_way.setdefault(number, o)
    result = []
    for obj in analysis.objects:
        mine = [a for a in accesses if a.object == obj.id]
        locs = tuple(dict.fromkeys(a.loc for a in mine))
        written = any(a.write for a in mine)
        read = any(not a.write or a.op in ("dchain_rejuvenate", "expire", "dchain_allocate") for a in mine)
        if not written:
            reason = "packets only read it" if mine else "no packet touches it"
            result.append(ObjectDecision(obj.id, read, False, "read-only", None, reason, locs))
        elif obj.id in in_the_way:
            o = in_the_way[obj.id]
            result.append(ObjectDecision(obj.id, read, True, "shared", o.rule, o.text, o.locs or locs))
        else:
            via = sorted(
                {analysis.objects[a.through].name for a in mine if a.through is not None and a.through != obj.id}
            )
            if obj.id in rule_of:
                reason = "packets with equal keys meet on one core"
            elif via:
                reason = f"its indices come from {', '.join(via)}, whose entries stay on the core that put them"
            else:
                reason = "each core allocates and frees its own indices"
            result.append(
                ObjectDecision(
                    obj.id,
                    read,
                    True,
                    "sharded",
                    rule_of.get(obj.id, "R1"),
                    reason,
                    locs,
                    split=obj.kind == "dchain",
                    min_capacity=_min_capacity(obj, mine),
                )
            )
    return tuple(result)


def _min_capacity(obj: StateObject, accesses: list[Access]) -> int:
    """What a vector that packets index by themselves must have in every run; `_out_of_range` proved it enough."""
    return obj.capacity or 0 if any(a.how == "key" for a in accesses) and obj.kind == "vector" else 0
