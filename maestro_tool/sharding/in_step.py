"""Do keys, indices and entries stay in step?  Each function looks for one way in which they would not.

A shared-nothing core works on maps, vectors and index allocators (dchains) of its own.  That is the sequential program
seen through the packets of one core, provided that

* a map's keys lie in a vector, at an index that was fresh when they were put, and nothing changes them there (`homes`);
* an index is in a map only while it is allocated: freeing and expiring take exactly its keys out;
* which index was chosen, and what an earlier owner left there, is not seen, or each core has its own (`seen`);
* entries grow old alike on all cores: used at the time of the packet, expired first thing, with one limit (`ages`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from maestro_tool.operations.row import Effect, Role
from maestro_tool.sharding import ages, rules, seen
from maestro_tool.sharding.access import Access, collect, is_map_get, strip_extension
from maestro_tool.sharding.homes import holds_key, is_map_put, key_homes, put_index, same, unknown_keys
from maestro_tool.sharding.plan import Obstacle
from maestro_tool.sharding.reach import Reach
from maestro_tool.sharding.scope import Scope
from maestro_tool.sharding.slots import Prover
from maestro_tool.symex.callpath import Analysis, CallPath, Event


def obstacles(scope: Scope, rest: Scope, reach: Reach, prover: Prover) -> Iterator[Obstacle]:
    """``rest``: the scope without the accesses that rule R5 explains."""
    yield from (o for o in scope.homes.obstacles if scope.objects.issuperset(o.objects))
    yield from _filled_in_set_up(scope)
    yield from _unnamed_entries(rest, reach)
    yield from _unrelated_ways(rest)
    yield from _changed_keys(scope)
    yield from _stale_indices(scope)
    yield from seen.obstacles(scope, prover)
    yield from ages.obstacles(scope)


def trusted(analysis: Analysis) -> bool:
    """Whether what `analyse` took for granted of maps that packets erase keys from is true.

    It is, by induction over packets, if every path that starts with it also ends with it: a map's keys lie in one
    vector at their values, nothing else is written there while the map holds them, and no key is put twice.
    """
    relied = {m for path in analysis.paths for m in _relied_on(path)}
    if not relied:
        return True
    prover = Prover()
    homes = key_homes(analysis, prover)
    if not all((home := homes.index_map(m)) is not None and home.stride == 1 for m in relied):
        return False
    accesses = tuple(collect(analysis, prover))
    scope = Scope(analysis, homes, frozenset(a.object for a in accesses if a.write), accesses)
    writes = replace(scope, touched=tuple(a for a in accesses if a.op.effect is Effect.WRITE))
    checks = (_filled_in_set_up(scope), _unrelated_ways(writes), _changed_keys(scope), _stale_indices(scope))
    concerned = {x for m in relied for home in (homes.of[m],) for x in (m, home.vector, home.dchain)}
    return all(concerned.isdisjoint(o.objects) for found in checks for o in found)


def _is_map_erase(e: Event) -> bool:
    return e.op.effect is Effect.ERASE and e.op.objects[0].kind == "map"


def _relied_on(path: CallPath) -> Iterator[int]:
    """The maps of which something is taken for granted: where the key was that is erased, or that it is gone then."""
    for n, e in enumerate(path.events):
        if _is_map_erase(e):
            later = (x for x in path.events[n + 1 :] if is_map_get(x) and x.objects == e.objects)
            if e.key_home is not None or any(x.result is False and same(x.key, e.key) for x in later):
                yield e.objects[0]


# --------------------------------------------------------------------------- names of entries


def _filled_in_set_up(scope: Scope) -> Iterable[Obstacle]:
    """What set-up put would be on every core."""
    for a in scope.touched:
        obj = scope.analysis.objects[a.object]
        if obj.filled and obj.kind in ("map", "dchain", "sketch"):
            text = f"{obj.name} is filled in set-up and changed by packets: each core would have a copy of its own"
            remedy = "fill one object in set-up, and let packets change another"
            yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)


#: Kinds of objects whose entries no packet has for itself: what they are, and what would help.
_ANY_ENTRY = {
    "dmap": (
        "is a double map: could not decide which packets share its entries",
        "use two maps, one for each key, whose keys lie in vectors at the indices of one dchain",
    ),
    "lpm": (
        "is a routing table that packets change: any packet may ask for the prefix that another put",
        "let set-up alone fill it; or keep in a map what packets put",
    ),
}
_EXPIRE = "let expire_items_single_map take out what is old"
_LOOK_UP = "look the key up with map_get, erase it, and free the index that it gave"


def _unnamed_entries(scope: Scope, reach: Reach) -> Iterable[Obstacle]:
    # The indices of a double map's entries are its own: that it cannot be sharded is the reason.
    ruled = {d for path, e in scope.events(Effect.PUT, kind="dmap") if (d := put_index(path, e)) is not None}
    for a in scope.touched:
        name, kind = scope.name(a.object), scope.analysis.objects[a.object].kind
        if a.how == "whole":
            remedy = "keep it per flow, in a vector; or only add to it, and let no packet read it"
            yield Obstacle("R4", f"{name} is one entry for all packets", (a.object,), (a.loc,), remedy=remedy)
        elif a.op.effect is Effect.SIZE and kind == "map":
            text = f"how many entries {name} has depends on all of them: a core would count its own only"
            remedy = "none by hashing: keep no limit on all keys together, or let the cores share the map"
            yield Obstacle("R4", text, (a.object,), (a.loc,), remedy=remedy)
        elif a.op.effect is Effect.CHOOSE:
            text = f"any entry of {name} may be the one that is chosen"
            remedy = "none: the choice is among all backends; what stores the chosen one can still be sharded"
            yield Obstacle("R4", text, (a.object,), (a.loc,), remedy=remedy)
        elif a.op.effect is Effect.ERASE_RANGE and a.how == "unknown":
            text = f"could not show that the entries of {name} that are erased here belong to this packet's index"
            remedy = "erase entries index * n .. index * n + m with m at most n, for the index of this packet's key"
            yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)
        elif a.how == "unknown" and kind == "sketch":
            why = "its hash is not crc32 of one member after the other"
            text = f"could not decide which keys {name} counts together: {why}"
            remedy = "hash = __builtin_ia32_crc32si(hash, member), from 0 on, for each whole member of the key"
            yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)
        elif a.how == "unknown" and kind == "map":
            text, remedy = unknown_keys(scope.analysis, a.object)
            yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)
        elif a.how == "unknown" and kind in _ANY_ENTRY:
            text, remedy = _ANY_ENTRY[kind]
            yield Obstacle("R4", f"{name} {text}", (a.object,), (a.loc,), remedy=remedy)
        elif a.how == "unknown" and a.object in ruled:
            continue
        elif a.how == "unknown":
            path, family = scope.analysis.paths[a.path], reach.family(a.path)
            chosen_by = scope.event(a).operands_with(Role.NAMES, Role.DECIDES)
            named = (rules.dependencies(scope.analysis, path, e, family) for e in chosen_by)
            depends = tuple(sorted(frozenset[str]().union(*named)))
            text = f"an entry of {name} is chosen by {', '.join(depends) or 'a constant'}"
            oldest = kind in ("dchain", "vector") and any("the time" in d for d in depends)
            remedy = _EXPIRE if oldest else rules.remedy_for(depends)
            yield Obstacle("R4", text, (a.object,), (a.loc,), depends, remedy)


def _unrelated_ways(scope: Scope) -> Iterable[Obstacle]:
    """Entries reached through a map's value are core-local only if the value is an index that the same core
    allocated, and if every way to that entry starts from the same allocator."""
    sources: dict[int, dict[tuple[int, int], Access]] = defaultdict(dict)  # object -> (allocator, stride)
    remedy = "reach its entries in one way: by indices of one dchain, stored in one map"
    refused = {m for o in scope.homes.obstacles for m in o.objects}
    for a in scope.touched:
        if a.how == "via map":
            assert a.through is not None
            home = scope.homes.index_map(a.through)
            if a.through in refused:
                continue
            if home is None:
                text = (
                    f"entries of {scope.name(a.object)} are found through {scope.name(a.through)}, "
                    "whose values are not indices freshly allocated from one dchain"
                )
                yield Obstacle(None, text, (a.object,), (a.loc,), remedy=remedy)
                continue
            sources[a.object].setdefault((home.dchain, a.stride), a)
        elif a.how == "fresh":
            assert a.through is not None
            sources[a.object].setdefault((a.through, a.stride), a)
        elif a.how == "key" and scope.analysis.objects[a.object].kind in ("vector", "dchain"):
            sources[a.object].setdefault((-1, 1), a)
    for obj, found in sources.items():
        if len(found) > 1 or (scope.analysis.objects[obj].kind == "dchain" and set(found) != {(obj, 1)}):
            locs = tuple(dict.fromkeys(a.loc for a in found.values()))
            text = f"entries of {scope.name(obj)} are named in ways that could not be related"
            yield Obstacle(None, text, (obj,), locs, remedy=remedy)


def _changed_keys(scope: Scope) -> Iterable[Obstacle]:
    """A map stores a pointer to its key: nothing may write there while it is in the map.

    In a block, entries are the core's own, and what it writes there must be the key that it puts: whoever asks for the
    key that was there, or is there now, is on this core, too.
    """
    filled = {v: o.id for o in scope.analysis.objects for v in o.key_vectors}
    vectors = {e.key_home[0] for _, e in scope.events(Effect.PUT) if e.key_home is not None}
    for a in scope.touched:
        if a.op.effect is Effect.WRITE and a.object in filled:
            text = f"packets change {scope.name(a.object)}, where keys lie that set-up put into "
            text += scope.name(filled[a.object])
            remedy = "let packets write to another vector: the map has only pointers to its keys"
            yield Obstacle(None, text, (a.object, filled[a.object]), (a.loc,), remedy=remedy)
        if a.op.effect is not Effect.WRITE or a.object not in vectors:
            continue
        if (a.how == "fresh" and a.stride == 1) or (a.stride > 1 and _puts_written(scope, a)):
            continue
        text = f"a key in {scope.name(a.object)} is changed while a map may hold it"
        yield Obstacle(None, text, (a.object,), (a.loc,), remedy="write a key only where its index is allocated")


def _puts_written(scope: Scope, a: Access) -> bool:
    """Whether the path puts the key that it writes into the block."""
    path, index = scope.analysis.paths[a.path], scope.event(a).index
    return index is not None and any(
        is_map_put(e)
        and e.key_home == (a.object, index)
        and holds_key(scope.analysis, path, e, a.object, index)
        for e in path.events
    )  # fmt: skip


# --------------------------------------------------------------------------- freeing


def _stale_indices(scope: Scope) -> Iterable[Obstacle]:
    """An index that is freed must leave every map that leads to it, or two keys come to share an entry; a key that is
    erased must free its index, or expiry erases the key again when somebody else has put it.

    Keys in an index's block may stay: they are of this core as long as the index is, which is for ever (`seen`)."""
    for path, e in scope.events(Effect.ERASE_RANGE, Effect.EXPIRE, Effect.FREE, Effect.ERASE):
        if e.op.effect is Effect.ERASE_RANGE:
            yield from _range_erased(scope, e)
        elif e.op.effect is Effect.EXPIRE:
            yield from _expired(scope, e)
        elif e.op.effect is Effect.FREE:
            yield from _freed(scope, path, e)
        elif e.objects[0] in scope.homes.of and not _frees_erased(scope, path, e):
            yield _not_freed(scope, path, e)


