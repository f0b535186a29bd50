"""Counters commute and are unobserved: what packets only add to, and none reads, each core may count for itself.

A counter is a variable, or a vector whose entries packets choose (by their protocol, say).

Requires: all operands of operations are in their events.
Ensures: every store to a counter adds to what was there something that no state decides, and what was there goes
nowhere else: no verdict, frame, key or other object depends on it.  So the sum of the cores' counters is the sequential
NF's, and nothing but that sum could tell.
"""

from __future__ import annotations

from collections import defaultdict

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, sym, symbols
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations.row import Effect, Entries
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.key_places import stored_bytes
from maestro_tool.symex.callpath import Analysis, CallPath, uses

#: Kinds of objects that may be counters.
_KINDS = ("global", "vector")


def counters(analysis: Analysis, accesses: list[Access]) -> set[int]:
    """Objects all of whose accesses are ``x += what the packet, options and time say``."""
    # Vectors that are reached by indices belong to what gives the indices out.
    indexed = {a.object for a in accesses if a.how in ("via_map", "fresh")}
    keys = {v for o in analysis.objects for v in o.key_vectors}  # maps read them
    candidates = {o.id for o in analysis.objects if o.kind in _KINDS} - indexed - keys
    for path in analysis.paths:
        stored_in = _uses(path)
        for number, e in enumerate(path.events):
            for obj in candidates & set(e.objects):
                adds = e.op.effect is Effect.WRITE and _adds(path, number)
                if not adds and not (e.op.effect is Effect.READ and stored_in[number] <= {obj}):
                    candidates.discard(obj)
        # Where a key lies decides what the map finds, for as long as it has the key.
        candidates -= {e.key_home[0] for e in path.events if e.key_home is not None}
    return candidates


def _adds(path: CallPath, number: int) -> bool:
    """Every value that event ``number`` stores is what was read there, plus something that does not come from state."""
    write = path.events[number]
    stored = stored_bytes(write)
    for offset, value in write.stored:
        size = value.width // 8
        old = _read(path, number, offset, size)
        # As the processor adds: little endian.
        result = concat(*(stored[n] for n in reversed(range(offset, offset + size))))
        if old is None or result.op != "add" or old not in result.args:
            return False
        [added] = [a for a in result.args if a is not old] or [old]
        if any(isinstance(s.value, Produced) for s in symbols(added)):
            return False
    return True


def _read(path: CallPath, write: int, offset: int, size: int) -> Expr | None:
    """What the path read, before event ``write``, at the place that this writes, as the processor sees it."""
    written = path.events[write]
    for number, e in enumerate(path.events[:write]):
        if e.op.effect is not Effect.READ or e.objects != written.objects or e.span is None:
            continue
        if e.op.objects[0].entries is Entries.INDEX and e.index is not written.index:
            continue
        if e.span[0] <= offset and offset + size <= e.span[1]:
            places = reversed(range(offset, offset + size))
            return concat(*(sym(Produced(e.op.name, number, place), 8) for place in places))
    return None


def _uses(path: CallPath) -> dict[int, set[int | None]]:
    """For each event that reads the objects that what it read is stored in; None: it decides, or leaves, something."""
    found: dict[int, set[int | None]] = defaultdict(set)
    for use in uses(path):
        into = path.events[use.event].objects[0] if use.operand == "stored" and use.event is not None else None
        for s in symbols(use.expr):
            if isinstance(s.value, Produced):
                found[s.value.event].add(into)
    return found
