"""Counters that packets add to and none reads: adding commutes, so each core may count for itself.

A counter is a variable, or a vector whose entries packets choose (by their protocol, say).
"""

from __future__ import annotations

from collections import defaultdict

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, sym, symbols
from maestro_tool.sharding.access import Access, is_packet_symbol
from maestro_tool.sharding.homes import stored_bytes
from maestro_tool.symex.callpath import Analysis, CallPath, Event

_READS = {"global": "global_read", "vector": "vector_read"}
_WRITES = {"global": "global_write", "vector": "vector_write"}


def counters(analysis: Analysis, accesses: list[Access]) -> set[int]:
    """Objects all of whose accesses are ``x += what the packet, options and time say``."""
    # Vectors that are reached by indices belong to what gives the indices out.
    indexed = {a.object for a in accesses if a.how in ("via map", "fresh")}
    keys = {v for o in analysis.objects for v in o.key_vectors}  # maps read them
    candidates = {o.id for o in analysis.objects if o.kind in _READS} - indexed - keys
    for path in analysis.paths:
        uses = _uses(path)
        for number, e in enumerate(path.events):
            for obj in candidates & set(e.objects):
                kind = analysis.objects[obj].kind
                adds = e.op == _WRITES[kind] and _adds(path, e, _READS[kind])
                if not adds and not (e.op == _READS[kind] and uses[f"{e.op}.{number}"] <= {obj}):
                    candidates.discard(obj)
    return candidates


def _adds(path: CallPath, write: Event, read: str) -> bool:
    """Every stored value is what was read there, plus something that does not come from state."""
    stored = stored_bytes(write)
    for offset, value in write.stored:
        size = value.width // 8
        old = _read(path, write, read, offset, size)
        # As the processor adds: little endian.
        number = concat(*(stored[n] for n in reversed(range(offset, offset + size))))
        if old is None or number.op != "add" or old not in number.args:
            return False
        [added] = [a for a in number.args if a is not old] or [old]
        if not all(is_packet_symbol(s) or _stateless(s) for s in symbols(added)):
            return False
    return True


def _stateless(s: Expr) -> bool:
    return str(s.value) in ("pkt_len", "now") or str(s.value).startswith("cfg.")


def _read(path: CallPath, write: Event, read: str, offset: int, size: int) -> Expr | None:
    """What the path read at the written place before, as the processor sees it; None if it did not."""
    for number, e in enumerate(path.events):
        if e is write:
            return None
        if e.op != read or e.objects != write.objects or e.span is None:
            continue
        if read == "vector_read" and e.index is not write.index:
            continue
        if e.span[0] <= offset and offset + size <= e.span[1]:
            return concat(*(sym(f"{read}.{number}.{o}", 8) for o in reversed(range(offset, offset + size))))
    return None


def _uses(path: CallPath) -> dict[str, set[int | None]]:
    """For each event that reads (as ``vector_read.3``) the objects that what it read is stored in; None: it decides, or
    leaves, something else."""
    found: dict[str, set[int | None]] = defaultdict(set)

    def used(e: Expr, where: int | None) -> None:
        for s in symbols(e):
            found[str(s.value).rpartition(".")[0]].add(where)

    for c in path.condition:
        used(c, None)
    for _, v in path.packet_writes:
        used(v, None)
    if isinstance(path.verdict, Expr):
        used(path.verdict, None)
    for e in path.events:
        for x in (*(e.key or ()), e.index, e.value):
            if x is not None:
                used(x, None)
        for _, v in e.stored:
            used(v, e.objects[0] if e.op in _WRITES.values() else None)
    return found
