"""The sharding analysis: call paths in, plan out.  Reads top to bottom as the argument for soundness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, compare, const, lnot, symbols
from maestro_tool.packet.fields import Family
from maestro_tool.sharding import decide, in_step, rules, seen
from maestro_tool.sharding.access import Access, collect
from maestro_tool.sharding.counters import counters
from maestro_tool.sharding.fate import groups
from maestro_tool.sharding.homes import key_homes, possible_paths
from maestro_tool.sharding.interchange import Interchange, interchanges
from maestro_tool.sharding.plan import Constraint, Obstacle, ShardingPlan
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.rules import Side
from maestro_tool.sharding.scope import Scope
from maestro_tool.sharding.slots import Prover
from maestro_tool.symex.callpath import Analysis


def derive_plan(analysis: Analysis) -> ShardingPlan:
    """Constraints under which packets that share written state meet on one core; state that has none is shared."""
    prover = Prover()
    homes = key_homes(analysis, prover)
    analysis = possible_paths(analysis, homes)
    accesses = collect(analysis, prover)
    reach = Reach(analysis)
    # Objects that packets only read constrain nothing.
    written = {a.object for a in accesses if a.write}
    countable, counted = counters(analysis, accesses), set[int]()
    # Objects that belong together have one fate.  Those with an obstacle are shared; then the rest is looked at again,
    # by itself: what is shared behaves as in the sequential NF and is in nobody's way.
    fate = groups(analysis, written, accesses, homes)
    sharded = frozenset(written)
    obstacles: list[Obstacle] = []
    while True:
        touched = tuple(a for a in accesses if a.object in sharded)
        scope = Scope(analysis, homes, sharded, touched)
        constraints, found, ranged = _needs(scope, reach, prover)
        found += (rules.choose(analysis, constraints, fate) or _few_keys(scope, constraints)) if not found else []
        if not found:
            break
        if freed := _in_the_way(found, constraints) & countable & sharded:
            counted |= freed
            sharded -= freed
            continue
        obstacles += found
        lost = frozenset[int]().union(*(fate.get(obj, frozenset()) for o in found for obj in o.objects))
        # Variables are each core's own: a program cannot share some of them and shard the rest.
        variables = any(analysis.objects[obj].kind == "global" for obj in lost)
        sharded = sharded - lost if lost and not variables else frozenset()
    constraints = rules.subsume(constraints)
    outcome = decide.Outcome(analysis, accesses, tuple(constraints), tuple(obstacles), sharded, ranged, counted, fate)
    return decide.plan(outcome)


def _few_keys(scope: Scope, constraints: list[Constraint]) -> list[Obstacle]:
    """See `rules.few_keys`."""
    places: dict[int, list[int]] = defaultdict(list)
    for a in scope.touched:
        if a.how == "key" and not any(map(symbols, a.name)):
            places[a.object].append(a.loc)
    few = {obj: tuple(dict.fromkeys(locs)) for obj, locs in sorted(places.items())}
    return rules.few_keys(scope.analysis, few, constraints)


def _in_the_way(obstacles: list[Obstacle], constraints: list[Constraint]) -> set[int]:
    """Objects that no hash suits: those that need not be sharded had better not be."""
    found = {obj for o in obstacles if o.rule in ("R3", "R4") for obj in o.objects}
    if any(o.rule == "R3" for o in obstacles):
        found |= {obj for c in constraints for obj in c.objects}
    return found - {obj for o in obstacles if o.rule not in ("R3", "R4") for obj in o.objects}


def _needs(
    scope: Scope, reach: Reach, prover: Prover
) -> tuple[list[Constraint], list[Obstacle], dict[int, seen.Ranged]]:
    """What must meet so that the scope's objects can be sharded, what forbids it, and which allocators are ranged."""
    # R5: entries named by indices out of packets, which compare what they find.
    exchanged = list(interchanges(scope, reach, prover))
    explained = [x for x in exchanged if x.refusal is None]
    # Where packets ask an allocator, but R5 is refused, that is the reason: other rules are not meant for these.
    asked = [x for x in exchanged if x.refusal is not None and any(a.object == x.dchain for a in x.accesses)]
    rest, ranging = _without(scope, [*explained, *asked]), _without(scope, explained)
    # Keys, indices and entries stay in step, so that indices found in a map, or fresh, follow their map.
    obstacles = list(in_step.obstacles(scope, rest, reach, prover))
    obstacles += [_refused(scope, x) for x in exchanged if x.refusal]
    obstacles += _out_of_range(ranging, reach, prover)
    constraints: list[Constraint] = []
    for found in (found for x in exchanged for found in x.found):
        (constraints if isinstance(found, Constraint) else obstacles).append(found)  # type: ignore[arg-type]
    # R1: entries named by packets.
    for obj in sorted(scope.objects):
        for found in _r1(scope, reach, prover, obj, [a for a in rest.touched if a.object == obj and a.how == "key"]):
            (constraints if isinstance(found, Constraint) else obstacles).append(found)  # type: ignore[arg-type]
    ranged = seen.ranged(scope, reach)
    for x in exchanged:
        ranged.setdefault(x.dchain, seen.Ranged("packets name entries by their index"))
    return constraints, list(dict.fromkeys(obstacles)), ranged


