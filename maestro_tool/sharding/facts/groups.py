"""Objects that belong together: a map, the vector that holds its keys, the allocator of their indices, and all vectors
that are reached by those indices.  Either each core has all of them for itself, or all are shared.
"""

from __future__ import annotations

from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.key_places import KeyPlaces, put_index
from maestro_tool.symex.callpath import Analysis


def groups(
    analysis: Analysis, written: set[int], accesses: list[Access], places: KeyPlaces
) -> dict[int, frozenset[int]]:  # fmt: skip
    """For each object that packets write the group that it is in."""
    parent = {obj: obj for obj in written}

    def root(x: int) -> int:
        while parent[x] != x:
            x = parent[x]
        return x

    def join(objects: tuple[int, ...]) -> None:
        known = [root(x) for x in objects if x in parent]
        for x in known:
            parent[root(x)] = min(root(known[0]), root(x))
            parent[root(known[0])] = root(x)

    for a in accesses:
        if a.through is not None:
            join((a.object, a.through))
    for path in analysis.paths:
        for e in path.events:
            kind = e.op.objects[0].kind if e.op.objects else None
            if e.op.writes:
                join(e.objects)
            if e.op.effect is Effect.PUT and e.key_home is not None:
                join((*e.objects, e.key_home[0]))
            elif kind == "dmap" and e.op.effect is Effect.PUT and (dchain := put_index(path, e)) is not None:
                join((*e.objects, dchain))
    for obj in analysis.objects:
        join((obj.id, *obj.key_vectors))
    for m, place in places.of.items():
        join((m, place.vector, place.dchain))
    members: dict[int, set[int]] = {}
    for x in parent:
        members.setdefault(root(x), set()).add(x)
    return {x: frozenset(members[root(x)]) for x in parent}
