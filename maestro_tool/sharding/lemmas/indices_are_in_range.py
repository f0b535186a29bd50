"""Indices are in range: what packets name by an index of their own is an entry of the object, in every run.

Requires: names are total.
Ensures: an index out of the packet is below the capacity that the analysis saw, for every packet that comes there; the
program checks at its start that the object has as many (`ObjectDecision.min_capacity`).
"""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.expr.nodes import compare, const
from maestro_tool.sharding.lemmas.question import Question, without
from maestro_tool.sharding.plan import Code, Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    scope = q.scope
    for a in without(scope, q.explained).touched:
        obj = scope.analysis.objects[a.object]
        if a.how == "key" and obj.kind in ("vector", "dchain") and obj.capacity is not None:
            [index] = a.name
            inside = compare("ult", index, const(obj.capacity, index.width))
            known = scope.analysis.paths[a.path].condition[: scope.event(a).condition_length]
            if not (q.reach.always({a.path}, inside) or q.prover.always(known, inside)):
                yield Obstacle(Code.INDEX_OUT_OF_RANGE, (a.object,), (a.loc,), number=obj.capacity)
