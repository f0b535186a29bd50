"""Indices are interchangeable: no packet can tell which index was chosen, or each core has indices of its own.

Cores choose indices for themselves, and as long as an index only leads from a key to its entry, they may even choose
the same ones.  In two ways more may be seen of an index, if each core chooses among *indices of its own*:

* it leaves in packets, as the external port of a NAT does;
* it has a block of entries of its own, whose keys its next owner erases.

Then the cores' maps, vectors and allocators are, taken together, those of the sequential NF, had it chosen among its
free indices in this way.  That is the relaxation ``index-choice``; allocators that need it are *ranged*.

Requires: names are total; all operands of operations are in their events.
Ensures: renaming the indices of an allocator one to one (within each core; over all cores, if it is ranged) changes no
verdict, no frame but where `ranged` says so, and no other state but indices, renamed alike.  Nor does how many entries
expired decide anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from maestro_tool.dialects import DIALECTS
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary, const, eq, substitute, symbols
from maestro_tool.operations.row import Effect, Entries, Role
from maestro_tool.packet.fields import CHECKSUMS, FIELDS, FIELDS6, Family, HeaderField
from maestro_tool.sharding.facts.access import owner, strip_extension
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.events import is_map_get
from maestro_tool.sharding.facts.key_places import indices_in
from maestro_tool.sharding.facts.reach import IndexConditions, Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.sharding.plan import Code, Obstacle, Ranged, RangedBecause
from maestro_tool.symex.callpath import Analysis, CallPath, Event, Use, uses

#: What tells how many entries expired.
_COUNTS_EXPIRED = (Effect.EXPIRE, Effect.ERASE_RANGE)


def obstacles(q: Question) -> Iterator[Obstacle]:
    yield from _decides(q.scope, q.prover)
    yield from _elsewhere(q.scope)


def ranged(scope: Scope, reach: Reach) -> dict[int, Ranged]:
    """The allocators that must hand out indices of each core's own."""
    found = {
        dchain: Ranged(RangedBecause.LEAVES_IN_PACKETS, shown=tuple((p, _names(b)) for p, b in sorted(shown.items())))
        for dchain, shown in _shown(scope, reach).items()
    }
    for a in scope.touched:
        if a.stride > 1:
            chain = scope.allocator(a)
            if chain is not None:
                found.setdefault(chain, Ranged(RangedBecause.HAS_BLOCKS, a.object))
    return found


#: A byte of a frame that leaves, and the frame's version of IP; None where fields are not at their usual places.
_Shown = tuple[int, Family | None]


def _shown(scope: Scope, reach: Reach) -> dict[int, dict[int, set[_Shown]]]:
    """allocator -> port -> bytes of the frames sent there that depend on an index, and the frames' version of IP."""
    found: dict[int, dict[int, set[_Shown]]] = {}
    for number, path in enumerate(scope.analysis.paths):
        for byte, value in path.packet_writes:
            for dchain in {d for s in _roots(path, value) for d in _sources(scope, path, s)}:
                ports = found.setdefault(dchain, defaultdict(set))
                # Where bytes were inserted or cut, others are at the fields' places.
                family = None if path.grown else reach.family(number)
                for port in _leaves_on(path, scope.analysis):
                    ports[port].add((byte, family))
    return found


def _leaves_on(path: CallPath, analysis: Analysis) -> Iterable[int]:
    if isinstance(path.verdict, int):
        return (path.verdict,)
    back = path.verdict != "flood" and DIALECTS[analysis.dialect].back
    return () if path.verdict == "drop" else (p for p in range(analysis.ports) if back or p != path.port)


def _names(places: Iterable[_Shown]) -> tuple[str, ...]:
    """The fields that the bytes belong to, in their order."""
    known: dict[Family, Mapping[str, HeaderField]] = {4: FIELDS | CHECKSUMS, 6: FIELDS6}
    fields: dict[_Shown, str] = {
        (b, n): f.name for n in known for f in known[n].values() for b in range(f.offset, f.offset + f.size)
    }
    return tuple(
        dict.fromkeys(fields.get((b, n), f"byte {b}") for b, n in sorted(places, key=lambda p: (p[0], p[1] or 0)))
    )


# --------------------------------------------------------------------------- the index itself


def _decides(scope: Scope, prover: Prover) -> Iterator[Obstacle]:
    for path, use in _visible(scope, prover):
        if use.operand == "frame" and path.verdict == "drop":
            continue  # nobody gets it
        for s in _roots(path, use.expr):
            origin = path.producer(s)
            if origin is None:
                continue
            if origin.op.effect in _COUNTS_EXPIRED:
                if not scope.objects.isdisjoint(origin.objects):
                    yield Obstacle(Code.EXPIRED_COUNT_DECIDES, origin.objects, (use.loc,), operand=_operand(use))
            elif use.operand != "frame" and list(_sources(scope, path, s)):
                yield Obstacle(Code.INDEX_DECIDES, origin.objects[:1], (use.loc,), operand=_operand(use))


