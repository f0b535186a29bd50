"""Keys and indices leave together: an index that goes out of use takes exactly its keys out of all maps.

Requires: key storage is kept.
Ensures: an index is in a map only while it is allocated, and a key that was erased has freed its index.  Else two keys
would come to share an entry, or expiry would erase a key again that somebody else has put since.  Keys in an index's
block may stay: they are of this core as long as the index is, which is for ever (`indices_are_interchangeable`).
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.operations.row import Effect, Role
from maestro_tool.sharding.facts.access import strip_extension
from maestro_tool.sharding.facts.events import is_map_erase, is_map_get, is_map_put, same
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle
from maestro_tool.symex.callpath import CallPath, Event


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from stale_indices(q.scope)


def stale_indices(scope: Scope) -> Iterator[Obstacle]:
    """Indices that are freed while a map has them, and keys that are erased while their index is in use."""
    for path, e in scope.events(Effect.ERASE_RANGE, Effect.EXPIRE, Effect.FREE, Effect.ERASE):
        if e.op.effect is Effect.ERASE_RANGE:
            yield from _range_erased(scope, e)
        elif e.op.effect is Effect.EXPIRE:
            yield from _expired(scope, e)
        elif e.op.effect is Effect.FREE:
            yield from _freed(scope, path, e)
        elif e.objects[0] in scope.places.of and not _frees_erased(scope, path, e):
            m = e.objects[0]
            freed = any(x.op.effect is Effect.FREE and x.objects == (scope.places.of[m].dchain,) for x in path.events)
            yield Obstacle(Code.INDEX_MAY_STAY if freed else Code.INDEX_NOT_FREED, (m,), (e.loc,))


def _range_erased(scope: Scope, e: Event) -> Iterator[Obstacle]:
    """The keys erased must be those that this core put into this map: no other map may have its keys there."""
    vector, m = e.objects
    place = scope.places.of.get(m)
    owned = {a.stride for a in scope.touched if a.object == vector and scope.event(a) is e}
    put = {x.objects[0] for _, x in scope.events(Effect.PUT) if x.key_home is not None and x.key_home[0] == vector}
    if place is None or place.vector != vector or place.stride == 1 or owned != {place.stride} or put != {m}:
        yield Obstacle(Code.RANGE_ERASED_UNKNOWN, e.objects, (e.loc,))


def _expired(scope: Scope, e: Event) -> Iterator[Obstacle]:
    if e.op.objects[0].kind != "dchain":
        return
    dchain, maps = e.objects[0], scope.places.maps(e.objects[0])
    if [o.kind for o in e.op.objects] == ["dchain", "vector", "map"]:
        _, vector, m = e.objects
        place = scope.places.of.get(m)
        if place is not None and (not place.index_map or (place.dchain, place.vector) != (dchain, vector)):
            yield Obstacle(Code.EXPIRED_ELSEWHERE, (dchain, vector, m), (e.loc,))
        maps = maps - {m}
    yield from _left_behind(scope, e, maps)


def _freed(scope: Scope, path: CallPath, e: Event) -> Iterator[Obstacle]:
    dchain = e.objects[0]
    source = strip_extension(e.index) if e.index is not None else None
    origin = path.producer(source) if source is not None and source.op == "sym" else None
    erased = [x for x in path.events if is_map_erase(x)]
    left: set[int] = set()
    if origin is not None and is_map_get(origin):
        for m in scope.places.maps(dchain):
            if m != origin.objects[0] or not any(x.objects[0] == m and same(x.key, origin.key) for x in erased):
                left.add(m)
    elif origin is not None and origin.op.effect is Effect.ALLOCATE:
        for put in path.events:
            put_here = is_map_put(put) and put.key_home is not None and strip_extension(put.key_home[1]) is source
            if put_here and not any(x.objects == put.objects and same(x.key, put.key) for x in erased):
                left.add(put.objects[0])
    elif keyed := _keyed_by(scope, scope.places.maps(dchain)):
        code = Code.KEY_OF_OLDEST_MAY_STAY if e.op.slots(Role.DECIDES) else Code.KEY_MAY_STAY
        yield Obstacle(code, (dchain, *keyed), (e.loc,))
    yield from _left_behind(scope, e, left)


def _left_behind(scope: Scope, e: Event, maps: set[int]) -> Iterator[Obstacle]:
    if keyed := _keyed_by(scope, maps):
        yield Obstacle(Code.KEY_STAYS, (e.objects[0], *keyed), (e.loc,))


def _keyed_by(scope: Scope, maps: set[int]) -> list[int]:
    """Those of the maps that have one key per index."""
    return sorted(m for m in maps if scope.places.of[m].stride == 1)


def _frees_erased(scope: Scope, path: CallPath, erase: Event) -> bool:
    """Whether the path frees the index of the key that it erases."""
    dchain = scope.places.of[erase.objects[0]].dchain
    for e in path.events:
        if e.op.effect is not Effect.FREE or e.objects[0] != dchain or e.index is None:
            continue
        source = strip_extension(e.index)
        origin = path.producer(source) if source.op == "sym" else None
        if origin is None:
            continue
        if is_map_get(origin) and origin.objects == erase.objects and same(origin.key, erase.key):
            return True
        puts = (p for p in path.events if is_map_put(p) and p.objects == erase.objects and same(p.key, erase.key))
        if any(p.key_home is not None and strip_extension(p.key_home[1]) is source for p in puts):
            return True
    return False
