"""What the names of entries rest on (docs/guarantees.md, "How it is proved", 2 and 6), read off the paths again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from maestro_tool.certify.paths import Certificate, Path

_EXPIRY = ("expire", "sketch_expire")
_USES = ("dchain_allocate", "dchain_rejuvenate", "sketch_refresh", "sketch_touch_buckets")


@dataclass(frozen=True)
class Home:
    """Where the keys of a map lie: in ``vector``, at indices of ``chain``; ``plain``: the map's values are these."""

    vector: int
    chain: int
    plain: bool


@dataclass(frozen=True)
class Failure:
    """Wrong already, without a solver."""

    text: str
    objects: tuple[int, ...] = ()
    locations: tuple[str, ...] = ()


def homes(c: Certificate) -> tuple[dict[int, Home], list[Failure]]:
    """The home of each sharded map that packets put into, where there is one."""
    found: dict[int, set[Home]] = defaultdict(set)
    wrong = []
    for path, n, put in c.events("map_put"):
        m = put["objects"][0]
        if c.objects[m]["treatment"] == "sharded":
            home = _home(c, path, n, put)
            found[m] |= {home} if isinstance(home, Home) else set()
            if isinstance(home, str) or len(found[m]) > 1:
                text = home if isinstance(home, str) else "keys of one map lie in several places"
                wrong.append(Failure(text, (m,), (put["location"],)))
    return {m: next(iter(places)) for m, places in found.items() if len(places) == 1}, wrong


def _home(c: Certificate, path: Path, n: int, put: dict[str, Any]) -> Home | str:
    if "key_home" not in put or "key" not in put:
        return "a key is put that does not lie in a vector"
    vector, index = put["key_home"]
    earlier = [e for e in path.events[:n] if e["objects"] == put["objects"]]
    asked = [e for e in earlier if e["op"] == "map_get" and e["key"] == put["key"] and e.get("result") is False]
    if not asked or any(e["op"] in ("map_put", "map_erase") for e in earlier):
        return "a key is put that was not looked up and absent, or is not the first"
    owner = owned(c, path, index)
    if owner is None or not holds(c, path, put, vector, index):
        return "the key that is put does not lie, whole, at an index of its own"
    at_home = c.pool.base(put["value"]) == c.pool.base(index)
    plain = c.index_of(path, index) == owner
    if (plain and owner[0] != "fresh") or not at_home:
        return "a key is put with another value than the fresh index, or entry, where it lies"
    chain = chain_of(c, path, owner)
    return "the key lies at an index whose allocator is not known" if chain is None else Home(vector, chain, plain)


def owned(c: Certificate, path: Path, index: int) -> tuple[str, int] | None:
    """The index that an entry's number is, or is calculated from: ("fresh" or "found", event)."""
    inside = {m for s in c.pool.symbols(index) if (m := c.index_of(path, s)) is not None}
    return c.index_of(path, index) or (inside.pop() if len(inside) == 1 else None)


def chain_of(c: Certificate, path: Path, owner: tuple[str, int]) -> int | None:
    """The allocator of an index: of one that is found, that of all indices put into that map."""
    how, event = owner
    obj: int = path.events[event]["objects"][0]
    if how == "fresh":
        return obj
    made = [(p, c.index_of(p, e["value"])) for p, _, e in c.events("map_put") if e["objects"] == [obj]]
    chains = {p.events[x[1]]["objects"][0] if x is not None and x[0] == "fresh" else None for p, x in made}
    return chains.pop() if len(chains) == 1 else None


def holds(c: Certificate, path: Path, put: dict[str, Any], vector: int, index: int) -> bool:
    """Whether the entry has the key's bytes when the packet is done."""
    held: dict[int, tuple[int, int]] = {}
    for e in path.events:
        if e["op"] == "vector_write" and e["objects"] == [vector]:
            if c.pool.base(e["index"]) != c.pool.base(index):
                return False  # an entry that may be the same
            held |= c.stored_bytes(e)
    fields = c.objects[put["objects"][0]]["key"]
    if fields is None or len(fields) != len(put["key"]):
        return False
    return all(
        c.same_bytes([held.get(n) for n in range(f[0], f[0] + f[1])], key, f[2:])
        for f, key in zip(fields, put["key"], strict=True)
    )


