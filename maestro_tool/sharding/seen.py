"""Which index was chosen, what an earlier owner left there, and how many entries expired: no packet may see any of it.

Cores choose indices for themselves, and as long as an index only leads from a key to its entry, they may even choose
the same ones.  In two ways more may be seen of an index, if each core chooses among *indices of its own*:

* it leaves in packets, as the external port of a NAT does;
* it has a block of entries of its own, whose keys its next owner erases.

Then the cores' maps, vectors and allocators are, taken together, those of the sequential NF, had it chosen among its
free indices in this way.  That is the relaxation ``index-choice``; allocators that need it are *ranged*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, land, lor, symbols
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations.row import Effect, Entries, Role
from maestro_tool.packet.fields import CHECKSUMS, FIELDS, FIELDS6, Family, HeaderField
from maestro_tool.sharding.access import is_map_get, strip_extension
from maestro_tool.sharding.homes import allocated_by, indices_in, stored_bytes
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.reach import IndexConditions, Reach
from maestro_tool.sharding.scope import Scope
from maestro_tool.sharding.slots import Prover
from maestro_tool.symex.callpath import CallPath, Event, uses

_LEAVES = "what leaves in packets"

#: What tells how many entries expired.
_COUNTS_EXPIRED = (Effect.EXPIRE, Effect.ERASE_RANGE)


def obstacles(scope: Scope, prover: Prover) -> Iterator[Obstacle]:
    yield from _visible(scope)
    yield from _elsewhere(scope)
    yield from _leftovers(scope, prover)


@dataclass(frozen=True, slots=True)
class Ranged:
    """Why an allocator must hand out indices of each core's own; ``shown`` as in `plan.Relaxation`."""

    reason: str
    shown: tuple[tuple[int, tuple[str, ...]], ...] = ()


def ranged(scope: Scope, reach: Reach) -> dict[int, Ranged]:
    """The allocators that must hand out indices of each core's own."""
    found: dict[int, Ranged] = {
        dchain: Ranged("an index leaves in packets", tuple((p, _names(b)) for p, b in sorted(shown.items())))
        for dchain, shown in _shown(scope, reach).items()
    }
    for a in scope.touched:
        if a.stride > 1:
            home = scope.homes.index_map(a.through)
            chain = home.dchain if a.how == "via map" and home is not None else a.through
            if chain is not None:
                found.setdefault(chain, Ranged(f"each index has entries of its own in {scope.name(a.object)}"))
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
                for port in _leaves_on(path, scope.analysis.ports):
                    ports[port].add((byte, family))
    return found


def _leaves_on(path: CallPath, ports: int) -> Iterable[int]:
    if isinstance(path.verdict, int):
        return (path.verdict,)
    return () if path.verdict == "drop" else (p for p in range(ports) if p != path.port)


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


def _visible(scope: Scope) -> Iterator[Obstacle]:
    for path, where, value, loc in _seen(scope):
        for s in _roots(path, value):
            origin = path.producer(s)
            if origin is not None and origin.op.effect in _COUNTS_EXPIRED:
                if not scope.objects.isdisjoint(origin.objects):
                    text = f"how many entries expired decides {where}: on its own core a packet sees only a part"
                    remedy = "do not use the number that expiry returns"
                    yield Obstacle(None, text, origin.objects, (loc,), remedy=remedy)
            elif where != _LEAVES:
                for dchain in _sources(scope, path, s):
                    obj = origin.objects[0] if origin is not None else dchain
                    text = f"an index of {scope.name(obj)} decides {where}: two cores would choose the same one"
                    remedy = "use the index to reach entries, or put it into packets, and for nothing else"
                    yield Obstacle(None, text, (obj,), (loc,), remedy=remedy)


