"""Do keys, indices and entries stay in step?  Each function looks for one way in which they would not.

A shared-nothing core works on maps, vectors and index allocators (dchains) of its own.  That is the sequential program
seen through the packets of one core, provided that

* a map's keys lie in a vector, at an index that was fresh when they were put, and nothing changes them there;
* an index is in a map only while it is allocated: freeing and expiring take exactly its keys out;
* an entry's bytes are written when its index is allocated, before anything reads them: what an earlier owner of
  that index left (another key, maybe of another core) cannot be seen;
* which index was chosen cannot be seen: indices are only used to reach entries;
* entries grow old alike on all cores: used at the time of the packet, expired first thing, with one limit.

An *index map* is a map all of whose values are the fresh indices at which their keys lie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract, symbols
from maestro_tool.sharding import rules
from maestro_tool.sharding.access import Access, producer, strip_extension
from maestro_tool.sharding.reach import IndexConditions
from maestro_tool.sharding.rules import Obstacle
from maestro_tool.symex.callpath import Analysis, CallPath, Event


@dataclass(frozen=True, slots=True)
class Home:
    """Where a map's keys live: entries of ``vector`` at indices of ``dchain``.

    ``index_map``: the map's values are those indices.
    """

    vector: int
    dchain: int
    index_map: bool


@dataclass(frozen=True, slots=True)
class Homes:
    of: dict[int, Home]
    obstacles: tuple[Obstacle, ...]

    def maps(self, dchain: int) -> set[int]:
        return {m for m, home in self.of.items() if home.dchain == dchain}

    def index_map(self, m: int | None) -> Home | None:
        home = self.of.get(m) if m is not None else None
        return home if home is not None and home.index_map else None


def obstacles(analysis: Analysis, touched: list[Access], homes: Homes) -> Iterator[Obstacle]:
    yield from homes.obstacles
    yield from _filled_in_set_up(analysis, touched)
    yield from _unnamed_entries(analysis, touched)
    yield from _unrelated_ways(analysis, touched, homes)
    yield from _changed_keys(analysis, touched, homes)
    yield from _stale_indices(analysis, homes)
    yield from _leftovers(analysis, homes)
    yield from _visible_choices(analysis, homes)
    yield from _ages(analysis, touched, homes)


# --------------------------------------------------------------------------- where keys live


def key_homes(analysis: Analysis) -> Homes:
    """The home of each map that packets fill; an obstacle for each map whose keys have none."""
    found: dict[int, Home] = {}
    refused: list[Obstacle] = []
    for path in analysis.paths:
        for n, e in enumerate(path.events):
            if e.op != "map_put":
                continue
            m = e.objects[0]
            home, why = _home(analysis, path, n, e)
            if home is None:
                refused.append(Obstacle(None, f"{analysis.objects[m].name}: {why}", (m,), (e.loc,)))
            elif m in found and (found[m].vector, found[m].dchain) != (home.vector, home.dchain):
                text = f"keys of {analysis.objects[m].name} lie in different vectors"
                refused.append(Obstacle(None, text, (m,), (e.loc,)))
            else:
                before = found.get(m, home)
                found[m] = Home(home.vector, home.dchain, home.index_map and before.index_map)
    return Homes(found, tuple(refused))


def _home(analysis: Analysis, path: CallPath, number: int, put: Event) -> tuple[Home | None, str]:
    if put.key is None:
        return None, "could not decide which keys are equal: its equality is not one of fields"
    if put.key_home is None:
        return None, "the key that is put does not lie in an entry of a vector, so it may change or vanish"
    vector, index = put.key_home
    dchain = _allocated_by(path, index)
    if dchain is None:
        return None, "the key that is put does not lie at a freshly allocated index"
    if not _holds_key(analysis, path, put, vector, index):
        return None, f"{analysis.objects[vector].name} does not hold the key that is put when the packet is done"
    earlier = [
        e for e in path.events[:number] if e.op in ("map_get", "map_put", "map_erase") and e.objects == put.objects
    ]
    if not any(e.op == "map_get" and e.result is False and _same(e.key, put.key) for e in earlier):
        return None, "a key is put that was not looked up and found absent before: it may be there twice"
    if any(e.op == "map_put" for e in earlier):
        return None, "a packet puts more than one key"
    same = put.value is not None and strip_extension(put.value) is strip_extension(index)
    return Home(vector, dchain, same), ""


def _allocated_by(path: CallPath, index: Expr) -> int | None:
    source = strip_extension(index)
    origin = producer(path, source) if source.op == "sym" else None
    return origin.objects[0] if origin is not None and origin.op == "dchain_allocate" else None


def _same(a: tuple[Expr, ...] | None, b: tuple[Expr, ...] | None) -> bool:
    return a is not None and b is not None and len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def _holds_key(analysis: Analysis, path: CallPath, put: Event, vector: int, index: Expr) -> bool:
    """Whether the entry's bytes at the end of the path are those of the key."""
    fields = analysis.objects[put.objects[0]].key
    if fields is None or put.key is None:
        return False
    held: dict[int, Expr] = {}
    for e in path.events:
        if e.op == "vector_write" and e.objects[0] == vector and e.index is not None:
            if strip_extension(e.index) is not strip_extension(index):
                return False  # an entry that may be the same
            held.update(_stored_bytes(e))
    return all(
        all(f.offset + i in held for i in range(f.size)) and concat(*(held[f.offset + i] for i in range(f.size))) is key
        for f, key in zip(fields, put.key, strict=True)
    )