def _without(scope: Scope, exchanged: Iterable[Interchange]) -> Scope:
    """The scope without the accesses that these are about."""
    theirs = frozenset[Access]().union(*(x.accesses for x in exchanged))
    return replace(scope, touched=tuple(a for a in scope.touched if a not in theirs))


def _refused(scope: Scope, x: Interchange) -> Obstacle:
    assert x.refusal is not None
    reason, loc = x.refusal
    text = f"packets name entries of {scope.name(x.dchain)} by an index of their own, and {reason}"
    remedy = (
        "ask first whether the index is in use; then compare what the entry holds with the packet's addresses and "
        "ports, and do the same on a mismatch as if the index were not in use"
    )
    return Obstacle("R5", text, (x.dchain,), (loc,), remedy=remedy)


def _r1(
    scope: Scope, reach: Reach, prover: Prover, obj: int, accesses: list[Access]
) -> Iterable[Constraint | Obstacle]:
    """All pairs of accesses to ``obj`` of which one writes."""
    paths_of: dict[tuple[int, tuple[Expr, ...], bool, int, Family], set[int]] = defaultdict(set)
    for access in accesses:
        paths_of[access.port, access.name, access.write, access.loc, reach.family(access.path)].add(access.path)
    what = scope.analysis.objects[obj]
    # Constant keys that packets choose by their fields (`port < 1024 ? 0 : 1`): which, the paths' conditions say.
    chosen = any(not any(map(symbols, key)) for _, key, *_ in paths_of)
    sides = [
        (Side(scope.analysis.paths[min(paths)], key, reach.classes(paths), loc, family, when, ties), write, paths)
        for (_, key, write, loc, family), paths in sorted(paths_of.items(), key=_in_order)
        for when in (reach.told(paths, family) if chosen else TRUE,)
        for ties in (reach.ties(paths, family),)
    ]
    unhashable: list[tuple[Side, Side]] = []
    for i, (a, a_writes, a_paths) in enumerate(sides):
        for b, b_writes, b_paths in sides[i:]:
            if not (a_writes or b_writes):
                continue
            result = rules.key_equality(scope.analysis, obj, a, b)
            if isinstance(result, Constraint):
                if chosen and result.relation is not None and prover.always((), lnot(result.relation)):
                    continue  # packets that choose the one key never choose the other
                first, second = (a_paths, b_paths) if a.port <= b.port else (b_paths, a_paths)
                yield from rules.outside_view(reach, result, (first, second), what)
            if result is not None:
                yield result
            if isinstance(result, Obstacle):
                unhashable.append((a, b))
    disjoint = rules.disjoint_keys(what, unhashable)
    if disjoint is not None:
        yield disjoint


def _in_order(side: tuple[tuple[int, tuple[Expr, ...], bool, int, Family], set[int]]) -> tuple[int, int, str]:
    port, _, _, loc, _ = side[0]
    return port, loc, repr(side[0])


def _out_of_range(scope: Scope, reach: Reach, prover: Prover) -> Iterable[Obstacle]:
    """An index taken from a packet must be one of the vector's for every packet; the program checks its capacity."""
    for a in scope.touched:
        obj = scope.analysis.objects[a.object]
        if a.how == "key" and obj.kind in ("vector", "dchain") and obj.capacity is not None:
            [index] = a.name
            inside = compare("ult", index, const(obj.capacity, index.width))
            known = scope.analysis.paths[a.path].condition[: scope.event(a).condition_length]
            if not (reach.always({a.path}, inside) or prover.always(known, inside)):
                text = f"packets choose an entry of {obj.name} that may be none of its {obj.capacity}"
                remedy = "compare the index with the capacity first"
                yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)