def _elsewhere(scope: Scope) -> Iterator[Obstacle]:
    """An index means something to its own allocator, and to the vectors whose entries it leads to (`_leftovers`)."""
    for path in scope.analysis.paths:
        for e in path.events:
            if not _is_about_index(e) or e.index is None:
                continue
            for dchain in (d for s in _roots(path, e.index) for d in _sources(scope, path, s)):
                if e.objects[0] != dchain:
                    text = (
                        f"{scope.name(e.objects[0])} is asked about an index of {scope.name(dchain)}: "
                        "the answer depends on which one was chosen"
                    )
                    remedy = "ask an allocator about its own indices only"
                    yield Obstacle(None, text, (dchain,), (e.loc,), remedy=remedy)


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
    dchain = scope.homes.source(path, s)
    if dchain is not None and dchain in scope.objects:
        yield dchain
    origin = path.producer(s)
    if origin is not None and is_map_get(origin):
        block = scope.homes.of.get(origin.objects[0])
        if block is not None and block.stride > 1 and block.dchain in scope.objects:
            yield block.dchain


def _seen(scope: Scope) -> Iterator[tuple[CallPath, str, Expr, int]]:
    """Every expression but indices that just reach entries, or entries of their own block, and what is true of every
    index: (path, what it decides, expression, loc)."""
    solver = IndexConditions()
    own = _own_entries(scope)
    for number, path in enumerate(scope.analysis.paths):
        for where, value, loc in _expressions(scope, path, own.get(number, frozenset())):
            if value.width == 0 and solver.certain(value, indices_in(path, value, scope.homes)):
                continue
            yield path, where, value, loc


def _own_entries(scope: Scope) -> dict[int, frozenset[int]]:
    """By path the events that are about entries in an index's own block."""
    found: dict[int, set[int]] = defaultdict(set)
    for a in scope.touched:
        home = scope.homes.of.get(a.object)
        if a.stride > 1 or (a.op.effect is Effect.PUT and home is not None and home.stride > 1):
            found[a.path].add(a.event)
    return {path: frozenset(events) for path, events in found.items()}


#: What an expression decides, by the member of the event that it is an operand in.
_DECIDED = {
    "condition": "what the packet does", "frame": _LEAVES, "verdict": "where the packet goes",
    "key": "a key", "raw": "a key", "key_home": "where a key lies", "index": "which entry is used",
    "stored": "what an entry holds", "value": "a value", "operands": "what is chosen",
}  # fmt: skip


def _expressions(scope: Scope, path: CallPath, own: frozenset[int]) -> Iterator[tuple[str, Expr, int]]:
    for use in uses(path):
        if use.event is None:
            yield _DECIDED[use.slot], use.expr, use.loc
            continue
        e = path.events[use.event]
        if e.op.effect is Effect.CALCULATE:
            continue  # `_roots` looks through it
        if use.slot == "index" and (_reaches(e) or use.event in own):
            continue
        if use.slot == "value" and (use.event in own or _puts(scope, path, e)):
            continue
        if use.slot == "key_home" and scope.objects.issuperset((e.objects[0], e.key_home[0] if e.key_home else -1)):
            continue  # `homes` looks at where the keys of the scope's maps lie
        yield ("an entry's age" if use.role is Role.AGES else _DECIDED[use.slot]), use.expr, use.loc


def _is_about_index(e: Event) -> bool:
    """Whether the event asks or tells an allocator about an index that it is given."""
    return bool(e.op.objects) and e.op.objects[0].kind == "dchain" and "index" in e.op.slots(Role.NAMES)


def _reaches(e: Event) -> bool:
    """Whether an index is just used for the entry that it is the number of."""
    return e.op.objects[0].entries is Entries.INDEX and e.index is not None and strip_extension(e.index).op == "sym"


def _puts(scope: Scope, path: CallPath, e: Event) -> bool:
    """Whether an index is put into the index map that it belongs to; or into what cannot be sharded, as an obstacle
    of its own says."""
    if e.op.effect is not Effect.PUT or e.objects[0] not in scope.objects:
        return False
    kind = e.op.objects[0].kind
    if kind == "dmap" or (kind == "map" and any(e.objects == o.objects for o in scope.homes.obstacles)):
        return True
    home = scope.homes.index_map(e.objects[0])
    return home is not None and e.value is not None and allocated_by(path, e.value) == home.dchain


# --------------------------------------------------------------------------- what earlier owners left


