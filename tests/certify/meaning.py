"""Mutants of what a certificate says, with digests, numbers of events and lists of accesses made right again."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
_PRODUCED = re.compile(r"([a-z_]+)\.(\d+)\.(\w+)")


def drop_path(d: Document, rng: random.Random) -> None:
    d["paths"].pop(rng.randrange(len(d["paths"])))


def drop_condition(d: Document, rng: random.Random) -> None:
    path = rng.choice([p for p in d["paths"] if p["conditions"]])
    at = rng.randrange(len(path["conditions"]))
    path["conditions"].pop(at)
    for i, e in enumerate(path["events"]):
        event = dict(d["events"][e])
        event["conditions"] -= event["conditions"] > at
        path["events"][i] = _event(d, event)


def other_condition(d: Document, rng: random.Random) -> None:
    path = rng.choice([p for p in d["paths"] if p["conditions"]])
    others = [c for p in d["paths"] if p["port"] == path["port"] for c in p["conditions"]]
    path["conditions"][rng.randrange(len(path["conditions"]))] = rng.choice(others)


def other_constant(d: Document, rng: random.Random) -> None:
    pool = d["expressions"]
    entry = pool[rng.choice([n for n, e in enumerate(pool) if e[0] == "const" and e[1] > 0])]
    entry[2] = (entry[2] + rng.choice((1, 3, 255))) % (1 << entry[1])


def other_byte(d: Document, rng: random.Random) -> None:
    """The packet's byte next to the one that the program reads."""
    entry = rng.choice([e for e in d["expressions"] if e[0] == "sym" and e[2].startswith("pkt.")])
    entry[2] = f"pkt.{int(entry[2][4:]) ^ 1}"


def drop_access(d: Document, rng: random.Random) -> None:
    """Of one path; later events are numbered anew."""
    path = rng.choice([p for p in d["paths"] if p["events"]])
    _drop(d, path, rng.randrange(len(path["events"])))


def drop_operation(d: Document, rng: random.Random) -> None:
    """Of all paths, as if it were not in the program."""
    gone = rng.choice([e for e in d["events"] if "result" not in e])
    for path in d["paths"]:
        for n in reversed(range(len(path["events"]))):
            e = d["events"][path["events"][n]]
            if (e["op"], e["location"]) == (gone["op"], gone["location"]):
                _drop(d, path, n)


def swap_accesses(d: Document, rng: random.Random) -> None:
    """Two that follow each other, on all paths that have them; they give each other nothing, or the mutant is damaged."""
    path = rng.choice([p for p in d["paths"] if len(p["events"]) > 1])
    at = rng.randrange(len(path["events"]) - 1)
    pair = path["events"][at : at + 2]
    for p in d["paths"]:
        if p["events"][at : at + 2] == pair:
            first, second = (dict(d["events"][e]) for e in pair)
            first["conditions"] = second["conditions"] = min(first["conditions"], second["conditions"])
            p["events"][at : at + 2] = [_event(d, second), _event(d, first)]
            _renumber(d, p, {at: at + 1, at + 1: at})


def other_operand(d: Document, rng: random.Random) -> None:
    """An index, value, or part of a key is another's of that width."""
    names = [(e, s) for e in d["events"] for s in ("index", "value", "key") if s in e]
    event, name = rng.choice(names)
    old = event[name] if name != "key" else rng.choice(event["key"])
    width = d["expressions"][old][1]
    found = [x for e, s in names for x in (e[s] if s == "key" else [e[s]]) if d["expressions"][x][1] == width]
    new = rng.choice(found)
    event[name] = [new if x == old else x for x in event["key"]] if name == "key" else new


def write_less(d: Document, rng: random.Random) -> None:
    """Bytes of an entry that all paths leave as they are."""
    writes = [e for e in d["events"] if len(e.get("stored", ())) > 0]
    gone = rng.choice(writes)["stored"]
    gone.pop(rng.randrange(len(gone)))


