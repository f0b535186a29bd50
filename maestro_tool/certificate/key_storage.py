"""Where the keys of maps lie, and where indices that lead there show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from maestro_tool.certificate.read import Certificate, Event, Path, answer, is_of_element
from maestro_tool.certificate.twins import twin

#: What is wrong, with which objects, and where.
Wrong = tuple[str, tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True)
class KeyStorage:
    """Where the keys of a map lie: in ``vector``, at indices of ``chain``; ``plain``: the map's values are these."""

    vector: int
    chain: int
    plain: bool


def key_storage(c: Certificate) -> tuple[dict[int, KeyStorage], list[Wrong]]:
    """Where the keys of each sharded map lie that packets put into, if that is one place."""
    found: dict[int, set[KeyStorage | str]] = defaultdict(set)
    for path, n, put in c.events("map_put"):
        if c.objects[put["objects"][0]]["treatment"] == "sharded":
            found[put["objects"][0]].add(_storage(c, path, n, put))
    wrong: list[Wrong] = [(p, (m,), ()) for m, places in found.items() for p in places if isinstance(p, str)]
    wrong += [("its keys lie in several places", (m,), ()) for m, places in found.items() if len(places) > 1]
    known = {m: places for m, places in found.items() if len(places) == 1}
    return {m: p for m, places in known.items() for p in places if isinstance(p, KeyStorage)}, wrong


def _storage(c: Certificate, path: Path, n: int, put: Event) -> KeyStorage | str:
    if "key_home" not in put or "key" not in put or "key_offset" in put:
        return f"the key that is put does not lie in a vector, from an element's start: {put['location']}"
    vector, index = put["key_home"]
    if answer(path, {**put, "op": "map_get"}, n) is not False and twin(path, n, put) is None:
        return f"a key is put that was not looked up and absent since the map was changed: {put['location']}"
    owner, base = c.owned(path, index), c.pool.base(index)
    plain = c.index_of(path, index) is not None
    if owner is None or (plain and owner[0] != "fresh") or base != c.pool.base(put["value"]):
        return f"a key is put with another value than the fresh index, or entry, where it lies: {put['location']}"
    chain = c.chain_of(path, owner)
    writes = [(k, e) for k, e in enumerate(path.events) if e["op"] == "vector_write" and e["objects"] == [vector]]
    for k, e in writes:
        # Another index that was allocated leads elsewhere: the ledger tells of those that were freed before.
        at = c.index_of(path, e["index"])
        mine = c.pool.base(e["index"]) == base or at == owner
        apart = plain and not mine and at is not None and (at[0], c.chain_of(path, at)) == ("fresh", chain)
        if chain is None or (k > n and mine) or not (mine or apart):
            return f"the entry where the key lies may be written again, or as another one: {put['location']}"
    if chain is None:
        return f"the allocator of the index is not known: {put['location']}"
    return KeyStorage(vector, chain, plain)


def shown(c: Certificate, path: Path, storage: dict[int, KeyStorage]) -> Iterator[tuple[str, int, int, int]]:
    """Where more depends on an index than which entry is meant: (where, expression, the index, its allocator)."""
    for where, e, n in c.uses(path):
        if (where, path.verdict) == ("frame", "drop"):
            continue  # nobody gets it
        if where == "key_home" or (n >= 0 and path.events[n]["op"] == "opaque"):
            continue
        for s in c.roots(path, e):
            made = c.index_of(path, s)
            obj = path.events[made[1]]["objects"][0] if made is not None else -1
            chain = obj if made is not None and made[0] == "fresh" else storage[obj].chain if obj in storage else None
            event: Event = path.events[n] if n >= 0 else {"op": "", "objects": []}
            origin = c.origin(path, s)
            if origin is not None and path.events[origin[0]]["op"] in ("expire", "expire_pairs", "expire_range"):
                chain, where = path.events[origin[0]]["objects"][0], "how many entries expired"
            if chain is None or c.objects[chain]["treatment"] != "sharded":
                continue
            own = where == "index" and c.objects[event["objects"][0]]["treatment"] == "sharded"
            own = own and (is_of_element(event) or event["objects"] == [chain])
            put = where == "value" and event["op"] == "map_put" and event["objects"][0] in storage
            if not (own or put or event["op"] == "expire_range"):
                yield where, e, s, chain