def premises(c: Certificate, home: dict[int, Home]) -> Iterator[Failure]:
    """What could put keys, indices and entries out of step on one of several workers."""
    sharded = set(c.treated("sharded"))
    for obj in sorted(sharded):
        o = c.objects[obj]
        if o["kind"] in ("map", "dchain", "sketch") and o["filled"]:
            yield Failure("filled in set-up, on every worker, and changed by packets", (obj,))
        if o["kind"] == "dchain" and not o["split"]:
            yield Failure("its capacity is not divided", (obj,))
        if o["ranged"] and not _disjoint(o["capacity"]):
            yield Failure("two workers have one index", (obj,))
    limits: dict[int, set[int]] = defaultdict(set)
    for _, _, e in c.events(*_EXPIRY):
        limits[e["objects"][0]].add(e["value"])
    for path, n, e in c.events():
        if not sharded.isdisjoint(e["objects"]):
            yield from (Failure(text, tuple(e["objects"]), (e["location"],)) for text in _wrong(c, path, n, home, limits))


def _wrong(c: Certificate, path: Path, n: int, home: dict[int, Home], limits: dict[int, set[int]]) -> Iterator[str]:
    e = path.events[n]
    first, op = e["objects"][0], e["op"]
    keyed = {m: h for m, h in home.items() if h.chain == first and h.plain}
    if op in _EXPIRY and (len(limits[first]) > 1 or not _is_age(c, e["value"])):
        yield "what is too old is not the packet's time less an option, the same for all"
    if op == "expire" and (set(keyed) != {e["objects"][2]} or keyed[e["objects"][2]].vector != e["objects"][1]):
        yield "expiry leaves a key behind, or looks for it in another place"
    if op in _USES and first in limits and c.pool.name(e["value"]) != "now":
        yield "an entry is given another age than the packet's time"
    if op not in _EXPIRY:
        chains = {first, *(home[o].chain for o in e["objects"] if o in home)} | _used(c, path, e)
        done = {x["objects"][0] for x in path.events[:n] if x["op"] in _EXPIRY}
        if not (chains & set(limits)) <= done:
            yield "an entry is used before old ones are expired"
    if op == "vector_write" and any(h.vector == first for h in home.values()):
        made = c.index_of(path, e["index"])
        puts = [x for x in path.events if x["op"] == "map_put" and x.get("key_home") == [first, e["index"]]]
        if (made is None or made[0] != "fresh") and (made is not None or not puts):
            yield "a key is changed while its map may hold it"
    if op == "map_erase" and first in home and not any(
        x["op"] == "dchain_free" and x["objects"] == [home[first].chain] and _is_entry(c, path, x["index"], first, e["key"])
        for x in path.events
    ):
        yield "a key is erased, but its index not freed"
    if op == "dchain_free" and not all(
        any(x["op"] == "map_erase" and x["objects"] == [m] and _is_entry(c, path, e["index"], m, x["key"])
            for x in path.events) for m in keyed
    ):  # fmt: skip
        yield "an index is freed, but its key stays"
    if op == "dchain_allocate" and len([x for x in path.events if x["op"] == op and x["objects"] == [first]]) > 1:
        yield "a packet allocates more than one index"


def _used(c: Certificate, path: Path, e: dict[str, Any]) -> set[int]:
    owner = owned(c, path, e["index"]) if "index" in e else None
    chain = chain_of(c, path, owner) if owner is not None else None
    return set() if chain is None else {chain}


def _is_entry(c: Certificate, path: Path, index: int, m: int, key: list[int]) -> bool:
    """Whether an index is the one that the map has, or had, under a key."""
    made = c.index_of(path, index)
    if made is None:
        return False
    event = path.events[made[1]]
    if made[0] == "found":
        return bool(event["objects"] == [m] and event["key"] == key)
    return any(
        x["op"] == "map_put" and x["objects"] == [m] and x["key"] == key and c.index_of(path, x["value"]) == made
        for x in path.events
    )


def _is_age(c: Certificate, e: int) -> bool:
    """``now``, less or more constants and options."""
    if c.pool.name(e) == "now":
        return True
    names = [[c.pool.name(s) for s in c.pool.symbols(a)] for a in c.pool.args[e]]
    options = [all(n.startswith("cfg.") for n in of) for of in names]
    if c.pool.op[e] not in ("add", "sub") or options.count(False) != 1 or (c.pool.op[e] == "sub" and options[0]):
        return False
    return _is_age(c, c.pool.args[e][options.index(False)])


def _disjoint(capacity: int) -> bool:
    """Worker w of n has indices w * capacity / n up to (w + 1) * capacity / n: those of the next come after them."""
    return 0 < capacity <= 1 << 20 and all(
        w * capacity // n <= (w + 1) * capacity // n for n in range(1, 128) for w in range(n)
    )