def _not_freed(scope: Scope, path: CallPath, erase: Event) -> Obstacle:
    m = erase.objects[0]
    name, dchain = scope.name(m), scope.homes.of[m].dchain
    text, remedy = f"a key of {name} is erased, but its index is not freed", "free the index with the key"
    if any(e.op.effect is Effect.FREE and e.objects == (dchain,) for e in path.events):
        text, remedy = f"could not show that the index of the key of {name} that is erased here is freed", _LOOK_UP
    return Obstacle(None, text, (m,), (erase.loc,), remedy=remedy)


def _range_erased(scope: Scope, e: Event) -> Iterable[Obstacle]:
    """The keys erased must be those that this core put into this map: no other map may have its keys there."""
    vector, m = e.objects
    home = scope.homes.of.get(m)
    owned = {a.stride for a in scope.touched if a.object == vector and scope.event(a) is e}
    put = {x.objects[0] for _, x in scope.events(Effect.PUT) if x.key_home is not None and x.key_home[0] == vector}
    if home is None or home.vector != vector or home.stride == 1 or owned != {home.stride} or put != {m}:
        text = f"could not decide which entries of {scope.name(vector)} and {scope.name(m)} are erased here"
        remedy = "erase entries index * n .. index * n + m with m at most n, for the index of this packet's key"
        yield Obstacle(None, text, e.objects, (e.loc,), remedy=remedy)


