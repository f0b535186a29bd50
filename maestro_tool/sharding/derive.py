"""The sharding analysis: call paths in, plan out.  Reads top to bottom as the argument for soundness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.sharding import links, rules
from maestro_tool.sharding.access import Access, collect
from maestro_tool.sharding.counters import counters
from maestro_tool.sharding.interchange import Interchange, interchanges
from maestro_tool.sharding.plan import Constraint, ObjectDecision, Relaxation, Rule, ShardingPlan
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.rules import Obstacle, Side
from maestro_tool.sharding.visible import visible_allocators
from maestro_tool.symex.callpath import Analysis


def derive_plan(analysis: Analysis) -> ShardingPlan:
    """Constraints under which packets that share written state meet on one core, or why there are none."""
    accesses = collect(analysis)
    reach = Reach(analysis)
    # Objects that packets only read constrain nothing; nor do counters that nobody reads.
    counted = counters(analysis)
    written = {a.object for a in accesses if a.write} - counted
    touched = [a for a in accesses if a.object in written]
    indices = links.index_maps(analysis, accesses)
    obstacles: list[Obstacle] = []
    obstacles += _late_expiry(analysis, touched, indices)
    obstacles += links.stale_indices(analysis, indices)
    obstacles += links.misplaced_keys(analysis, touched)
    # R5: entries named by indices out of packets, which compare what they find.
    exchanged = list(interchanges(analysis, reach, touched, links.allocators(touched, indices)))
    explained = frozenset[Access]().union(*(x.accesses for x in exchanged))
    touched = [a for a in touched if a not in explained]
    obstacles += [_refused(analysis, x) for x in exchanged if x.refusal]
    obstacles += links.unnamed_entries(analysis, touched)
    obstacles += links.broken_links(analysis, touched, indices)
    constraints: list[Constraint] = []
    for result in (found for x in exchanged for found in x.found):
        (constraints if isinstance(result, Constraint) else obstacles).append(result)  # type: ignore[arg-type]
    # R1: entries named by packets.  (Indices found in a map, or fresh, follow their map.)
    for obj in sorted(written):
        for result in _r1(analysis, reach, obj, [a for a in touched if a.object == obj and a.how == "key"]):
            (constraints if isinstance(result, Constraint) else obstacles).append(result)  # type: ignore[arg-type]
    # R2, then R3 on what is left.
    constraints = rules.subsume(constraints)
    starved = rules.disjoint_dependencies(constraints)
    if starved:
        obstacles.append(starved)
    obstacles = list(dict.fromkeys(obstacles))
    ranged = visible_allocators(analysis, {m: x.dchain for m, x in indices.items() if x.dchain is not None})
    ranged |= {x.dchain for x in exchanged}
    decisions = _decide(analysis, accesses, constraints, obstacles, ranged, counted)
    return ShardingPlan(
        shardable=not obstacles,
        constraints=_of_sharded(constraints, decisions),
        decisions=decisions,
        relaxations=tuple(_relaxations(analysis, decisions)) if not obstacles else (),
        obstacles=tuple((o.rule, o.text, o.locs) for o in obstacles),
    )


def _of_sharded(constraints: list[Constraint], decisions: tuple[ObjectDecision, ...]) -> tuple[Constraint, ...]:
    """Those that still count where some objects are shared."""
    sharded = {d.object for d in decisions if d.treatment == "sharded"}
    return tuple(c for c in constraints if set(c.objects) <= sharded)


def _refused(analysis: Analysis, x: Interchange) -> Obstacle:
    assert x.refusal is not None
    reason, loc = x.refusal
    text = f"packets name entries of {analysis.objects[x.dchain].name} by an index of their own, and {reason}"
    return Obstacle("R5", text, (x.dchain,), (loc,))


def _relaxations(analysis: Analysis, decisions: tuple[ObjectDecision, ...]) -> Iterable[Relaxation]:
    for d in decisions:
        name = analysis.objects[d.object].name
        if d.split:
            yield Relaxation("capacity-split", d.object, f"the capacity of {name} is divided over the cores")
        if d.ranged:
            text = f"each core chooses among its own range of the indices of {name}"
            yield Relaxation("index-choice", d.object, text)
        if d.treatment == "sharded" and analysis.objects[d.object].kind == "sketch":
            text = f"each core has a sketch {name} of its own: keys collide with those of the same core only"
            yield Relaxation("sketch-collisions", d.object, text)


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
    unhashable: list[tuple[Side, Side]] = []
    for i, (a, a_writes, a_paths) in enumerate(sides):
        for b, b_writes, b_paths in sides[i:]:
            if not (a_writes or b_writes):
                continue
            result = rules.key_equality(obj, name, a, b)
            if isinstance(result, Constraint):
                first, second = (a_paths, b_paths) if a.port <= b.port else (b_paths, a_paths)
                yield from rules.outside_view(reach, result, (first, second), analysis.objects[obj])
            if result is not None:
                yield result
            if isinstance(result, Obstacle):
                unhashable.append((a, b))
    disjoint = rules.disjoint_keys(analysis.objects[obj], unhashable)
    if disjoint is not None:
        yield disjoint


# --------------------------------------------------------------------------- expiry


def _late_expiry(analysis: Analysis, touched: list[Access], indices: dict[int, links.IndexMap]) -> Iterable[Obstacle]:
    """Sequentially, any packet expires entries for all; on its own core, an entry is only expired by that core's
    packets.  Nobody can tell as long as every packet expires, with one bound, before it looks."""
    groups: dict[int, set[int]] = defaultdict(set)  # dchain -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for path in analysis.paths:
        for e in path.events:
            if e.op in ("expire", "sketch_expire") and e.value is not None:
                groups[e.objects[0]] |= set(e.objects) | {m for m, x in indices.items() if x.dchain == e.objects[0]}
                bounds[e.objects[0]].setdefault(e.value, e.loc)
    for dchain, found in bounds.items():
        if len(found) > 1:
            text = f"{analysis.objects[dchain].name} is expired with different time limits"
            yield Obstacle(None, text, (dchain,), tuple(found.values()))
        for bound, loc in found.items():
            if not all(str(s.value) == "now" or str(s.value).startswith("cfg.") for s in symbols(bound)):
                text = f"the time limit for {analysis.objects[dchain].name} depends on more than time and options"
                yield Obstacle(None, text, (dchain,), (loc,))
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in touched:
        by_path[a.path].append(a)
    for accesses in by_path.values():
        expired: set[int] = set()
        for a in sorted(accesses, key=lambda a: a.event):
            if a.op in ("expire", "sketch_expire"):
                expired.add(analysis.paths[a.path].events[a.event].objects[0])
                continue
            for dchain, members in groups.items():
                followed = a.object in members or _chain_of(a, indices) == dchain
                if followed and dchain not in expired:
                    text = (
                        f"{analysis.objects[a.object].name} is accessed before old entries of "
                        f"{analysis.objects[dchain].name} are expired: other cores would see entries for longer"
                    )
                    yield Obstacle(None, text, (a.object, dchain), (a.loc, next(iter(bounds[dchain].values()))))


def _chain_of(a: Access, indices: dict[int, links.IndexMap]) -> int | None:
    if a.how == "fresh":
        return a.through
    if a.how == "via map" and a.through in indices:
        return indices[a.through].dchain
    return None


# --------------------------------------------------------------------------- decisions


def _decide(
    analysis: Analysis,
    accesses: list[Access],
    constraints: list[Constraint],
    obstacles: list[Obstacle],
    ranged: set[int],
    counted: set[int],
) -> tuple[ObjectDecision, ...]:
    rule_of: dict[int, Rule] = {o: c.rule for c in constraints for o in c.objects}
    in_the_way: dict[int, Obstacle] = {}
    for o in obstacles:
        for number in o.objects:
            in_the_way.setdefault(number, o)
    in_the_way = links.spread(analysis, accesses, in_the_way)
    result = []
    for obj in analysis.objects:
        mine = [a for a in accesses if a.object == obj.id]
        locs = tuple(dict.fromkeys(a.loc for a in mine))
        written = any(a.write for a in mine)
        read = any(not a.write or a.op in ("dchain_rejuvenate", "expire", "dchain_allocate") for a in mine)
        if not written:
            reason = "packets only read it" if mine else "no packet touches it"
            result.append(ObjectDecision(obj.id, read, False, "read-only", None, reason, locs))
        elif obj.id in counted:
            reason = "packets only add to it and none reads it: each core counts for itself"
            result.append(ObjectDecision(obj.id, read, True, "per-core", None, reason, locs))
        elif obj.id in in_the_way:
            o = in_the_way[obj.id]
            result.append(ObjectDecision(obj.id, read, True, "shared", o.rule, o.text, o.locs or locs))
        else:
            via = sorted(
                {analysis.objects[a.through].name for a in mine if a.through is not None and a.through != obj.id}
            )
            if obj.id in rule_of:
                by_r5 = rule_of[obj.id] == "R5"
                reason = (
                    "packets that name an entry meet where it is, or match nothing: what they compare decides the core"
                    if by_r5
                    else "packets with equal keys meet on one core"
                )
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
                    ranged=obj.id in ranged,
                )
            )
    return tuple(result)
