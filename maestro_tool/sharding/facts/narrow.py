"""Indices that lost only bits which they never have: ``index & 63`` is the index, if its allocator has at most 64.

Indices are below their allocator's capacity, fresh ones and those that an index map holds.  Options may say how many
there are: so the program checks at its start that there are no more than that (`ObjectDecision.max_capacity`).
"""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.expr import Expr
from maestro_tool.sharding.facts.key_places import KeyPlaces
from maestro_tool.symex.callpath import Analysis, CallPath, Event


def widened(analysis: Analysis, places: KeyPlaces) -> tuple[Analysis, dict[int, int]]:
    """``analysis`` where events are given whole indices for narrow ones; and by allocator, how many indices it may have
    so that these are the same."""
    most: dict[int, int] = {}

    def whole(path: CallPath, e: Event) -> Event:
        found = _narrow(e.index) if e.index is not None else None
        if found is None:
            return e
        index, room = found
        chain = places.source(path, index)
        if chain is None or not 0 < (analysis.objects[chain].capacity or 0) <= room:
            return e
        most[chain] = min(room, most.get(chain, room))
        return replace(e, index=index)

    paths = tuple(replace(p, events=tuple(whole(p, e) for e in p.events)) for p in analysis.paths)
    return replace(analysis, paths=paths), most


def _narrow(e: Expr) -> tuple[Expr, int] | None:
    """A symbol whose lowest bits ``e`` is, zeros in front of them, and how many numbers have no others."""
    room = 1 << e.width
    while e.op in ("zext", "sext"):
        e, signed = e.args[0], e.op == "sext"
        room = min(room, 1 << (e.width - signed))  # a sign that is copied must be 0
    if e.op != "extract" or e.bounds[1] != 0 or e.args[0].op != "sym":
        return None
    return e.args[0], min(room, 1 << (e.bounds[0] + 1))