def _expired(scope: Scope, e: Event) -> Iterable[Obstacle]:
    if [o.kind for o in e.op.objects] != ["dchain", "vector", "map"]:
        if e.op.objects[0].kind == "dchain":
            yield from _left_behind(scope, e, e.objects[0], scope.homes.maps(e.objects[0]))
        return
    dchain, vector, m = e.objects
    home = scope.homes.of.get(m)
    if home is not None and (not home.index_map or (home.dchain, home.vector) != (dchain, vector)):
        text = (
            f"expiry takes keys from {scope.name(vector)} at indices of {scope.name(dchain)}, "
            f"but that is not where keys of {scope.name(m)} are put"
        )
        yield Obstacle(None, text, (dchain, vector, m), (e.loc,), remedy="expire the objects that belong together")
    yield from _left_behind(scope, e, dchain, scope.homes.maps(dchain) - {m})


def _freed(scope: Scope, path: CallPath, e: Event) -> Iterable[Obstacle]:
    dchain = e.objects[0]
    source = strip_extension(e.index) if e.index is not None else None
    origin = path.producer(source) if source is not None and source.op == "sym" else None
    erased = [x for x in path.events if _is_map_erase(x)]
    left: set[int] = set()
    if origin is not None and is_map_get(origin):
        for m in scope.homes.maps(dchain):
            if m != origin.objects[0] or not any(x.objects[0] == m and same(x.key, origin.key) for x in erased):
                left.add(m)
    elif origin is not None and origin.op.effect is Effect.ALLOCATE:
        for put in path.events:
            put_here = is_map_put(put) and put.key_home is not None and strip_extension(put.key_home[1]) is source
            if put_here and not any(x.objects == put.objects and same(x.key, put.key) for x in erased):
                left.add(put.objects[0])
    elif keyed := _keyed_by(scope, scope.homes.maps(dchain)):
        names = ", ".join(scope.name(m) for m in keyed)
        text = f"could not show that the key of the index of {scope.name(dchain)} that is freed here leaves {names}"
        remedy = _EXPIRE if e.op.slots(Role.DECIDES) else _LOOK_UP
        yield Obstacle(None, text, (dchain, *keyed), (e.loc,), remedy=remedy)
    yield from _left_behind(scope, e, dchain, left)


