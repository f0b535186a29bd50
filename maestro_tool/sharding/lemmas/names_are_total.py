"""Names are total: each entry that a packet touches has a name, and the packet determines it.

Requires: accesses hold all operands (`operations`); key functions are pure (`symex.keys`).
Ensures: an access to a sharded object is named by a key or an index out of the packet, by an index that a key of a map
leads to or that the path allocated, or it is the core's own old entries that it ends.  Entries that are reached by
indices are reached in one way: by indices of one allocator, found in one map.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from maestro_tool.operations.row import Effect, Role
from maestro_tool.sharding.facts.access import Access, may_leave_block
from maestro_tool.sharding.facts.dependencies import dependencies
from maestro_tool.sharding.facts.key_places import put_index
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Dependency, Obstacle

#: Objects any entry of which may be meant, by kind.
_ANY_ENTRY = {
    "sketch": Code.SKETCH_KEYS_UNKNOWN,
    "map": Code.MAP_KEYS_UNKNOWN,
    "dmap": Code.DOUBLE_MAP,
    "lpm": Code.CHANGED_ROUTES,
}


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from _unnamed(q)
    yield from unrelated_ways(q.rest)


def _unnamed(q: Question) -> Iterator[Obstacle]:
    scope = q.rest
    # The indices of a double map's entries are its own: that it cannot be sharded is the reason.
    ruled = {d for path, e in scope.events(Effect.PUT, kind="dmap") if (d := put_index(path, e)) is not None}
    for a in scope.touched:
        kind = scope.analysis.objects[a.object].kind
        if a.how == "whole":
            yield _because(Code.ONE_ENTRY_FOR_ALL, a)
        elif a.op.effect is Effect.SIZE and kind == "map":
            yield _because(Code.COUNTS_ALL_ENTRIES, a)
        elif a.op.effect is Effect.CHOOSE:
            yield _because(Code.CHOICE_AMONG_ALL, a)
        elif a.how != "unknown":
            continue
        elif a.op.effect is Effect.ERASE_RANGE:
            yield _because(Code.RANGE_NOT_OWN, a)
        elif kind in _ANY_ENTRY:
            yield _because(_ANY_ENTRY[kind], a)
        elif a.object not in ruled:
            yield _chosen(q, a)


def _chosen(q: Question, a: Access) -> Obstacle:
    """Of an access whose index has no owner."""
    index = q.rest.event(a).index
    if index is not None and may_leave_block(q.rest.analysis.paths[a.path], index, q.prover):
        return _because(Code.OUTSIDE_BLOCK, a)
    depends = _depends(q.rest, q.reach, a)
    oldest = any(_on_time(d) for d in depends)
    code = Code.OLDEST_ENTRY_CHOSEN if oldest else Code.ENTRY_CHOSEN
    return Obstacle(code, (a.object,), (a.loc,), fields=depends)


def _because(code: Code, a: Access) -> Obstacle:
    return Obstacle(code, (a.object,), (a.loc,))


def _depends(scope: Scope, reach: Reach, a: Access) -> tuple[Dependency, ...]:
    """What chooses the entry."""
    path, family = scope.analysis.paths[a.path], reach.family(a.path)
    chosen_by = scope.event(a).operands_with(Role.NAMES, Role.DECIDES)
    named = frozenset[Dependency]().union(*(dependencies(path, e, family) for e in chosen_by))
    return tuple(sorted(named, key=repr))


def _on_time(d: Dependency) -> bool:
    return d.kind == "time" or any(map(_on_time, d.of))


def unrelated_ways(scope: Scope) -> Iterator[Obstacle]:
    """Entries reached through a map's value are core-local only if the value is an index that the same core
    allocated, and if every way to that entry starts from the same allocator."""
    sources: dict[int, dict[tuple[int, int], Access]] = defaultdict(dict)  # object -> (allocator, stride)
    refused = {m for o in scope.places.refused for m in o.objects}
    for a in scope.touched:
        chain = scope.allocator(a)
        if chain is not None:
            sources[a.object].setdefault((chain, a.stride), a)
        elif a.through is not None and a.through not in refused:
            yield Obstacle(Code.VALUES_NO_INDICES, (a.object,), (a.loc,), (a.object, a.through))
        elif a.how == "key":
            sources[a.object].setdefault((-1, 1), a)
    for obj, found in sources.items():
        if len(found) > 1 or (scope.analysis.objects[obj].kind == "dchain" and set(found) != {(obj, 1)}):
            yield Obstacle(Code.WAYS_NOT_RELATED, (obj,), tuple(dict.fromkeys(a.loc for a in found.values())))
