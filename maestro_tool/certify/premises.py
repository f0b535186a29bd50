"""What the names of entries rest on (docs/guarantees.md, "How it is proved", 2 and 6), read off the paths again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from maestro_tool.certificate.read import Certificate, Event, Path, answer
from maestro_tool.smtlib.terms import Script, concat

#: What is wrong, with which objects, and where.
Wrong = tuple[str, tuple[int, ...], tuple[str, ...]]

_EXPIRY = ("expire", "sketch_expire")
_USES = ("dchain_allocate", "dchain_rejuvenate", "sketch_refresh", "sketch_touch_buckets")


@dataclass(frozen=True)
class Home:
    """Where the keys of a map lie: in ``vector``, at indices of ``chain``; ``plain``: the map's values are these."""

    vector: int
    chain: int
    plain: bool


def homes(c: Certificate) -> tuple[dict[int, Home], list[Wrong]]:
    """The home of each sharded map that packets put into, where it has one."""
    found: dict[int, set[Home | str]] = defaultdict(set)
    for path, n, put in c.events("map_put"):
        if c.objects[put["objects"][0]]["treatment"] == "sharded":
            found[put["objects"][0]].add(_home(c, path, n, put))
    wrong: list[Wrong] = [(h, (m,), ()) for m, places in found.items() for h in places if isinstance(h, str)]
    wrong += [("its keys lie in several places", (m,), ()) for m, places in found.items() if len(places) > 1]
    return {m: h for m, places in found.items() for h in places if isinstance(h, Home) and len(places) == 1}, wrong


def _home(c: Certificate, path: Path, n: int, put: Event) -> Home | str:
    if "key_home" not in put or "key" not in put:
        return f"the key that is put does not lie in a vector: {put['location']}"
    vector, index = put["key_home"]
    second = any(e["op"] == "map_put" and e["objects"] == put["objects"] for e in path.events[:n])
    if second or answer(path, {**put, "op": "map_get"}, n) is not False:
        return f"a key is put that was not looked up and absent, or is not the first: {put['location']}"
    owner, base = c.owned(path, index), c.pool.base(index)
    plain = c.index_of(path, index) is not None
    if owner is None or (plain and owner[0] != "fresh") or base != c.pool.base(put["value"]):
        return f"a key is put with another value than the fresh index, or entry, where it lies: {put['location']}"
    chain = c.chain_of(path, owner)
    writes = [e for e in path.events if e["op"] == "vector_write" and e["objects"] == [vector]]
    if chain is None or any(c.pool.base(e["index"]) != base for e in writes):
        return f"the entry where the key lies is not the only one that is written: {put['location']}"
    return Home(vector, chain, plain)


def kept(c: Certificate, path: Path, put: Event, script: Script) -> list[str]:
    """For each part of a key that is put, that its home does not hold it when the packet is done."""
    (vector, _), held, claims = put["key_home"], dict[int, str](), []
    for e in path.events:
        if e["op"] == "vector_write" and e["objects"] == [vector]:
            terms = c.stored_bytes(e).items()
            held |= {b: f"((_ extract {low + 7} {low}) {script.term('', v)})" for b, (v, low) in terms}
    for (offset, size, *bits), key in zip(c.objects[put["objects"][0]]["key"], put["key"], strict=True):
        value = concat([held.get(b, script.constant(f"?{b}", 8)) for b in range(offset, offset + size)])
        if bits:  # some bits of a little-endian number; whole bytes of it are in the order of memory
            number = concat([held.get(b, script.constant(f"?{b}", 8)) for b in reversed(range(offset, offset + size))])
            parts = range(bits[0], sum(bits), 8 if bits[1] % 8 == 0 else bits[1])
            value = concat([f"((_ extract {low + parts.step - 1} {low}) {number})" for low in parts])
        claims.append(f"(distinct {value} {script.term('', key)})")
    return claims


def premises(c: Certificate, home: dict[int, Home]) -> Iterator[Wrong]:
    """What could put keys, indices and entries out of step on one of several workers."""
    for obj in (sharded := c.treated("sharded")):
        o = c.objects[obj]
        if o["kind"] in ("map", "dchain", "sketch") and o["filled"]:
            yield "filled in set-up, on every worker, and changed by packets", (obj,), ()
        if o["kind"] == "dchain" and not (o["split"] and (not o["ranged"] or _disjoint(o["capacity"]))):
            yield "its indices are not divided over the workers", (obj,), ()
    limits: dict[int, set[int]] = defaultdict(set)
    for _, _, e in c.events(*_EXPIRY):
        limits[e["objects"][0]].add(e["value"])
    for path, n, e in c.events():
        for text in _wrong(c, path, n, home, limits) if set(sharded) & set(e["objects"]) else ():
            yield text, tuple(e["objects"]), (e["location"],)