def _left_behind(scope: Scope, e: Event, dchain: int, maps: set[int]) -> Iterable[Obstacle]:
    if keyed := _keyed_by(scope, maps):
        names = ", ".join(scope.name(m) for m in keyed)
        text = f"an index of {scope.name(dchain)} is freed here but its key stays in {names}"
        yield Obstacle(None, text, (dchain, *keyed), (e.loc,), remedy="erase the key where its index is freed")


def _keyed_by(scope: Scope, maps: set[int]) -> list[int]:
    """Those of the maps that have one key per index."""
    return sorted(m for m in maps if scope.homes.of[m].stride == 1)


def _frees_erased(scope: Scope, path: CallPath, erase: Event) -> bool:
    """Whether the path frees the index of the key that it erases."""
    dchain = scope.homes.of[erase.objects[0]].dchain
    for e in path.events:
        if e.op.effect is not Effect.FREE or e.objects[0] != dchain or e.index is None:
            continue
        source = strip_extension(e.index)
        origin = path.producer(source) if source.op == "sym" else None
        if origin is None:
            continue
        if is_map_get(origin) and origin.objects == erase.objects and same(origin.key, erase.key):
            return True
        puts = (p for p in path.events if is_map_put(p) and p.objects == erase.objects and same(p.key, erase.key))
        if any(p.key_home is not None and strip_extension(p.key_home[1]) is source for p in puts):
            return True
    return False
