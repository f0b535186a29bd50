"""Key storage is kept: while a map has a key, the bytes that it points to are those that were put.

Requires: names are total.
Ensures: a map's keys lie in one vector, at an index that was fresh when they were put (`facts.key_places`), each once:
a key is only put after it was looked up and not found since the packet put another.  Nothing is written there while the
map may have the key; in a block of entries, only the key that is put there next, by the core whose block it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.events import is_map_put
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from (o for o in q.scope.places.refused if q.scope.objects.issuperset(o.objects))
    yield from changed_keys(q.scope)


def changed_keys(scope: Scope) -> Iterator[Obstacle]:
    """A map stores a pointer to its key: nothing may write there while it is in the map.

    In a block, entries are the core's own, and what it writes there must be the key that it puts: whoever asks for the
    key that was there, or is there now, is on this core, too.
    """
    filled = {v: o.id for o in scope.analysis.objects for v in o.key_vectors}
    vectors = {e.key_home[0] for _, e in scope.events(Effect.PUT) if e.key_home is not None}
    for a in scope.touched:
        if a.op.effect is not Effect.WRITE:
            continue
        if a.object in filled:
            yield Obstacle(Code.KEY_OF_SET_UP_CHANGED, (a.object, filled[a.object]), (a.loc,))
        if a.object not in vectors:
            continue
        if (a.how == "fresh" and a.stride == 1) or (a.stride > 1 and _puts_written(scope, a)):
            continue
        yield Obstacle(Code.KEY_CHANGED, (a.object,), (a.loc,))


def _puts_written(scope: Scope, a: Access) -> bool:
    """Whether the path puts a key that lies there: it is what was written, or its map is refused."""
    home = a.object, scope.event(a).index
    return any(is_map_put(e) and e.key_home == home for e in scope.analysis.paths[a.path].events)
