"""Indices and keys in step: that an index found in a map, or fresh, leads to entries of the same core only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract
from maestro_tool.sharding import rules
from maestro_tool.sharding.access import Access, producer, strip_extension
from maestro_tool.sharding.rules import Obstacle
from maestro_tool.symex.callpath import Analysis, CallPath, Event


@dataclass(frozen=True, slots=True)
class IndexMap:
    """A map all of whose values are fresh indices of one dchain, or None with the offending event."""

    dchain: int | None
    offence: Event | None


def index_maps(analysis: Analysis, accesses: list[Access]) -> dict[int, IndexMap]:
    result: dict[int, IndexMap] = {}
    for path in analysis.paths:
        for e in path.events:
            if e.op != "map_put":
                continue
            source = strip_extension(e.value) if e.value is not None else None
            origin = producer(path, source) if source is not None and source.op == "sym" else None
            dchain = origin.objects[0] if origin is not None and origin.op == "dchain_allocate" else None
            known = result.get(e.objects[0])
            if dchain is None or (known is not None and known.dchain != dchain):
                result[e.objects[0]] = IndexMap(None, e)
            elif known is None:
                result[e.objects[0]] = IndexMap(dchain, None)
    return result


def allocators(touched: list[Access], indices: dict[int, IndexMap]) -> dict[int, int]:
    """Objects that are indexed by indices of one allocator, leaving aside what packets name themselves -> it."""
    found: dict[int, set[int | None]] = defaultdict(set)
    for a in touched:
        if a.how == "fresh":
            found[a.object].add(a.through if a.stride == 1 else None)
        elif a.how == "via map" and a.through is not None:
            link = indices.get(a.through)
            found[a.object].add(link.dchain if link is not None and a.stride == 1 else None)
    result = {}
    for obj, chains in found.items():
        [chain, *more] = chains
        if chain is not None and not more:
            result[obj] = chain
    return result


def unnamed_entries(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    for a in touched:
        obj = analysis.objects[a.object]
        if a.how == "whole":
            yield Obstacle("R4", f"{obj.name} is one entry for all packets", (a.object,), (a.loc,))
        elif a.op == "cht_find":
            yield Obstacle("R4", f"any entry of {obj.name} may be the one that is chosen", (a.object,), (a.loc,))
        elif a.how == "unknown" and a.op == "expire_range":
            text = f"could not show that the entries of {obj.name} that are erased here belong to this packet's index"
            yield Obstacle(None, text, (a.object,), (a.loc,))
        elif a.how == "unknown" and obj.kind in ("map", "sketch"):
            text = f"could not decide which keys of {obj.name} are equal: what is compared is not known"
            yield Obstacle(None, text, (a.object,), (a.loc,))
        elif a.how == "unknown":
            event = analysis.paths[a.path].events[a.event]
            depends = sorted(rules.dependencies(event.index)) if event.index is not None else []
            text = f"an entry of {obj.name} is chosen by {', '.join(depends) or 'a constant'}"
            yield Obstacle("R4", text, (a.object,), (a.loc,))


def broken_links(analysis: Analysis, touched: list[Access], indices: dict[int, IndexMap]) -> Iterable[Obstacle]:
    """Entries reached through a map's value are core-local only if the value is an index that the same core
    allocated, and if every way to that entry starts from the same allocator."""
    sources: dict[int, dict[tuple[int, int], Access]] = defaultdict(dict)  # object -> (allocator, stride)
    for a in touched:
        name = analysis.objects[a.object].name
        if a.how == "via map":
            assert a.through is not None
            link = indices.get(a.through)
            through = analysis.objects[a.through].name
            if link is None:
                text = (
                    f"entries of {name} are found through {through}, which packets do not fill: "
                    "several keys may share one"
                )
                yield Obstacle(None, text, (a.object,), (a.loc,))
                continue
            if link.dchain is None:
                assert link.offence is not None
                text = (
                    f"entries of {name} are found through {through}, "
                    "whose values are not indices freshly allocated from one dchain"
                )
                yield Obstacle(None, text, (a.object,), (a.loc, link.offence.loc))
                continue
            sources[a.object].setdefault((link.dchain, a.stride), a)
        elif a.how == "fresh":
            assert a.through is not None
            sources[a.object].setdefault((a.through, a.stride), a)
        elif a.how == "key" and analysis.objects[a.object].kind != "map":
            sources[a.object].setdefault((-1, 1), a)
    for obj, found in sources.items():
        if len(found) > 1 or (analysis.objects[obj].kind == "dchain" and set(found) != {(obj, 1)}):
            locs = tuple(dict.fromkeys(a.loc for a in found.values()))
            text = f"entries of {analysis.objects[obj].name} are named in ways that could not be related"
            yield Obstacle(None, text, (obj,), locs)


def stale_indices(analysis: Analysis, indices: dict[int, IndexMap]) -> Iterable[Obstacle]:
    """An index that is freed must leave every map that leads to it, or two keys come to share an entry."""
    maps_of: dict[int, set[int]] = defaultdict(set)
    for m, link in indices.items():
        if link.dchain is not None:
            maps_of[link.dchain].add(m)
    for path in analysis.paths:
        erased = {e.objects[0] for e in path.events if e.op == "map_erase"}
        for e in path.events:
            if e.op == "expire":
                dchain, freed_from = e.objects[0], set(e.objects[2:])
            elif e.op == "dchain_free":
                dchain, freed_from = e.objects[0], erased
            else:
                continue
            left = maps_of[dchain] - freed_from
            if left:
                names = ", ".join(analysis.objects[m].name for m in sorted(left))
                text = f"an index of {analysis.objects[dchain].name} is freed here but stays in {names}"
                yield Obstacle(None, text, (dchain, *sorted(left)), (e.loc,))


def misplaced_keys(analysis: Analysis, touched: list[Access]) -> Iterable[Obstacle]:
    """Expiry erases from the map the key that the vector holds at the freed index: it must be the one that was put
    with that index, and nothing may change it while it is in the map (which stores a pointer to it).

    In a block of entries of one index, all keys are of this core: what the NF overwrites there concerns no other."""
    expired: dict[int, int] = {}  # map -> vector of its keys
    maps: dict[int, set[int]] = defaultdict(set)  # vector of keys -> maps
    puts = [(path, e) for path in analysis.paths for e in path.events if e.op == "map_put"]
    for path in analysis.paths:
        for e in path.events:
            if e.op in ("expire", "expire_range"):
                expired[e.objects[-1]] = e.objects[-2]
                maps[e.objects[-2]].add(e.objects[-1])
    for path, put in puts:
        for v in {e.objects[0] for e in path.events if e.op == "vector_write"}:
            if _holds_key(analysis, path, put, v):
                maps[v].add(put.objects[0])
    for a in touched:
        if a.op == "vector_write" and a.object in maps and a.how != "fresh" and a.stride == 1:
            text = f"a key in {analysis.objects[a.object].name} is changed while a map may hold it"
            yield Obstacle(None, text, (a.object, *sorted(maps[a.object])), (a.loc,))
    for path, put in puts:
        m = put.objects[0]
        if m in expired and not _holds_key(analysis, path, put, expired[m]):
            text = (
                f"{analysis.objects[expired[m]].name} does not hold, at the index put, "
                f"the key that is put into {analysis.objects[m].name}: expiry would erase another"
            )
            yield Obstacle(None, text, (expired[m], m), (put.loc,))


def _holds_key(analysis: Analysis, path: CallPath, put: Event, vector: int) -> bool:
    fields = analysis.objects[put.objects[0]].key
    if fields is None or put.key is None or put.value is None:
        return False
    held: dict[int, Expr] = {}
    for e in path.events:
        if e.op == "vector_write" and e.objects[0] == vector and e.index is not None:
            if strip_extension(e.index) is not strip_extension(put.value):
                continue
            for offset, value in e.stored:
                for i in range(value.width // 8):
                    high = value.width - 1 - 8 * i
                    held[offset + i] = extract(value, high, high - 7)
    return all(
        all(f.offset + i in held for i in range(f.size)) and concat(*(held[f.offset + i] for i in range(f.size))) is key
        for f, key in zip(fields, put.key, strict=True)
    )


def spread(analysis: Analysis, accesses: list[Access], found: dict[int, Obstacle]) -> dict[int, Obstacle]:
    """``found`` (object -> obstacle), and what must be shared with those objects: an index is of as many cores as the
    map that it is found in and the allocator that it comes from."""
    together = {(a.object, a.through) for a in accesses if a.through is not None and a.through != a.object}
    for path in analysis.paths:
        for e in path.events:
            if e.op in ("expire", "expire_range"):
                together |= {(e.objects[0], other) for other in e.objects[1:]}
    read_only = {o.id for o in analysis.objects} - {a.object for a in accesses if a.write}
    result = dict(found)
    work = list(found)
    while work:
        one = work.pop()
        for a, b in sorted(together):
            if one in (a, b):
                other = b if one == a else a
                if other not in result and other not in read_only:
                    o = found[one] if one in found else result[one]
                    text = f"its entries belong to those of {analysis.objects[one].name}, which is shared"
                    result[other] = Obstacle(o.rule, text, (other,), o.locs)
                    work.append(other)
    return result