def other_verdict(d: Document, rng: random.Random) -> None:
    path = rng.choice(d["paths"])
    path["verdict"] = rng.choice([p["verdict"] for p in d["paths"] if p["port"] == path["port"]])


def one_limit_more(d: Document, rng: random.Random) -> None:
    """An expiry of one path by a limit of its own."""
    path = rng.choice([p for p in d["paths"] if any(d["events"][e]["op"] == "expire" for e in p["events"])])
    at = next(n for n, e in enumerate(path["events"]) if d["events"][e]["op"] == "expire")
    event = dict(d["events"][path["events"][at]])
    width = d["expressions"][event["value"]][1]
    d["expressions"] += [["const", width, 10**6], ["sub", width, None, event["value"], len(d["expressions"])]]
    event["value"] = len(d["expressions"]) - 1
    path["events"][at] = _event(d, event)


def less_sharing(d: Document, rng: random.Random) -> None:
    order = ("shared", "sharded", "per-core", "read-only")
    written = {o for e in d["events"] for o in e["objects"] if not e["op"].endswith(("read", "get"))}
    o = d["objects"][rng.choice(sorted(written))]
    o |= {"treatment": rng.choice(order[order.index(o["treatment"]) + 1 :] or ("read-only",)), "split": True}


def key_bit(d: Document, rng: random.Random) -> None:
    port = rng.choice(d["ports"])
    key = bytearray.fromhex(port["key"])
    key[rng.randrange(min(len(key), 16))] ^= 1 << rng.randrange(8)
    port["key"] = key.hex()


def table_entry(d: Document, rng: random.Random) -> None:
    parts = rng.choice(d["ports"])["parts"]
    parts[rng.randrange(len(parts))] = rng.randrange(len(parts))


KINDS: tuple[Callable[[Document, random.Random], None], ...] = (
    drop_path, drop_condition, other_condition, other_constant, other_byte, drop_access, drop_operation, swap_accesses,
    other_operand, write_less, other_verdict, one_limit_more, less_sharing, key_bit, table_entry,
)  # fmt: skip


# --------------------------------------------------------------------------- made right again


def _event(d: Document, event: dict[str, Any]) -> int:
    d["events"].append(event)
    return len(d["events"]) - 1


def _drop(d: Document, path: Document, at: int) -> None:
    del path["events"][at]
    _renumber(d, path, {n: n - 1 for n in range(at + 1, len(path["events"]) + 1)} | {at: 1 << 16})


def _renumber(d: Document, path: Document, numbers: dict[int, int]) -> None:
    """A path's symbols name events by these numbers now."""
    pool, known = d["expressions"], dict[int, int]()
    exists = {str(e): n for n, e in enumerate(pool)}

    def added(entry: list[Any]) -> int:
        if str(entry) not in exists:
            exists[str(entry)] = len(pool)
            pool.append(entry)
        return exists[str(entry)]

    def new(e: int) -> int:
        if e not in known:
            op, width, value, *args = pool[e]
            match = _PRODUCED.fullmatch(value) if op == "sym" else None
            if match is not None and int(match[2]) in numbers:
                value = f"{match[1]}.{numbers[int(match[2])]}.{match[3]}"
            known[e] = added([op, width, value, *map(new, args)])
        return known[e]

    path["conditions"] = [new(e) for e in path["conditions"]]
    path["frame"] = [[at, new(e)] for at, e in path["frame"]]
    if isinstance(path["verdict"], list):
        path["verdict"] = [new(e) for e in path["verdict"]]
    for n, e in enumerate(path["events"]):
        event = dict(d["events"][e])
        for name in ("key", "raw", "operands"):
            if name in event:
                event[name] = [new(x) for x in event[name]]
        for name in ("index", "value"):
            if name in event:
                event[name] = new(event[name])
        if "key_home" in event:
            event["key_home"] = [event["key_home"][0], new(event["key_home"][1])]
        if "stored" in event:
            event["stored"] = [[at, new(x)] for at, x in event["stored"]]
        path["events"][n] = e if event == d["events"][e] else _event(d, event)
