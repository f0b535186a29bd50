"""Objects that belong together: a map, the vector that holds its keys, the allocator of their indices, and all vectors
that are reached by those indices.  Either each core has all of them for itself, or all are shared.
"""

from __future__ import annotations

from maestro_tool.operations.row import Effect
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.key_places import put_index
from maestro_tool.symex.callpath import Analysis


def groups(analysis: Analysis, written: set[int], accesses: list[Access]) -> dict[int, frozenset[int]]:
    """For each object that packets write the group that it is in."""
    parent = {obj: obj for obj in written}

    def root(x: int) -> int:
        return x if parent[x] == x else root(parent[x])

    def join(objects: tuple[int, ...]) -> None:
        known = {root(x) for x in objects if x in parent}
        parent.update({x: min(known) for x in known})

    for a in accesses:
        if a.through is not None:
            join((a.object, a.through))
    for path in analysis.paths:
        for e in path.events:
            if e.op.writes:
                join(e.objects)
            if e.key_home is not None:
                join((*e.objects, e.key_home[0]))
            elif e.op.effect is Effect.PUT and (dchain := put_index(path, e)) is not None:
                # It has no keys in a vector, so it cannot be sharded: nor can what it has indices of.
                join((*e.objects, dchain))
    for obj in analysis.objects:
        join((obj.id, *obj.key_vectors))
    members: dict[int, set[int]] = {}
    for x in parent:
        members.setdefault(root(x), set()).add(x)
    return {x: frozenset(members[root(x)]) for x in parent}
