"""What the names of entries rest on (docs/guarantees.md, "How it is proved", 2 and 6), read off the paths again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator

from maestro_tool.certificate.key_storage import KeyStorage, Wrong
from maestro_tool.certificate.ledger import idle, ledger
from maestro_tool.certificate.read import Certificate, Path
from maestro_tool.certificate.shapes import AGES

_EXPIRY = ("expire", "expire_pairs", "sketch_expire")


def premises(c: Certificate, storage: dict[int, KeyStorage]) -> Iterator[Wrong]:
    """What could put keys, indices and entries out of step on one of several workers."""
    for obj in (sharded := c.treated("sharded")):
        o = c.objects[obj]
        if o["kind"] in ("map", "dchain", "sketch") and o["filled"]:
            yield "filled in set-up, on every worker, and changed by packets", (obj,), ()
        if o["kind"] == "dchain" and not (o["split"] and (not o["ranged"] or _disjoint(o["capacity"]))):
            yield "its indices are not divided over the workers", (obj,), ()
    limits: dict[int, set[int]] = defaultdict(set)
    for path, n, e in c.events(*_EXPIRY):
        limits[e["objects"][0]] |= {e["value"]} if not idle(c, path, n) else set()
    for path in c.paths:
        yield from _in_step(c, path, storage, limits)
    for path, n, e in c.events():
        for text in _wrong(c, path, n, storage, limits) if set(sharded) & set(e["objects"]) else ():
            yield text, tuple(e["objects"]), (e["location"],)


def _wrong(
    c: Certificate, path: Path, n: int, storage: dict[int, KeyStorage], limits: dict[int, set[int]]
) -> Iterator[str]:
    e, before = path.events[n], path.events[:n]
    first, op = e["objects"][0], e["op"]
    keyed = {m: s.vector for m, s in storage.items() if s.chain == first and s.plain}
    if op in _EXPIRY and (len(limits[first]) > 1 or not _is_age(c, e["value"])):
        yield "what is too old is not the packet's time less an option, the same for all"
    if op in _EXPIRY[:2] and keyed != dict.fromkeys(e["objects"][2:], e["objects"][1]):
        yield "expiry leaves a key behind, or looks for it in another place"
    if op in AGES and first in limits and c.pool.name(e["value"]) != "now":
        yield "an entry is given another age than the packet's time"
    owner = c.owned(path, e["index"]) if "index" in e else None
    used = {first, *(storage[o].chain for o in e["objects"] if o in storage), owner and c.chain_of(path, owner)}
    if op not in _EXPIRY and not (used & set(limits)) <= {x["objects"][0] for x in before if x["op"] in _EXPIRY}:
        yield "an entry is used before old ones are expired"
    if op == "vector_write" and any(s.vector == first for s in storage.values()):
        mine = c.index_of(path, e["index"])
        put = any(x.get("key_home") == [first, e["index"]] for x in path.events if x["op"] == "map_put")
        if (mine is not None and mine[0] != "fresh") or (mine is None and not put):
            yield "a key is changed while its map may hold it"
    block = KeyStorage(first, (owner and c.chain_of(path, owner)) or 0, False)
    if op == "expire_range" and storage.get(e["objects"][1]) != block:
        yield "keys are erased that may be another map's"


def _in_step(c: Certificate, path: Path, storage: dict[int, KeyStorage], ends: Container[int]) -> Iterator[Wrong]:
    """Keys and indices that a path does not leave in step: an index is in its maps exactly while it is in use."""
    known = ledger(c, path)
    keyed: dict[int, set[int]] = defaultdict(set)
    for m, s in storage.items():
        keyed[s.chain if s.plain else -1].add(m)
    used = [("fresh", n) for n, e in enumerate(path.events) if e["op"] == "dchain_allocate" and e["result"]]
    made = dict.fromkeys((*known.erased, *known.freed, *used))
    wrong = [(n, "a key is erased, or an index freed, of which the other is not known") for n in known.unknown]
    wrong += [(n, "an index is used that may be another's by then") for n in known.late]
    for at in made:
        chain = c.chain_of(path, at)
        held = {m for (m, _), index in known.held.items() if index == at}
        missing = keyed[-1 if chain is None else chain] - (held if at in used else known.erased[at])
        if at in known.freed:
            stays = held if at in used else missing
            wrong += [(n, "an index is freed, but its key stays") for n in known.freed[at] if stays]
            wrong += [(n, "an index is freed twice") for n in known.freed[at][1:]]
        elif known.erased[at]:
            wrong.append((at[1], "a key is erased, but its index not freed"))
        elif missing and chain in ends:
            wrong.append((at[1], "an index is taken that no key leads to"))
    for n, text in wrong:
        e = path.events[n]
        if any(c.objects[o]["treatment"] == "sharded" for o in e["objects"]):
            yield text, tuple(e["objects"]), (e["location"],)


def _is_age(c: Certificate, e: int) -> bool:
    """``now``, less constants and options: no limit that lies ahead, or wraps around there."""
    if c.pool.name(e) == "now":
        return True
    op, args, fixed = c.pool.op[e], c.pool.args[e], [c.is_fixed(a) for a in c.pool.args[e]]
    if (op, fixed) not in (("add", [False, True]), ("add", [True, False]), ("sub", [False, True])):
        return False
    moved, least = args[fixed.index(True)], 1 << (c.pool.width[e] - 1)
    ahead = c.pool.op[moved] == "const" and (0 < int(c.pool.value[moved]) < least) == (op == "add")
    return not ahead and _is_age(c, args[fixed.index(False)])


def _disjoint(capacity: int) -> bool:
    """Worker w of n has indices w * capacity / n up to (w + 1) * capacity / n: none of them is the next one's."""
    bounds = ([w * capacity // n for w in range(n + 1)] for n in range(1, 128))
    return 0 < capacity <= 1 << 20 and all(b == sorted(b) and (b[0], b[-1]) == (0, capacity) for b in bounds)