def _stored_bytes(e: Event) -> dict[int, Expr]:
    result = {}
    for offset, value in e.stored:
        for i in range(value.width // 8):
            high = value.width - 1 - 8 * i
            result[offset + i] = extract(value, high, high - 7)
    return result


def possible_paths(analysis: Analysis, homes: Homes) -> Analysis:
    """``analysis`` without the paths on which an index would be negative (NFs test for -1, "not found", that way)."""
    solver = IndexConditions()
    kept = tuple(
        path
        for path in analysis.paths
        if not any(solver.impossible(c, _indices_in(path, c, homes)) for c in path.condition)
    )
    return replace(analysis, paths=kept)


def _indices_in(path: CallPath, e: Expr, homes: Homes) -> list[Expr]:
    """Symbols of ``e`` that are indices: fresh ones, and values of index maps."""
    found = []
    for s in symbols(e):
        origin = producer(path, s)
        if origin is not None and (
            origin.op == "dchain_allocate"
            or (origin.op == "map_get" and homes.index_map(origin.objects[0]) is not None)
        ):
            found.append(s)
    return sorted(found, key=lambda s: str(s.value))


# --------------------------------------------------------------------------- names of entries


def _filled_in_set_up(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    """What set-up put would be on every core."""
    for a in touched:
        obj = analysis.objects[a.object]
        if obj.filled and obj.kind in ("map", "dchain"):
            text = f"{obj.name} is filled in set-up and changed by packets: each core would have a copy of its own"
            yield Obstacle(None, text, (a.object,), (a.loc,))


def _unnamed_entries(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    for a in touched:
        obj = analysis.objects[a.object]
        if a.how == "whole":
            yield Obstacle("R4", f"{obj.name} is one entry for all packets", (a.object,), (a.loc,))
        elif a.how == "unknown" and obj.kind == "map":
            text = f"could not decide which keys of {obj.name} are equal: its equality is not one of fields"
            yield Obstacle(None, text, (a.object,), (a.loc,))
        elif a.how == "unknown":
            event = analysis.paths[a.path].events[a.event]
            depends = sorted(rules.dependencies(event.index)) if event.index is not None else []
            text = f"an entry of {obj.name} is chosen by {', '.join(depends) or 'a constant'}"
            yield Obstacle("R4", text, (a.object,), (a.loc,))


def _unrelated_ways(analysis: Analysis, touched: list[Access], homes: Homes) -> Iterable[Obstacle]:
    """Entries reached through a map's value are core-local only if the value is an index that the same core
    allocated, and if every way to that entry starts from the same allocator."""
    sources: dict[int, dict[int, Access]] = defaultdict(dict)
    for a in touched:
        name = analysis.objects[a.object].name
        if a.how == "via map":
            assert a.through is not None
            home = homes.index_map(a.through)
            if home is None:
                text = (
                    f"entries of {name} are found through {analysis.objects[a.through].name}, "
                    "whose values are not indices freshly allocated from one dchain"
                )
                yield Obstacle(None, text, (a.object,), (a.loc,))
                continue
            sources[a.object].setdefault(home.dchain, a)
        elif a.how == "fresh":
            assert a.through is not None
            sources[a.object].setdefault(a.through, a)
        elif a.how == "key" and analysis.objects[a.object].kind != "map":
            sources[a.object].setdefault(-1, a)
    for obj, found in sources.items():
        if len(found) > 1 or (analysis.objects[obj].kind == "dchain" and set(found) != {obj}):
            locs = tuple(dict.fromkeys(a.loc for a in found.values()))
            text = f"entries of {analysis.objects[obj].name} are named in ways that could not be related"
            yield Obstacle(None, text, (obj,), locs)


def _changed_keys(analysis: Analysis, touched: list[Access], homes: Homes) -> Iterable[Obstacle]:
    """A map stores a pointer to its key: nothing may write there while it is in the map."""
    vectors = {home.vector for home in homes.of.values()}
    for a in touched:
        if a.op == "vector_write" and a.object in vectors and a.how != "fresh":
            text = f"a key in {analysis.objects[a.object].name} is changed while a map may hold it"
            yield Obstacle(None, text, (a.object,), (a.loc,))


# --------------------------------------------------------------------------- freeing


def _stale_indices(analysis: Analysis, homes: Homes) -> Iterable[Obstacle]:
    """An index that is freed must leave every map that leads to it, or two keys come to share an entry; a key that is
    erased must free its index, or expiry erases the key again when somebody else has put it."""
    for path in analysis.paths:
        for e in path.events:
            if e.op == "expire_range":
                names = " and ".join(analysis.objects[o].name for o in e.objects)
                text = f"could not decide which entries of {names} are erased here"
                yield Obstacle(None, text, e.objects, (e.loc,))
            elif e.op == "expire":
                yield from _expired(analysis, e, homes)
            elif e.op == "dchain_free":
                yield from _freed(analysis, path, e, homes)
            elif e.op == "map_erase" and e.objects[0] in homes.of and not _frees_erased(path, e, homes):
                text = f"a key of {analysis.objects[e.objects[0]].name} is erased, but its index is not freed"
                yield Obstacle(None, text, (e.objects[0],), (e.loc,))


def _expired(analysis: Analysis, e: Event, homes: Homes) -> Iterable[Obstacle]:
    dchain, vector, m = e.objects
    home = homes.of.get(m)
    if home is not None and (not home.index_map or (home.dchain, home.vector) != (dchain, vector)):
        text = (
            f"expiry takes keys from {analysis.objects[vector].name} at indices of {analysis.objects[dchain].name}, "
            f"but that is not where keys of {analysis.objects[m].name} are put"
        )
        yield Obstacle(None, text, (dchain, vector, m), (e.loc,))
    yield from _left_behind(analysis, e, dchain, homes.maps(dchain) - {m})


def _freed(analysis: Analysis, path: CallPath, e: Event, homes: Homes) -> Iterable[Obstacle]:
    dchain = e.objects[0]
    source = strip_extension(e.index) if e.index is not None else None
    origin = producer(path, source) if source is not None and source.op == "sym" else None
    erased = [x for x in path.events if x.op == "map_erase"]
    left: set[int] = set()
    if origin is not None and origin.op == "map_get":
        for m in homes.maps(dchain):
            if m != origin.objects[0] or not any(x.objects[0] == m and _same(x.key, origin.key) for x in erased):
                left.add(m)
    elif origin is not None and origin.op == "dchain_allocate":
        for put in path.events:
            put_here = put.op == "map_put" and put.key_home is not None and strip_extension(put.key_home[1]) is source
            if put_here and not any(x.objects == put.objects and _same(x.key, put.key) for x in erased):
                left.add(put.objects[0])
    else:
        left = homes.maps(dchain)
    yield from _left_behind(analysis, e, dchain, left)


def _left_behind(analysis: Analysis, e: Event, dchain: int, maps: set[int]) -> Iterable[Obstacle]:
    if maps:
        names = ", ".join(analysis.objects[m].name for m in sorted(maps))
        text = f"an index of {analysis.objects[dchain].name} is freed here but its key stays in {names}"
        yield Obstacle(None, text, (dchain, *sorted(maps)), (e.loc,))


def _frees_erased(path: CallPath, erase: Event, homes: Homes) -> bool:
    """Whether the path frees the index of the key that it erases."""
    dchain = homes.of[erase.objects[0]].dchain
    for e in path.events:
        if e.op != "dchain_free" or e.objects[0] != dchain or e.index is None:
            continue
        source = strip_extension(e.index)
        origin = producer(path, source) if source.op == "sym" else None
        if origin is None:
            continue
        if origin.op == "map_get" and origin.objects == erase.objects and _same(origin.key, erase.key):
            return True
        puts = (p for p in path.events if p.op == "map_put" and p.objects == erase.objects and _same(p.key, erase.key))
        if any(p.key_home is not None and strip_extension(p.key_home[1]) is source for p in puts):
            return True
    return False


# --------------------------------------------------------------------------- what earlier owners left


def _leftovers(analysis: Analysis, homes: Homes) -> Iterable[Obstacle]:
    """Bytes of an entry that are read must have been written by the packet that allocated its index: what was there
    before comes from set-up or from an earlier owner, and depends on which index was chosen."""
    wanted: dict[int, dict[int, int]] = defaultdict(dict)  # vector -> byte that is read -> loc
    chains: dict[int, set[int]] = defaultdict(set)  # vector -> allocators of the indices it is reached by
    for path in analysis.paths:
        for e in path.events:
            if e.op not in ("vector_read", "vector_write") or e.index is None:
                continue
            source = strip_extension(e.index)
            origin = producer(path, source) if source.op == "sym" else None
            v = e.objects[0]
            if origin is not None and origin.op == "dchain_allocate":
                chains[v].add(origin.objects[0])
                if e.op == "vector_read":
                    name = analysis.objects[v].name
                    text = f"an entry of {name} is read before the packet that allocated it has written it"
                    yield Obstacle(None, text, (v,), (e.loc,))
            elif origin is not None and origin.op == "map_get":
                home = homes.index_map(origin.objects[0])
                chains[v] |= {home.dchain} if home is not None else set()
                if e.op == "vector_read" and e.span is not None:
                    for byte in range(*e.span):
                        wanted[v].setdefault(byte, e.loc)
    for path in analysis.paths:
        for e in path.events:
            if e.op != "dchain_allocate" or e.result is False:
                continue
            for v in (v for v, found in chains.items() if e.objects[0] in found):
                missing = set(wanted[v]) - _written_fresh(path, v, e)
                if missing:
                    byte = min(missing)
                    text = (
                        f"byte {byte} of entries of {analysis.objects[v].name} is read, but not written when their "
                        "index is allocated: what an earlier owner left there would be seen"
                    )
                    yield Obstacle(None, text, (v,), (wanted[v][byte], e.loc))


def _written_fresh(path: CallPath, vector: int, allocation: Event) -> set[int]:
    """Bytes of the vector's entry at the freshly allocated index that the path writes."""
    written: set[int] = set()
    for e in path.events:
        if e.op == "vector_write" and e.objects[0] == vector and e.index is not None:
            source = strip_extension(e.index)
            if source.op == "sym" and producer(path, source) is allocation:
                written |= set(_stored_bytes(e))
    return written


# --------------------------------------------------------------------------- what packets can see


def _visible_choices(analysis: Analysis, homes: Homes) -> Iterable[Obstacle]:
    """Cores choose the same indices, and expire their own entries: neither may be seen but as an entry reached."""
    solver = IndexConditions()
    for path in analysis.paths:
        for where, value, loc in _seen(path):
            if value.width == 0 and solver.certain(value, _indices_in(path, value, homes)):
                continue  # true of every index
            for s in symbols(value):
                origin = producer(path, s)
                if origin is None:
                    continue
                if origin.op == "expire":
                    text = (
                        f"how many entries expired decides {where}: on its own core a packet sees only a part of them"
                    )
                    yield Obstacle(None, text, origin.objects, (loc,))
                elif origin.op == "dchain_allocate" or (
                    origin.op == "map_get" and homes.index_map(origin.objects[0]) is not None
                ):
                    obj = origin.objects[0]
                    text = (
                        f"an index of {analysis.objects[obj].name} decides {where}: two cores would choose the same one"
                    )
                    yield Obstacle(None, text, (obj,), (loc,))


def _seen(path: CallPath) -> Iterator[tuple[str, Expr, int]]:
    """Every expression of a path but indices that just reach entries: (what it decides, expression, loc)."""
    for c in path.condition:
        yield "what the packet does", c, path.loc
    for e in path.events:
        for k in e.key or ():
            yield "a key", k, e.loc
        for _, v in e.stored:
            yield "what an entry holds", v, e.loc
        if e.index is not None and strip_extension(e.index).op != "sym":
            yield "which entry is used", e.index, e.loc
        if e.value is not None and e.op not in ("map_get", "dchain_allocate") and not _puts_index(path, e):
            yield "a value", e.value, e.loc
        if e.value is not None and e.op == "dchain_allocate":
            yield "an entry's age", e.value, e.loc
    for _, v in path.packet_writes:
        yield "what leaves in packets", v, path.loc
    if isinstance(path.verdict, Expr):
        yield "where the packet goes", path.verdict, path.loc


def _puts_index(path: CallPath, e: Event) -> bool:
    return e.op == "map_put" and e.value is not None and _allocated_by(path, e.value) is not None


# --------------------------------------------------------------------------- ages


def _ages(analysis: Analysis, touched: list[Access], homes: Homes) -> Iterable[Obstacle]:
    """Sequentially, any packet expires entries for all; on its own core, an entry is only expired by that core's
    packets.  Nobody can tell as long as every packet expires, with one bound, before it looks - and as long as entries
    are as old as the list of the dchain says, that is, used at the time of the packet."""
    groups: dict[int, set[int]] = defaultdict(set)  # dchain -> objects whose entries its expiry ends
    bounds: dict[int, dict[Expr, int]] = defaultdict(dict)
    for path in analysis.paths:
        for e in path.events:
            if e.op == "expire" and e.value is not None:
                groups[e.objects[0]] |= set(e.objects) | homes.maps(e.objects[0])
                bounds[e.objects[0]].setdefault(e.value, e.loc)
    for dchain, found in bounds.items():
        name = analysis.objects[dchain].name
        if len(found) > 1:
            yield Obstacle(None, f"{name} is expired with different time limits", (dchain,), tuple(found.values()))
        for bound, loc in found.items():
            if not _is_age(bound):
                text = f"the time limit for {name} is not the packet's time less an option"
                yield Obstacle(None, text, (dchain,), (loc,))
    for path in analysis.paths:
        for e in path.events:
            if e.op in ("dchain_allocate", "dchain_rejuvenate") and e.objects[0] in bounds and not _is_now(e.value):
                text = f"an entry of {analysis.objects[e.objects[0]].name} is given another age than the packet's time"
                yield Obstacle(None, text, (e.objects[0],), (e.loc,))
    yield from _late_expiry(analysis, touched, homes, groups, bounds)


def _is_now(e: Expr | None) -> bool:
    return e is not None and e.op == "sym" and e.value == "now"


def _is_age(bound: Expr) -> bool:
    """``now``, or ``now`` minus or plus constants and options."""
    if _is_now(bound):
        return True
    if bound.op not in ("add", "sub"):
        return False
    left, right = bound.args
    if bound.op == "add" and not any(_is_now(s) for s in symbols(left)):
        left, right = right, left
    return _is_age(left) and all(str(s.value).startswith("cfg.") for s in symbols(right))


def _late_expiry(
    analysis: Analysis,
    touched: list[Access],
    homes: Homes,
    groups: dict[int, set[int]],
    bounds: dict[int, dict[Expr, int]],
) -> Iterable[Obstacle]:
    by_path: dict[int, list[Access]] = defaultdict(list)
    for a in touched:
        by_path[a.path].append(a)
    for accesses in by_path.values():
        expired: set[int] = set()
        for a in sorted(accesses, key=lambda a: a.event):
            if a.op == "expire":
                expired.add(analysis.paths[a.path].events[a.event].objects[0])
                continue
            for dchain, members in groups.items():
                followed = a.object in members or _chain_of(a, homes) == dchain
                if followed and dchain not in expired:
                    text = (
                        f"{analysis.objects[a.object].name} is accessed before old entries of "
                        f"{analysis.objects[dchain].name} are expired: other cores would see entries for longer"
                    )
                    yield Obstacle(None, text, (a.object, dchain), (a.loc, next(iter(bounds[dchain].values()))))


def _chain_of(a: Access, homes: Homes) -> int | None:
    if a.how == "fresh":
        return a.through
    home = homes.index_map(a.through) if a.how == "via map" else None
    return home.dchain if home is not None else None
