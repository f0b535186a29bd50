"""Whether the events of a path go together: operands that their operations need, and where symbols come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maestro_tool.certificate.read import Certificate, Event, Path

#: Operation -> the members that its events have (``key``, or ``raw`` in its place), and what it produces: a part, or
#: ``*`` for each byte of its ``span``; with a ``?`` only where the answer is yes.
SHAPES: Final[dict[str, tuple[str, str]]] = {
    "map_get": ("key", "value?"), "map_put": ("key value", ""), "map_erase": ("key", ""), "map_size": ("", "value"),
    "vector_read": ("index span", "*"), "vector_write": ("index span stored", ""),
    "global_read": ("index span", "*"), "global_write": ("index span stored", ""),
    "array_read": ("index span", "*"), "array_write": ("index span stored", ""),
    "dchain_allocate": ("value result", "index?"), "dchain_rejuvenate": ("index value", ""),
    "dchain_free": ("index", ""), "dchain_is_allocated": ("index", ""), "dchain_expire_one": ("value", "index?"),
    "expire": ("value", "count"), "expire_range": ("index value", "count"), "dmap_expire": ("value", "count"),
    "expire_pairs": ("value", "count"),
    "sketch_compute_hashes": ("key", ""), "sketch_refresh": ("key value", ""), "sketch_fetch": ("key", ""),
    "sketch_touch_buckets": ("key value", ""), "sketch_expire": ("value", ""),
    "cht_find": ("value result", "chosen?"), "lpm_lookup": ("key", "value"), "lpm_update": ("key value", "done"),
    "dmap_get_a": ("raw", "value?"), "dmap_get_b": ("raw", "value?"), "dmap_read": ("index span", "*"),
    "dmap_put": ("value stored", ""), "dmap_erase": ("index", ""), "dmap_size": ("", "value"),
    "opaque": ("", "value room"),
}  # fmt: skip
#: Operation -> the answers with which the runtime makes a packet the writer, if it is not yet and the operation's
#: first object is shared (docs/strategies.md).
ANNOUNCES: Final[dict[str, tuple[bool | None, ...]]] = {
    "map_put": (None,), "map_erase": (None,), "dchain_allocate": (True,), "dchain_free": (True,),
    "dchain_expire_one": (True,), "sketch_compute_hashes": (None,), "sketch_refresh": (None,),
    "sketch_fetch": (None, True, False), "sketch_touch_buckets": (None, True, False),
}  # fmt: skip
#: Operations whose ``value`` is when an entry was last used.
AGES: Final = ("dchain_allocate", "dchain_rejuvenate", "sketch_refresh", "sketch_touch_buckets")
#: Operations that end what is too old of an allocator, with its keys.
ENDS_OLD: Final = ("expire", "expire_pairs", "dmap_expire")
#: About the key that was hashed last.
_COUNTERS: Final = ("sketch_refresh", "sketch_fetch", "sketch_touch_buckets")
#: A symbol for what an event produced: operation, number of the event, part.
PRODUCED: Final = re.compile(r"([a-z_]+)\.(\d+)\.(\w+)")
#: What comes from elsewhere than events.
_GIVEN: Final = re.compile(r"pkt\.\d+|pkt_len|device|now|a\.\d+|cfg\..+", re.DOTALL)


def check(c: Certificate) -> None:
    """ValueError if a path has an event or a symbol that does not go together with those before."""
    made: dict[int, tuple[str, int, str]] = {}
    for s in (n for n, op in enumerate(c.pool.op) if op == "sym"):
        match = PRODUCED.fullmatch(c.pool.name(s))
        if match is not None:
            made[s] = match[1], int(match[2]), match[3]
        elif _GIVEN.fullmatch(c.pool.name(s)) is None:
            raise ValueError(f"no symbol: {c.pool.name(s)!r:.40}")
    for e in c.document["events"]:
        _check_event(c, e)
    for path in (*c.paths, *c.left_out):
        for why in _mistakes(c, path, made):
            raise ValueError(f"{path.location}: {why}")


def _check_event(c: Certificate, e: Event) -> None:
    if e["op"] not in SHAPES:
        return  # of what is not known nothing is expected, and it may do anything
    missing = [m for m in SHAPES[e["op"]][0].split() if m not in e and not (m == "key" and "raw" in e)]
    first, end = e.get("span", (0, 1 << 32))
    inside = all(first <= at and at + c.pool.width[v] // 8 <= end for at, v in e.get("stored", ()))
    if missing or not inside or not first < end:
        raise ValueError(f"{e['location']}: {e['op']} is not given what it needs")


def _mistakes(c: Certificate, path: Path, made: dict[int, tuple[str, int, str]]) -> Iterator[str]:
    known: set[int] = set()

    def unknown(expressions: Iterable[int], before: int) -> bool:
        """Whether one is made of what no event before number ``before`` produces."""
        for s in frozenset[int]().union(*map(c.pool.symbols, expressions)) - known:
            if s in made:
                op, n, part = made[s]
                if n >= before or not _produces(path.events[n], op, part):
                    return True
                known.add(s)  # events are looked at in order: so it is known from here on
        return False

    done, hashed = 0, dict[int, Any]()
    for n, e in enumerate(path.events):
        if unknown(path.conditions[done : e["conditions"]], n) or unknown((x for _, x in c.operands(e)), n):
            yield f"{e['op']} depends on what nothing before it gives"
        done = e["conditions"]
        if e["op"] == "sketch_compute_hashes":
            hashed[e["objects"][0]] = _key(e)
        elif e["op"] in _COUNTERS and hashed.get(e["objects"][0]) != _key(e):
            yield f"{e['op']} of a key that was not hashed"
    if unknown((*path.conditions[done:], *(v for _, v in path.frame), *path.goes), len(path.events)):
        yield "what is done depends on what nothing gives"


def _key(e: Event) -> Any:
    return e.get("key"), e.get("raw")


def _produces(e: Event, op: str, part: str) -> bool:
    parts = SHAPES[op][1].split() if op in SHAPES else [part]
    if e["op"] != op:
        return False
    if "*" in parts:
        return part.isdigit() and int(part) in range(*e["span"])
    return part in parts or (f"{part}?" in parts and e.get("result") is True)
