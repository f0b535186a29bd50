"""What set-up leaves is the same for all: no core has a copy of entries of its own that packets change.

Requires: set-up runs alike on each core (the program compares each run with the analysis at its start).
Ensures: maps, allocators and sketches that are sharded are empty when the first packet comes, on every core as in the
sequential NF.  (Vectors hold what their initialiser gives each element; what is read of one was written since:
`nothing_is_left_over`.)
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from filled(q.scope)


def filled(scope: Scope) -> Iterator[Obstacle]:
    """Objects of the scope that set-up put entries into."""
    for a in scope.touched:
        obj = scope.analysis.objects[a.object]
        if obj.filled and obj.kind in ("map", "dchain", "sketch"):
            yield Obstacle(Code.FILLED_IN_SET_UP, (a.object,), (a.loc,))
