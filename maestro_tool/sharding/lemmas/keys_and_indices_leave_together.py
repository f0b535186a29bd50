"""Keys and indices leave together: an index that goes out of use takes exactly its keys out of all maps.

Requires: key storage is kept.
Ensures: an index is in a map only while it is allocated, and a key that was erased has freed its index.  Else two keys
would come to share an entry, or expiry would erase a key again that somebody else has put since.  Keys in an index's
block may stay: they are of this core as long as the index is, which is for ever (`indices_are_interchangeable`).
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.expr import Expr
from maestro_tool.operations.row import Effect, Role
from maestro_tool.sharding.facts.access import strip_extension
from maestro_tool.sharding.facts.events import is_map_erase, is_map_get, same
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle
from maestro_tool.symex.callpath import CallPath, Event


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from stale_indices(q.scope)


def stale_indices(scope: Scope) -> Iterator[Obstacle]:
    """Indices that are freed while a map has them, and keys that are erased while their index is in use."""
    for _, e in scope.events(Effect.ERASE_RANGE):
        yield from _range_erased(scope, e)
    for _, e in scope.events(Effect.EXPIRE):
        yield from _expired(scope, e)
    for path, e in scope.events(Effect.FREE):
        yield from _freed(scope, path, e)
    expired = {m for _, e in scope.events(Effect.EXPIRE) for m in e.objects[1:]}
    for path, e in scope.events(Effect.ALLOCATE):
        yield from _without_key(scope, expired, path, e)
    for path, e in scope.events(Effect.ERASE):
        if e.objects[0] in scope.places.of and not _frees_erased(scope, path, e):
            m = e.objects[0]
            freed = any(x.op.effect is Effect.FREE and x.objects == (scope.places.of[m].dchain,) for x in path.events)
            yield Obstacle(Code.INDEX_MAY_STAY if freed else Code.INDEX_NOT_FREED, (m,), (e.loc,))


def _range_erased(scope: Scope, e: Event) -> Iterator[Obstacle]:
    """The keys erased must be those that this core put into this map: no other map may have its keys there."""
    vector, m = e.objects
    place = scope.places.of.get(m)
    owned = {a.stride for a in scope.touched if a.object == vector and scope.event(a) is e}
    put = {x.objects[0] for _, x in scope.events(Effect.PUT) if x.key_home is not None and x.key_home[0] == vector}
    if any(m in o.objects for o in scope.places.refused):
        return  # where its keys lie is not known, which is the reason
    if place is None or place.stride == 1 or owned != {place.stride} or put != {m}:
        yield Obstacle(Code.RANGE_ERASED_UNKNOWN, e.objects, (e.loc,))


def _expired(scope: Scope, e: Event) -> Iterator[Obstacle]:
    dchain, maps = e.objects[0], scope.places.maps(e.objects[0])
    kinds = [o.kind for o in e.op.objects]
    if kinds[:2] == ["dchain", "vector"] and set(kinds[2:]) == {"map"}:
        _, vector, *its = e.objects
        for m in its:
            place = scope.places.of.get(m)
            if place is not None and (not place.index_map or (place.dchain, place.vector) != (dchain, vector)):
                yield Obstacle(Code.EXPIRED_ELSEWHERE, (dchain, vector, m), (e.loc,))
        maps = maps - set(its)
    yield from _left_behind(scope, e, maps)


def _freed(scope: Scope, path: CallPath, e: Event) -> Iterator[Obstacle]:
    dchain = e.objects[0]
    keyed = _keyed_by(scope, scope.places.maps(dchain))
    source = strip_extension(e.index) if e.index is not None else None
    origin = path.producer(source) if source is not None else None
    left: set[int] = set()
    if sum(x.op.effect is Effect.FREE and _is_at(x, source) for x in path.events) > 1:
        # In use again when it is freed for the second time, perhaps, and by another key.
        yield Obstacle(Code.KEY_MAY_STAY, (dchain, *keyed), (e.loc,))
    elif origin is not None and is_map_get(origin):
        for m in scope.places.maps(dchain):
            if m != origin.objects[0] or not _erased_after(path, origin, origin.key):
                left.add(m)
    elif origin is not None and origin.op.effect is Effect.ALLOCATE and origin.objects == e.objects:
        for put in path.events:
            if _lies_at(put, source) and not _erased_after(path, put, put.key):
                left.add(put.objects[0])
    elif keyed:
        code = Code.KEY_OF_OLDEST_MAY_STAY if e.op.operands_of(Role.DECIDES) else Code.KEY_MAY_STAY
        yield Obstacle(code, (dchain, *keyed), (e.loc,))
    yield from _left_behind(scope, e, left)


def _is_at(e: Event, source: Expr | None) -> bool:
    return e.index is not None and strip_extension(e.index) is source


def _lies_at(put: Event, source: Expr | None) -> bool:
    """Whether the key that is put lies at the index ``source``."""
    return put.key_home is not None and strip_extension(put.key_home[1]) is source


def _erased_after(path: CallPath, since: Event, key: tuple[Expr, ...] | None) -> bool:
    """Whether the key, which is in the map of event ``since`` then, is erased later."""
    later = path.events[_number(path, since) + 1 :]
    return any(is_map_erase(x) and x.objects == since.objects and same(x.key, key) for x in later)


def _number(path: CallPath, e: Event) -> int:
    return next(n for n, x in enumerate(path.events) if x is e)


def _without_key(scope: Scope, expired: set[int], path: CallPath, e: Event) -> Iterator[Obstacle]:
    """An index that is allocated gets its keys, for each map of ``expired``: expiry erases what lies there, be it an
    earlier owner's."""
    freed = any(x.op.effect is Effect.FREE and _is_at(x, e.index) for x in path.events)
    for m in _keyed_by(scope, scope.places.maps(e.objects[0]) & expired) if e.result is not False and not freed else ():
        if not any(x.objects == (m,) and _lies_at(x, e.index) for x in path.events):
            yield Obstacle(Code.INDEX_WITHOUT_KEY, (e.objects[0], m), (e.loc,))


def _left_behind(scope: Scope, e: Event, maps: set[int]) -> Iterator[Obstacle]:
    if keyed := _keyed_by(scope, maps):
        yield Obstacle(Code.KEY_STAYS, (e.objects[0], *keyed), (e.loc,))


def _keyed_by(scope: Scope, maps: set[int]) -> list[int]:
    """Those of the maps that have one key per index; of others it is not known where keys lie, which is an obstacle."""
    return sorted(m for m in maps if m in scope.places.of and scope.places.of[m].stride == 1)


def _frees_erased(scope: Scope, path: CallPath, erase: Event) -> bool:
    """Whether the path frees the index of the key that it erases: the one that it found, or put, before."""
    dchain = scope.places.of[erase.objects[0]].dchain
    mine = [x for x in path.events[: _number(path, erase)] if x.objects == erase.objects and same(x.key, erase.key)]
    erased = next((n for n, x in reversed(list(enumerate(mine))) if is_map_erase(x)), -1)
    for x in mine[erased + 1 :]:
        source = x.value if x.key_home is None else x.key_home[1]  # what a look-up gave; where the key was put
        if source is not None and any(
            f.op.effect is Effect.FREE and f.objects == (dchain,) and _is_at(f, strip_extension(source))
            for f in path.events
        ):
            return True
    return False
