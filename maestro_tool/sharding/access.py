"""Events of call paths -> accesses: which entry of which object, named by what, read or written.

An entry of a map is named by its key.  An index that came out of a map lookup belongs to the key of
that lookup, a fresh index to the core that allocated it (DESIGN, "Soundness"): accesses through such
indices stay on the core that put the key, so they need no constraint of their own as long as the map's
put and get meet (rule R1) and indices and keys stay in step (``derive.py`` checks that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.symex.callpath import Analysis, CallPath, Event

#: Operations that change the object's entries; all others only read.
WRITES = frozenset(
    {
        "map_put", "map_erase", "vector_write", "dchain_allocate", "dchain_rejuvenate", "dchain_free",
        "global_write", "expire",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """``how``: ``key`` - named by ``name`` (map key, or a vector index that packets determine);
    ``via map`` - index found in map ``through``; ``fresh`` - index allocated on this path from dchain
    ``through``; ``whole`` - the object as one entry; ``maintenance`` - expiry of this core's own old
    entries; ``unknown`` - an index that neither packets nor known objects determine."""

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


def collect(analysis: Analysis) -> list[Access]:
    """All accesses of all paths, in order."""
    return [a for n, path in enumerate(analysis.paths) for a in _of_path(analysis, n, path)]


def _of_path(analysis: Analysis, number: int, path: CallPath) -> list[Access]:
    result: list[Access] = []
    for i, e in enumerate(path.events):
        if e.op == "opaque":
            continue
        write = e.op in WRITES or e.op.startswith("sketch_")

        def access(obj: int, how: str, *, write: bool = write, i: int = i, e: Event = e, **rest: object) -> None:
            result.append(Access(number, path.port, i, obj, e.op, write, how, e.loc, **rest))  # type: ignore[arg-type]

        kind = analysis.objects[e.objects[0]].kind
        if e.op in ("expire", "expire_range"):
            for obj in e.objects:
                # Expiry reads the keys that the vector holds and frees them in chain and map.
                access(obj, "maintenance", write=analysis.objects[obj].kind != "vector")
        elif kind == "map":
            access(e.objects[0], "key" if e.key is not None else "unknown", name=e.key or ())
        elif kind in ("vector", "dchain"):
            how, name, through = _index_origin(path, e)
            access(e.objects[0], how, name=name, through=through)
        elif kind == "global":
            access(e.objects[0], "whole")
        else:
            access(e.objects[0], "unknown")
    return result


def _index_origin(path: CallPath, e: Event) -> tuple[str, tuple[Expr, ...], int | None]:
    index = e.index
    if e.op == "dchain_allocate":
        return "fresh", (), e.objects[0]
    if index is None:
        return "unknown", (), None
    found = symbols(index)
    source = strip_extension(index)
    if source.op == "sym":
        origin = producer(path, source)
        if origin is not None and origin.op == "map_get":
            return "via map", origin.key or (), origin.objects[0]
        if origin is not None and origin.op == "dchain_allocate":
            return "fresh", (), origin.objects[0]
    if all(is_packet_symbol(s) for s in found):
        return "key", (index,), None
    return "unknown", (), None


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
