"""Events of call paths -> accesses: which entry of which object, named by what, read or written.

An entry of a map is named by its key.  An index that came out of a map lookup belongs to the key of
that lookup, a fresh index to the core that allocated it (docs/soundness.md): accesses through such
indices stay on the core that put the key, so they need no constraint of their own as long as the map's
put and get meet (rule R1) and indices and keys stay in step (``lemmas``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import is_option, is_packet_byte
from maestro_tool.operations.row import Effect, Entries, Operation
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.events import is_map_get
from maestro_tool.symex.callpath import Analysis, CallPath, Event

How = Literal["key", "via_map", "fresh", "whole", "maintenance", "unknown"]


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
    op: Operation
    write: bool
    loc: int
    how: How
    name: tuple[Expr, ...] = ()
    through: int | None = None
    stride: int = 1


@dataclass(frozen=True, slots=True)
class _Name:
    """How an entry is named: members of `Access`."""

    how: How
    name: tuple[Expr, ...] = ()
    through: int | None = None
    stride: int = 1


_UNKNOWN = _Name("unknown")


def collect(analysis: Analysis, prover: Prover) -> list[Access]:
    """All accesses of all paths, in order."""
    return [a for n, path in enumerate(analysis.paths) for a in _of_path(analysis, n, path, prover)]


def _of_path(analysis: Analysis, number: int, path: CallPath, prover: Prover) -> Iterator[Access]:
    for i, e in enumerate(path.events):
        for obj, operand in zip(e.objects, e.op.objects, strict=True):
            n = _name(path, e, operand.entries, prover)
            place = number, path.port, i, obj, e.op, operand.writes, e.loc
            yield Access(*place, n.how, n.name, n.through, n.stride)
            if e.op.effect is Effect.WRITE and operand.entries is Entries.INDEX:
                for m in (o.id for o in analysis.objects if obj in o.key_vectors):
                    # A key of the map changes.
                    yield Access(number, path.port, i, m, e.op, True, e.loc, "maintenance")


def _name(path: CallPath, e: Event, entries: Entries, prover: Prover) -> _Name:
    """How the entries of one of the event's objects are named."""
    match entries:
        case Entries.KEY:
            return _Name("key", e.key) if e.key is not None else _UNKNOWN
        case Entries.FRESH:
            return _Name("fresh", through=e.objects[0])
        case Entries.INDEX:
            return _of_index(path, e, None, prover)
        case Entries.RANGE:
            return _of_index(path, e, e.value, prover)
        case Entries.ERASED:
            # Keys are erased by their places: its own, if the places are those of an index of this core.
            return _Name("maintenance") if _of_index(path, e, e.value, prover).stride > 1 else _UNKNOWN
        case Entries.OLD:
            return _Name("maintenance")
        case Entries.WHOLE:
            return _Name("whole")
        case Entries.ANY:
            return _UNKNOWN


def _of_index(path: CallPath, e: Event, end: Expr | None, prover: Prover) -> _Name:
    """Of what an index leads to, or with ``end`` all indices up to that one."""
    index = e.index
    if index is None:
        return _UNKNOWN
    base, stride = owner(path, e, index, end, prover)
    if base is not None and (end is None or stride > 1):
        origin = path.producer(base)
        if origin is not None and is_map_get(origin):
            return _Name("via_map", origin.key or (), origin.objects[0], stride)
        if origin is not None and origin.op.effect is Effect.ALLOCATE:
            return _Name("fresh", (), origin.objects[0], stride)
    found = symbols(index)
    chosen = any(map(is_packet_byte, found)) and all(is_packet_byte(s) or is_option(s) for s in found)
    if end is None and (chosen or index.is_const):
        return _Name("key", (index,))
    return _UNKNOWN


def owner(path: CallPath, e: Event, index: Expr, end: Expr | None, prover: Prover) -> tuple[Expr | None, int]:
    """The index (a symbol) that entry ``index``, or with ``end`` all of index .. end - 1, belongs to at event ``e``,
    and how many entries each index has; (None, 1) if there is no such index."""
    base = strip_extension(index)
    if base.op == "sym" and end is None:
        return base, 1
    own = [s for s in symbols(index) if _owned(path, s)]
    if len(own) == 1:
        stride = prover.stride(path.condition[: e.condition_length], index, end, own[0])
        if stride is not None:
            return own[0], stride
    return None, 1


def may_leave_block(path: CallPath, index: Expr, prover: Prover) -> bool:
    """Of an ``index`` that has no `owner`: whether it is ``i * n + m`` of an own index i, where m was not shown to be
    one of 0 .. n - 1."""
    own = [s for s in symbols(index) if _owned(path, s)]
    return len(own) == 1 and prover.looks_like_block(index, own[0])


def _owned(path: CallPath, s: Expr) -> bool:
    """Whether ``s`` is an index found in a map or freshly allocated."""
    origin = path.producer(s)
    return origin is not None and (is_map_get(origin) or origin.op.effect is Effect.ALLOCATE)


def strip_extension(e: Expr) -> Expr:
    """The value below sign and zero extensions (an index passed through wider C types)."""
    while e.op in ("zext", "sext") or (e.op == "extract" and e.value[1] == 0 and e.args[0].op in ("zext", "sext")):  # type: ignore[index]
        e = e.args[0]
    return e
