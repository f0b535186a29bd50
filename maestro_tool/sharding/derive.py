"""The sharding analysis: call paths in, plan out.  Reads top to bottom as the argument for soundness."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract, lor, symbols
from maestro_tool.packet import classes
from maestro_tool.packet.fields import FIELDS
from maestro_tool.sharding import rules
from maestro_tool.sharding.access import Access, collect, producer, strip_extension
from maestro_tool.sharding.plan import Constraint, ObjectDecision, Relaxation, Rule, ShardingPlan
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.rules import Obstacle, Side
from maestro_tool.symex.callpath import Analysis, CallPath, Event


def derive_plan(analysis: Analysis) -> ShardingPlan:
    """Constraints under which packets that share written state meet on one core, or why there are none."""
    accesses = collect(analysis)
    # Objects that packets only read constrain nothing.
    written = {a.object for a in accesses if a.write}
    touched = [a for a in accesses if a.object in written]
    indices = _index_maps(analysis, accesses)
    obstacles: list[Obstacle] = []
    obstacles += _unnamed_entries(analysis, touched)
    obstacles += _broken_links(analysis, touched, indices)
    obstacles += _stale_indices(analysis, indices)
    obstacles += _misplaced_keys(analysis, touched)
    obstacles += _late_expiry(analysis, touched, indices)
    obstacles += _visible_indices(analysis, indices)
    # R1: entries named by packets.  (Indices found in a map, or fresh, follow their map.)
    constraints: list[Constraint] = []
    reach = Reach(analysis)
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


# --------------------------------------------------------------------------- indices and keys in step


@dataclass(frozen=True, slots=True)
class _IndexMap:
    """A map all of whose values are fresh indices of one dchain, or None with the offending event."""

    dchain: int | None
    offence: Event | None


def _index_maps(analysis: Analysis, accesses: list[Access]) -> dict[int, _IndexMap]:
    result: dict[int, _IndexMap] = {}
    for path in analysis.paths:
        for e in path.events:
            if e.op != "map_put":
                continue
            source = strip_extension(e.value) if e.value is not None else None
            origin = producer(path, source) if source is not None and source.op == "sym" else None
            dchain = origin.objects[0] if origin is not None and origin.op == "dchain_allocate" else None
            known = result.get(e.objects[0])
            if dchain is None or (known is not None and known.dchain != dchain):
                result[e.objects[0]] = _IndexMap(None, e)
            elif known is None:
                result[e.objects[0]] = _IndexMap(dchain, None)
    return result


def _unnamed_entries(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    for a in touched:
        obj = analysis.objects[a.object]
        if a.how == "whole":
            yield Obstacle("R4", f"{obj.name} is one entry for all packets", (a.object,), (a.loc,))
        elif a.how == "unknown" and obj.kind == "map":
            text = f"could not decide which keys of {obj.name} are equal: its equality is not one of fields"
            yield Obstacle(None, text, (a.object,), (a.loc,))
        elif a.how == "unknown":
            event = analysis.paths[a.path].events[a.event]
            depends = sorted(rules.dependencies(event.index)) if event.index is not None else []
            text = f"an entry of {obj.name} is chosen by {', '.join(depends) or 'a constant'}"
            yield Obstacle("R4", text, (a.object,), (a.loc,))


def _broken_links(analysis: Analysis, touched: list[Access], indices: dict[int, _IndexMap]) -> Iterable[Obstacle]:
    """Entries reached through a map's value are core-local only if the value is an index that the same core
    allocated, and if every way to that entry starts from the same allocator."""
    sources: dict[int, dict[int, Access]] = defaultdict(dict)
    for a in touched:
        name = analysis.objects[a.object].name
        if a.how == "via map":
            assert a.through is not None
            link = indices.get(a.through)
            through = analysis.objects[a.through].name
            if link is None:
                text = (
                    f"entries of {name} are found through {through}, which packets do not fill: "
                    "several keys may share one"
                )
                yield Obstacle(None, text, (a.object,), (a.loc,))
                continue
            if link.dchain is None:
                assert link.offence is not None
                text = (
                    f"entries of {name} are found through {through}, "
                    "whose values are not indices freshly allocated from one dchain"
                )
                yield Obstacle(None, text, (a.object,), (a.loc, link.offence.loc))
                continue
            sources[a.object].setdefault(link.dchain, a)
        elif a.how == "fresh":
            assert a.through is not None
            sources[a.object].setdefault(a.through, a)
        elif a.how == "key" and analysis.objects[a.object].kind != "map":
            sources[a.object].setdefault(-1, a)
    for obj, found in sources.items():
        if len(found) > 1 or (analysis.objects[obj].kind == "dchain" and set(found) != {obj}):
            locs = tuple(dict.fromkeys(a.loc for a in found.values()))
            text = f"entries of {analysis.objects[obj].name} are named in ways that could not be related"
            yield Obstacle(None, text, (obj,), locs)


def _stale_indices(analysis: Analysis, indices: dict[int, _IndexMap]) -> Iterable[Obstacle]:
    """An index that is freed must leave every map that leads to it, or two keys come to share an entry."""
    maps_of: dict[int, set[int]] = defaultdict(set)
    for m, link in indices.items():
        if link.dchain is not None:
            maps_of[link.dchain].add(m)
    for path in analysis.paths:
        erased = {e.objects[0] for e in path.events if e.op == "map_erase"}
        for e in path.events:
            if e.op == "expire":
                dchain, freed_from = e.objects[0], set(e.objects[2:])
            elif e.op == "dchain_free":
                dchain, freed_from = e.objects[0], erased
            else:
                continue
            left = maps_of[dchain] - freed_from
            if left:
                names = ", ".join(analysis.objects[m].name for m in sorted(left))
                text = f"an index of {analysis.objects[dchain].name} is freed here but stays in {names}"
                yield Obstacle(None, text, (dchain, *sorted(left)), (e.loc,))


def _misplaced_keys(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    """Expiry erases from the map the key that the vector holds at the freed index: it must be the one that was put
    with that index, and nothing may change it while it is in the map (which stores a pointer to it)."""
    expired: dict[int, int] = {}  # map -> vector of its keys
    maps: dict[int, set[int]] = defaultdict(set)  # vector of keys -> maps
    puts = [(path, e) for path in analysis.paths for e in path.events if e.op == "map_put"]
    for path in analysis.paths:
        for e in path.events:
            if e.op in ("expire", "expire_range"):
                expired[e.objects[-1]] = e.objects[-2]
                maps[e.objects[-2]].add(e.objects[-1])
    for path, put in puts:
        for v in {e.objects[0] for e in path.events if e.op == "vector_write"}:
            if _holds_key(analysis, path, put, v):
                maps[v].add(put.objects[0])
    for a in touched:
        if a.op == "vector_write" and a.object in maps and a.how != "fresh":
            text = f"a key in {analysis.objects[a.object].name} is changed while a map may hold it"
            yield Obstacle(None, text, (a.object, *sorted(maps[a.object])), (a.loc,))
    for path, put in puts:
        m = put.objects[0]
        if m in expired and not _holds_key(analysis, path, put, expired[m]):
            text = (
                f"{analysis.objects[expired[m]].name} does not hold, at the index put, "
                f"the key that is put into {analysis.objects[m].name}: expiry would erase another"
            )
            yield Obstacle(None, text, (expired[m], m), (put.loc,))


def _holds_key(analysis: Analysis, path: CallPath, put: Event, vector: int) -> bool:
    fields = analysis.objects[put.objects[0]].key
    if fields is None or put.key is None or put.value is None:
        return False
    held: dict[int, Expr] = {}
    for e in path.events:
        if e.op == "vector_write" and e.objects[0] == vector and e.index is not None:
            if strip_extension(e.index) is not strip_extension(put.value):
                continue
            for offset, value in e.stored:
                for i in range(value.width // 8):
                    high = value.width - 1 - 8 * i
                    held[offset + i] = extract(value, high, high - 7)
    return all(
        all(f.offset + i in held for i in range(f.size)) and concat(*(held[f.offset + i] for i in range(f.size))) is key
        for f, key in zip(fields, put.key, strict=True)
    )


# --------------------------------------------------------------------------- expiry


def _late_expiry(analysis: Analysis, touched: list[Access], indices: dict[int, _IndexMap]) -> Iterable[Obstacle]:
    """Sequentially, any packet expires entries for all; on its own core, an entry is only expired by that core's
    packets.  Nobody can tell as long as every packet expires, with one bound, before it looks."""
    groups: dict[int, set[int]] = defaultdict(set)  # dchain -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for path in analysis.paths:
        for e in path.events:
            if e.op == "expire" and e.value is not None:
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
            if a.op == "expire":
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


def _chain_of(a: Access, indices: dict[int, _IndexMap]) -> int | None:
    if a.how == "fresh":
        return a.through
    if a.how == "via map" and a.through in indices:
        return indices[a.through].dchain
    return None


# --------------------------------------------------------------------------- indices that leave the NF


def _visible_indices(analysis: Analysis, indices: dict[int, _IndexMap]) -> Iterable[Obstacle]:
    """Cores allocate the same numbers; a number that leaves in a packet would no longer be unique."""
    for path in analysis.paths:
        leaving = [v for _, v in path.packet_writes]
        if isinstance(path.verdict, Expr):
            leaving.append(path.verdict)
        for value in leaving:
            for s in symbols(value):
                obj = _index_source(path, s, indices)
                if obj is not None:
                    text = (
                        f"an index of {analysis.objects[obj].name} leaves in packets: "
                        "two cores would hand out the same one"
                    )
                    yield Obstacle(None, text, (obj,), (path.loc,))


def _index_source(path: CallPath, s: Expr, indices: dict[int, _IndexMap]) -> int | None:
    origin = producer(path, s)
    if origin is None:
        return None
    if origin.op == "dchain_allocate":
        return origin.objects[0]
    if origin.op == "map_get" and origin.objects[0] in indices:
        return indices[origin.objects[0]].dchain
    return None


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
                    obj.id, read, True, "sharded", rule_of.get(obj.id, "R1"), reason, locs, split=obj.kind == "dchain"
                )
            )
    return tuple(result)
