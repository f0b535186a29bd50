"""Indices are in range: what packets name by an index of their own is an entry of the object, in every run.

Requires: names are total.
Ensures: an index out of the packet is below the capacity that the analysis saw, for every packet that comes there; the
program checks at its start that the object has as many (`ObjectDecision.min_capacity`).  Vectors that indices of a
ranged allocator lead to have an entry for each, or a block; options may say how many there are, so the program checks
that, too (`ObjectDecision.led_by`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from maestro_tool.expr.nodes import compare, const
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.indices_are_interchangeable import ranged
from maestro_tool.sharding.lemmas.question import Question, without
from maestro_tool.sharding.plan import Code, Obstacle


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from _named_by_packets(q)
    yield from _ranges(q)


def _ranges(q: Question) -> Iterator[Obstacle]:
    """Where each core has a range of the indices, the last core's must lead to entries, too, from the first on."""
    objects = q.scope.analysis.objects
    own = {*ranged(q.scope, q.reach), *(x.dchain for x in q.exchanged)}
    for a, chain in _led(q.scope, own):
        capacity = objects[a.object].capacity or 0
        if capacity < (objects[chain].capacity or 0) * a.stride:
            yield Obstacle(Code.RANGE_TOO_LARGE, (a.object, chain), (a.loc,), number=capacity)


def led_by(scope: Scope, own: Collection[int]) -> dict[int, tuple[int, int]]:
    """Vector -> the allocator, of ``own``, whose indices lead to its elements, and how many elements each index has."""
    found: dict[int, tuple[int, int]] = {}
    for a, chain in _led(scope, own):
        found[a.object] = chain, max(a.stride, found.get(a.object, (chain, 0))[1])
    return found


def _led(scope: Scope, own: Collection[int]) -> Iterator[tuple[Access, int]]:
    """The accesses to vectors by indices of allocators of ``own``, and the allocator of each."""
    for a in scope.touched:
        chain = scope.allocator(a)
        if chain in own and scope.analysis.objects[a.object].kind == "vector":
            assert chain is not None
            yield a, chain


def _named_by_packets(q: Question) -> Iterator[Obstacle]:
    scope = q.scope
    for a in without(scope, q.explained).touched:
        obj = scope.analysis.objects[a.object]
        if a.how == "key" and obj.kind in ("vector", "dchain"):
            [index], entries = a.name, obj.capacity or 0
            inside = compare("ult", index, const(entries, index.width))
            known = scope.analysis.paths[a.path].condition[: scope.event(a).condition_length]
            if not q.prover.always(known, inside):
                yield Obstacle(Code.INDEX_OUT_OF_RANGE, (a.object,), (a.loc,), number=entries)