def _wrong(c: Certificate, path: Path, n: int, home: dict[int, Home], limits: dict[int, set[int]]) -> Iterator[str]:
    e, before = path.events[n], path.events[:n]
    first, op = e["objects"][0], e["op"]
    keyed = {m: h.vector for m, h in home.items() if h.chain == first and h.plain}
    if op in _EXPIRY and (len(limits[first]) > 1 or not _is_age(c, e["value"])):
        yield "what is too old is not the packet's time less an option, the same for all"
    if op == "expire" and keyed != {e["objects"][2]: e["objects"][1]}:
        yield "expiry leaves a key behind, or looks for it in another place"
    if op in _USES and first in limits and c.pool.name(e["value"]) != "now":
        yield "an entry is given another age than the packet's time"
    owner = c.owned(path, e["index"]) if "index" in e else None
    used = {first, *(home[o].chain for o in e["objects"] if o in home), owner and c.chain_of(path, owner)}
    if op not in _EXPIRY and not (used & set(limits)) <= {x["objects"][0] for x in before if x["op"] in _EXPIRY}:
        yield "an entry is used before old ones are expired"
    if op == "vector_write" and any(h.vector == first for h in home.values()):
        mine = c.index_of(path, e["index"])
        put = any(x.get("key_home") == [first, e["index"]] for x in path.events if x["op"] == "map_put")
        if (mine is not None and mine[0] != "fresh") or (mine is None and not put):
            yield "a key is changed while its map may hold it"
    pairs = [(x, f) for x in path.events if x["op"] == "map_erase" for f in path.events if f["op"] == "dchain_free"]
    freed = any(x is e and _is_of(c, path, f, first, e["key"]) for x, f in pairs)
    if op == "map_erase" and first in home and not freed:
        yield "a key is erased, but its index not freed"
    gone = {x["objects"][0] for x, f in pairs if f is e and _is_of(c, path, e, x["objects"][0], x["key"])}
    if op == "dchain_free" and not set(keyed) <= gone:
        yield "an index is freed, but its key stays"
    block = Home(first, (owner and c.chain_of(path, owner)) or 0, False)
    if op == "expire_range" and home.get(e["objects"][1]) != block:
        yield "keys are erased that may be another map's"
    if op == "dchain_allocate" and any(x["op"] == op and x["objects"] == [first] for x in before):
        yield "a packet allocates more than one index"


def _is_of(c: Certificate, path: Path, free: Event, m: int, key: list[int]) -> bool:
    """Whether the index that is freed is the one that the map has under a key."""
    made = c.index_of(path, free["index"])
    if made is not None and made[0] == "found":
        return bool(path.events[made[1]]["objects"] == [m] and path.events[made[1]]["key"] == key)
    puts = (x for x in path.events if x["op"] == "map_put" and x["objects"] == [m] and x["key"] == key)
    return made is not None and any(c.index_of(path, x["value"]) == made for x in puts)


def _is_age(c: Certificate, e: int) -> bool:
    """``now``, less or more constants and options."""
    if c.pool.name(e) == "now":
        return True
    fixed = [all(c.pool.name(s).startswith("cfg.") for s in c.pool.symbols(a)) for a in c.pool.args[e]]
    known = (c.pool.op[e], fixed) in (("add", [False, True]), ("add", [True, False]), ("sub", [False, True]))
    return known and _is_age(c, c.pool.args[e][fixed.index(False)])


def _disjoint(capacity: int) -> bool:
    """Worker w of n has indices w * capacity / n up to (w + 1) * capacity / n: none of them is the next one's."""
    bounds = ([w * capacity // n for w in range(n + 1)] for n in range(1, 128))
    return 0 < capacity <= 1 << 20 and all(b == sorted(b) and (b[0], b[-1]) == (0, capacity) for b in bounds)


def shown(c: Certificate, path: Path, home: dict[int, Home]) -> Iterator[tuple[str, int, int, int]]:
    """Where more depends on an index than which entry is meant: (where, expression, the index, its allocator)."""
    uses = [("condition", e, -1) for e in path.conditions] + [("frame", e, -1) for _, e in path.frame]
    uses += [("verdict", e, -1) for e in path.goes]
    for n, event in enumerate(path.events):
        uses += [(slot, e, n) for slot, e in c.operands(event) if event["op"] != "opaque" and slot != "key_home"]
    for where, e, n in uses:
        for s in c.roots(path, e):
            made = c.index_of(path, s)
            obj = path.events[made[1]]["objects"][0] if made is not None else -1
            chain = obj if made is not None and made[0] == "fresh" else home[obj].chain if obj in home else None
            event = path.events[n] if n >= 0 else {"op": "", "objects": []}
            origin = c.origin(path, s)
            if origin is not None and path.events[origin[0]]["op"] in ("expire", "expire_range"):
                chain, where = path.events[origin[0]]["objects"][0], "how many entries expired"
            if chain is None or c.objects[chain]["treatment"] != "sharded":
                continue
            own = where == "index" and (event["op"].startswith("vector_") or event["objects"] == [chain])
            put = where == "value" and event["op"] == "map_put" and event["objects"][0] in home
            if not (own or put or event["op"] == "expire_range"):
                yield where, e, s, chain