def _operand(use: Use) -> str:
    return "age" if use.role is Role.AGES else use.operand


def _elsewhere(scope: Scope) -> Iterator[Obstacle]:
    """An index means something to its own allocator, and to the vectors whose entries it leads to
    (`nothing_is_left_over`)."""
    for path in scope.analysis.paths:
        for e in path.events:
            if not _is_about_index(e):
                continue
            assert e.index is not None
            for dchain in (d for s in _roots(path, e.index) for d in _sources(scope, path, s)):
                if e.objects[0] != dchain:
                    yield Obstacle(Code.OTHER_ALLOCATOR_ASKED, (dchain,), (e.loc,), (e.objects[0], dchain))


def _roots(path: CallPath, e: Expr) -> Iterator[Expr]:
    """The symbols that ``e`` is computed from, also by functions that are not followed (a checksum)."""
    for s in symbols(e):
        origin = path.producer(s)
        if origin is None or origin.op.effect is not Effect.CALCULATE:
            yield s
        else:
            for k in origin.operands:
                yield from _roots(path, k)


def _sources(scope: Scope, path: CallPath, s: Expr) -> Iterator[int]:
    """The allocators of the scope that ``s`` is an index of, or the number of an entry in an index's block."""
    dchain = scope.places.source(path, s)
    if dchain in scope.objects:
        assert dchain is not None
        yield dchain
    origin = path.producer(s)
    if origin is not None and is_map_get(origin):
        block = scope.places.of.get(origin.objects[0])
        if block is not None and block.stride > 1 and block.dchain in scope.objects:
            yield block.dchain


def _visible(scope: Scope, prover: Prover) -> Iterator[tuple[CallPath, Use]]:
    """Every use but indices that just reach entries, or entries of their own block, and what is true of every index."""
    solver = IndexConditions()
    own = own_entries(scope)
    for number, path in enumerate(scope.analysis.paths):
        for use in _telling(scope, path, own.get(number, frozenset()), prover):
            if use.expr.width == 0 and solver.certain(use.expr, indices_in(path, use.expr, scope.places)):
                continue
            yield path, use


def own_entries(scope: Scope) -> dict[int, frozenset[int]]:
    """By path the events that are about entries in an index's own block."""
    found: dict[int, set[int]] = defaultdict(set)
    for a in scope.touched:
        place = scope.places.of.get(a.object)
        if a.stride > 1 or (place is not None and place.stride > 1):
            found[a.path].add(a.event)
    return {path: frozenset(events) for path, events in found.items()}


def _telling(scope: Scope, path: CallPath, own: frozenset[int], prover: Prover) -> Iterator[Use]:
    """The uses in which an index would tell which one it is."""
    for use in uses(path):
        if use.event is None:
            yield use
            continue
        e = path.events[use.event]
        if e.op.effect is Effect.CALCULATE:
            continue  # `_roots` looks through it
        if (use.operand == "index" and _reaches(e)) or (use.operand == "value" and _puts(scope, e)):
            continue
        if use.operand in ("index", "value") and use.event in own:
            yield replace(use, expr=_in_block(path, e, use.expr, prover))
            continue
        if use.operand == "key_home":
            assert e.key_home is not None
            if scope.objects.issuperset((e.objects[0], e.key_home[0])):
                continue  # `key_storage_is_kept` is about where the keys of the scope's maps lie
        yield use


def _in_block(path: CallPath, e: Event, entry: Expr, prover: Prover) -> Expr:
    """Where in the block of its index an entry lies, which is all that may decide; ``entry`` itself if not shown."""
    first, end = (e.index, e.value) if e.op.effect is Effect.ERASE_RANGE else (entry, None)
    assert first is not None
    base, stride = owner(path, e, first, end, prover)
    if base is None:
        return entry
    place = substitute(entry, {base: const(0, base.width)})
    start = binary("mul", base, const(stride, base.width))
    known = path.condition[: e.condition_length]
    return place if prover.always(known, eq(entry, binary("add", start, place))) else entry


def _is_about_index(e: Event) -> bool:
    """Whether the event asks or tells an allocator about an index that it is given."""
    return bool(e.op.objects) and e.op.objects[0].kind == "dchain" and "index" in e.op.operands_of(Role.NAMES)


def _reaches(e: Event) -> bool:
    """Whether an index is just used for the entry that it is the number of."""
    assert e.index is not None
    return e.op.objects[0].entries is Entries.INDEX and strip_extension(e.index).op == "sym"


def _puts(scope: Scope, e: Event) -> bool:
    """Whether a value is an index that is put into the index map that it belongs to; or is put into what cannot be
    sharded, as an obstacle of its own says."""
    if e.objects[0] not in scope.objects:
        return False
    if e.op.objects[0].kind == "dmap" or any(e.objects == o.objects for o in scope.places.refused):
        return True
    return scope.places.index_map(e.objects[0]) is not None