def _leftovers(scope: Scope, prover: Prover) -> Iterable[Obstacle]:
    """Bytes of an entry that are read must have been written by the packet that allocated its index: what was there
    before comes from set-up or from an earlier owner, and depends on which index was chosen.

    It may say how many of the earlier owner's keys are erased from the index's block, if it decides nothing else."""
    wanted: dict[int, dict[int, int]] = defaultdict(dict)  # vector -> byte that is read -> loc
    chains: dict[int, set[int]] = defaultdict(set)  # vector -> allocators of the indices it is reached by
    for number, path in enumerate(scope.analysis.paths):
        for n, e in enumerate(path.events):
            if e.op.effect not in (Effect.READ, Effect.WRITE) or e.op.objects[0].kind != "vector" or e.index is None:
                continue
            source = strip_extension(e.index)
            dchain = scope.homes.source(path, source) if source.op == "sym" else None
            if dchain is None or dchain not in scope.objects:
                continue
            v = e.objects[0]
            chains[v].add(dchain)
            if e.op.effect is Effect.READ and allocated_by(path, source) is not None:
                if not _only_cleans(scope, number, n, prover):
                    text = f"an entry of {scope.name(v)} is read before the packet that allocated it has written it"
                    yield _earlier_owner(text, dchain, (e.loc,))
            elif e.op.effect is Effect.READ and e.span is not None:
                for byte in range(*e.span):
                    wanted[v].setdefault(byte, e.loc)
    for a in scope.touched:
        span = scope.event(a).span
        if a.op.effect is Effect.READ and a.how == "key" and a.object in chains and span is not None:
            for byte in range(*span):  # of an entry that packets name by its index (R5)
                wanted[a.object].setdefault(byte, a.loc)
        if a.op.effect is Effect.READ and a.stride > 1:
            text = (
                f"an entry of {scope.name(a.object)} in an index's block is read: could not show that it was written "
                "since the index was allocated"
            )
            yield Obstacle(None, text, (a.object,), (a.loc,), remedy="look for it in the map that its key is put into")
    for path, e in scope.events(Effect.ALLOCATE):
        for v in (v for v, found in chains.items() if e.result is not False and e.objects[0] in found):
            missing = set(wanted[v]) - _written_fresh(path, v, e)
            if missing:
                text = (
                    f"byte {min(missing)} of entries of {scope.name(v)} is read, but not written when their index is "
                    "allocated: what an earlier owner left there would be seen"
                )
                yield _earlier_owner(text, e.objects[0], (wanted[v][min(missing)], e.loc))


def _earlier_owner(text: str, dchain: int, locs: tuple[int, ...]) -> Obstacle:
    return Obstacle(None, text, (dchain,), locs, remedy="write the whole entry when its index is allocated")


def _written_fresh(path: CallPath, vector: int, allocation: Event) -> set[int]:
    """Bytes of the vector's entry at the freshly allocated index that the path writes."""
    written: set[int] = set()
    for e in path.events:
        if e.op.effect is Effect.WRITE and e.objects[0] == vector and e.index is not None:
            source = strip_extension(e.index)
            if source.op == "sym" and path.producer(source) is allocation:
                written |= set(stored_bytes(e))
    return written


def _only_cleans(scope: Scope, number: int, event: int, prover: Prover) -> bool:
    """Whether what event ``event`` reads only decides which keys of the index's own block are erased: then the paths
    that differ in it, and in those keys, are one path for all else."""
    path = scope.analysis.paths[number]
    own = _own_entries(scope).get(number, frozenset())

    def about(e: Expr) -> bool:
        return any(isinstance(s.value, Produced) and s.value.event == event for s in symbols(e))

    for use in uses(path):
        cleans = (
            use.event in own
            and path.events[use.event].op.effect is Effect.ERASE_RANGE
            and use.slot in ("index", "value")
        )
        if use.slot != "condition" and not cleans and about(use.expr):
            return False

    def rest(p: CallPath) -> tuple[object, ...]:
        cleaned = (Effect.ERASE_RANGE,)
        events = tuple(replace(e, index=None, value=None) if e.op.effect in cleaned else e for e in p.events)
        return p.port, tuple(c for c in p.condition if not about(c)), events, p.grown, p.packet_writes, p.verdict

    mine, any_of = rest(path), FALSE
    for p in scope.analysis.paths:
        if rest(p) == mine:
            all_of = TRUE
            for c in p.condition:
                all_of = land(all_of, c) if about(c) else all_of
            any_of = lor(any_of, all_of)
    return prover.always(tuple(c for c in path.condition if not about(c)), any_of)
