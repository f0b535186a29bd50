"""Events of call paths -> accesses: which entry of which object, named by what, read or written.

An entry of a map is named by its key.  An index that came out of a map lookup belongs to the key of
that lookup, a fresh index to the core that allocated it (DESIGN, "Soundness"): accesses through such
indices stay on the core that put the key, so they need no constraint of their own as long as the map's
put and get meet (rule R1) and indices and keys stay in step (``in_step.py`` checks that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.sharding.slots import Prover, block_of
from maestro_tool.symex.callpath import Analysis, CallPath, Event

#: Operations that change the object's entries; all others only read.
WRITES = frozenset(
    {
        "map_put", "map_erase", "vector_write", "dchain_allocate", "dchain_rejuvenate", "dchain_free",
        "global_write", "expire", "expire_range", "lpm_update", "dmap_put", "dmap_erase",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """``how``: ``key`` - named by ``name`` (key, or an index that packets and options determine);
    ``via map`` - index found in map ``through``; ``fresh`` - index allocated on this path from dchain
    ``through``; ``whole`` - the object as one entry; ``maintenance`` - expiry of this core's own old
    entries, or a change of keys that set-up put; ``unknown`` - an index that neither packets nor known objects
    determine.

    ``stride``: entries per index; above 1 the access is to one (or some) of the index's own block of entries."""

    path: int
    port: int
    event: int
    object: int
    op: str
    write: bool
    how: Literal["key", "via map", "fresh", "whole", "maintenance", "unknown"]
    loc: int
    name: tuple[Expr, ...] = ()
    through: int | None = None
    stride: int = 1


def collect(analysis: Analysis, prover: Prover) -> list[Access]:
    """All accesses of all paths, in order."""
    return [a for n, path in enumerate(analysis.paths) for a in _of_path(analysis, n, path, prover)]


def _of_path(analysis: Analysis, number: int, path: CallPath, prover: Prover) -> list[Access]:
    result: list[Access] = []
    for i, e in enumerate(path.events):
        if e.op == "opaque":
            continue
        write = e.op in WRITES or e.op.startswith("sketch_")

        def access(obj: int, how: str, *, write: bool = write, i: int = i, e: Event = e, **rest: object) -> None:
            result.append(Access(number, path.port, i, obj, e.op, write, how, e.loc, **rest))  # type: ignore[arg-type]

        kind = analysis.objects[e.objects[0]].kind
        if e.op in ("expire", "sketch_expire"):
            for obj in e.objects:
                # Expiry reads the keys that the vector holds and frees them in chain and map.
                access(obj, "maintenance", write=analysis.objects[obj].kind != "vector")
        elif e.op == "expire_range":
            # Erases keys by their places: its own, if the places are those of an index of this core.
            how, name, through, stride = _index_origin(path, e, prover)
            access(e.objects[0], how, write=False, name=name, through=through, stride=stride)
            access(e.objects[1], "maintenance" if stride > 1 else "unknown")
        elif e.op == "cht_find":
            access(e.objects[0], "unknown", write=False)
            access(e.objects[1], "unknown", write=False)
        elif kind in ("map", "sketch"):
            access(e.objects[0], "key" if e.key is not None else "unknown", name=e.key or ())
        elif kind in ("vector", "dchain"):
            how, name, through, stride = _index_origin(path, e, prover)
            access(e.objects[0], how, name=name, through=through, stride=stride)
            if e.op == "vector_write":
                for m in (o.id for o in analysis.objects if e.objects[0] in o.key_vectors):
                    access(m, "maintenance")  # a key of the map changes
        elif kind == "global":
            access(e.objects[0], "whole")
        else:
            access(e.objects[0], "unknown")
    return result


def _index_origin(path: CallPath, e: Event, prover: Prover) -> tuple[str, tuple[Expr, ...], int | None, int]:
    """(how, name, through, stride) of an access to a vector or index allocator."""
    if e.op == "dchain_allocate":
        return "fresh", (), e.objects[0], 1
    index = e.index
    if index is None:
        return "unknown", (), None, 1
    end = e.value if e.op == "expire_range" else None
    base, stride = owner(path, e, index, end, prover)
    if base is not None and (e.op != "expire_range" or stride > 1):
        origin = producer(path, base)
        if origin is not None and origin.op == "map_get":
            return "via map", origin.key or (), origin.objects[0], stride
        if origin is not None and origin.op == "dchain_allocate":
            return "fresh", (), origin.objects[0], stride
    found_symbols = symbols(index)
    known = all(is_packet_symbol(s) or str(s.value).startswith("cfg.") for s in found_symbols)
    if known and any(map(is_packet_symbol, found_symbols)):
        return "key", (index,), None, 1
    return "unknown", (), None, 1


def owner(path: CallPath, e: Event, index: Expr, end: Expr | None, prover: Prover) -> tuple[Expr | None, int]:
    """The index (a symbol) that entry ``index``, or with ``end`` all of index .. end - 1, belongs to at event ``e``,
    and how many entries each index has; (None, 1) if there is no such index."""
    base = strip_extension(index)
    if base.op == "sym" and end is None:
        return base, 1
    own = [s for s in symbols(index) if _owned(path, s)]
    if len(own) == 1:
        block = block_of(path.condition[: e.condition_length], index, end, own[0])
        if block is not None and prover.always(*block.claim):
            return own[0], block.stride
    return None, 1


def _owned(path: CallPath, s: Expr) -> bool:
    """Whether ``s`` is an index found in a map or freshly allocated."""
    origin = producer(path, s)
    return origin is not None and (
        (origin.op == "map_get" and str(s.value).endswith(".value")) or origin.op == "dchain_allocate"
    )


def strip_extension(e: Expr) -> Expr:
    """The value below sign and zero extensions (an index passed through wider C types)."""
    while e.op in ("zext", "sext") or (e.op == "extract" and e.value[1] == 0 and e.args[0].op in ("zext", "sext")):  # type: ignore[index]
        e = e.args[0]
    return e


def is_packet_symbol(s: Expr) -> bool:
    return str(s.value).startswith("pkt.")


def producer(path: CallPath, symbol: Expr) -> Event | None:
    """The event of ``path`` that produced ``symbol`` (``map_get.3.value``), or None."""
    parts = str(symbol.value).split(".")
    if len(parts) >= 3 and parts[1].isdigit() and int(parts[1]) < len(path.events):
        event = path.events[int(parts[1])]
        if event.op == parts[0]:
            return event
    return None
