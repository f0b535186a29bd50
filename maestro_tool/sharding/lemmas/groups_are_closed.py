"""Groups are closed: what belongs together is sharded together, or shared together.

Requires: names are total.
Ensures: an operation that changes several objects changes sharded ones only, or none; an entry that is reached through
another object's index, a map's keys and where they lie, are sharded with that object.  So shared objects, which behave
as in the sequential NF, and sharded ones meet in no operation but by values, which other lemmas look at.
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.sharding.facts.access import strip_extension
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    scope = q.scope
    events = [e for p in scope.analysis.paths for e in p.events]
    written = {o for e in events for o, operand in zip(e.objects, e.op.objects, strict=True) if operand.writes}
    for together, loc in _together(scope):
        mine = [o for o in together if o in scope.objects]
        if mine and any(o in written and o not in scope.objects for o in together):
            yield Obstacle(Code.GROUP_NOT_CLOSED, tuple(mine), (loc,))


def _together(scope: Scope) -> Iterator[tuple[tuple[int, ...], int]]:
    """Objects that must be treated alike, and where that shows."""
    for a in scope.touched:
        if a.through is not None:
            yield (a.object, a.through), a.loc
    for path in scope.analysis.paths:
        for e in path.events:
            if e.op.writes:
                yield e.objects, e.loc
            if e.key_home is not None:
                yield (*e.objects, e.key_home[0]), e.loc
            if e.index is not None and e.op.objects[0].kind == "vector":
                # A core's own index leads to a core's own entry; `indices_are_interchangeable` is about all else.
                dchain = scope.places.source(path, strip_extension(e.index))
                if dchain is not None:
                    yield (e.objects[0], dchain), e.loc
    for m, place in scope.places.of.items():
        yield (m, place.vector, place.dchain), scope.analysis.objects[m].loc
