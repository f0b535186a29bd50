"""Paths and events of ``certificate.json``: what symbols come from, what operations do to their objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from maestro_tool.certificate import shapes
from maestro_tool.smtlib.terms import Pool

SCHEMA: Final = "maestro-certificate/1"
#: Operation -> what it does to each of its objects: how the entry is named, and whether it is changed (`touches`).
OPERATIONS: Final[dict[str, tuple[tuple[str, bool], ...]]] = {
    "map_get": (("key", False),), "map_put": (("key", True),), "map_erase": (("key", True),),
    "vector_read": (("index", False),), "vector_write": (("index", True),),
    "dchain_allocate": (("fresh", True),), "dchain_rejuvenate": (("index", True),), "dchain_free": (("index", True),),
    "dchain_is_allocated": (("index", False),),
    "sketch_compute_hashes": (("key", True),), "sketch_refresh": (("key", True),), "sketch_fetch": (("key", True),),
    "sketch_touch_buckets": (("key", True),),
    "global_read": (("whole", False),), "global_write": (("whole", True),),
    "array_read": (("any", False),), "array_write": (("any", True),),
    "expire": (("old", True), ("old", False), ("old", True)), "sketch_expire": (("old", True),),
    "expire_pairs": (("old", True), ("old", False), ("old", True), ("old", True)),
    "expire_range": (("index", False), ("erased", True)),
    "map_size": (("any", False),), "cht_find": (("any", False), ("any", False)), "lpm_lookup": (("any", False),),
    "lpm_update": (("any", True),), "dchain_expire_one": (("any", True),),
    "dmap_expire": (("any", True), ("any", True)),
    "dmap_get_a": (("any", False),), "dmap_get_b": (("any", False),), "dmap_read": (("any", False),),
    "dmap_put": (("any", True),), "dmap_erase": (("any", True),), "dmap_size": (("any", False),), "opaque": (),
}  # fmt: skip
#: An operation on a path: ``op``, ``objects``, ``location``, ``conditions`` (how many hold before it); and operands.
Event = dict[str, Any]
_OPERANDS: Final = ("key", "raw", "index", "value", "operands", "stored", "key_home")


def touches(event: Event) -> tuple[tuple[str, bool], ...]:
    """As in `OPERATIONS`; an operation that is not known there may change any entry of its objects."""
    return OPERATIONS.get(event["op"], (("any", True),) * len(event["objects"]))


def is_of_element(event: Event) -> bool:
    """Whether it reads or writes bytes of an entry that an index names."""
    needs, _ = shapes.SHAPES.get(event["op"], ("", ""))
    return "span" in needs.split() and all(how == "index" for how, _ in touches(event))


@dataclass(frozen=True)
class Path:
    """``left_out``: why it is taken that no packet goes on like this."""

    number: int
    port: int
    conditions: tuple[int, ...]
    events: tuple[Event, ...]
    frame: tuple[tuple[int, int], ...]
    verdict: Any
    grown: int
    location: str
    left_out: str = ""

    @property
    def goes(self) -> list[int]:
        """The verdict, where it is an expression."""
        return self.verdict if isinstance(self.verdict, list) else []


def answer(path: Path, question: Event, n: int) -> bool | None:
    """What a look-up before event ``n`` of a path must find: what the last operation on the map and this key says."""
    for e in reversed(path.events[:n]) if question["op"] == "map_get" else ():
        alike = [e.get(m) == question.get(m) for m in ("key", "raw")]
        if e["objects"] == question["objects"] and all(alike):
            return {"map_put": True, "map_erase": False}.get(e["op"], e.get("result"))
        if question["objects"][0] in e["objects"] and e["op"] != "map_get":
            break
    return None


class Certificate:
    """What ``certificate.json`` says, read once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document, self.pool = document, Pool(document["expressions"])
        self.objects, self.ports = document["objects"], document["ports"]
        self._origins: dict[tuple[int, int], tuple[int, str] | None] = {}
        self._chains: dict[int, int | None] = {}
        events = document["events"]
        sizes = [len(p["parts"]) for p in self.ports]
        if any(n < 1 or n & (n - 1) for n in sizes) or any(
            not 0 <= x < 1 << 16 for p in self.ports for x in p["parts"]
        ):
            raise ValueError("a table that is none")
        for e in events:
            known = all(0 <= o < len(self.objects) for o in e["objects"])
            if not known or len(e["objects"]) != len(touches(e)):
                raise ValueError(f"no operation {e['op']!r:.40} on such objects")
        self.paths = [
            Path(n, p["port"], tuple(p["conditions"]), tuple(events[e] for e in p["events"]),
                 tuple((o, v) for o, v in p["frame"]), p["verdict"], p["grown"], p["location"])
            for n, p in enumerate(document["paths"])
        ]  # fmt: skip
        self.left_out = [
            Path(
                n,
                p["port"],
                tuple(p["conditions"]),
                tuple(events[e] for e in p["events"]),
                (),
                "drop",
                0,
                p["location"],
                p["why"],
            )
            for n, p in enumerate(document["left_out"], len(self.paths))
        ]
        for p in (*self.paths, *self.left_out):
            counts = [e["conditions"] for e in p.events]
            fits = counts == sorted(counts) and all(n <= len(p.conditions) for n in counts)
            if not fits or not 0 <= p.port < len(self.ports):
                raise ValueError("a path whose events do not fit its conditions or ports")
        shapes.check(self)

    def events(self, *operations: str) -> Iterator[tuple[Path, int, Event]]:
        """All events (of these operations): path, number on it, event."""
        for path in self.paths:
            for n, e in enumerate(path.events):
                if not operations or e["op"] in operations:
                    yield path, n, e

    def treated(self, how: str) -> list[int]:
        return [n for n, o in enumerate(self.objects) if o["treatment"] == how]

    def label(self, obj: int) -> str:
        return str(self.objects[obj]["name"])

    def accesses(self, event: Event) -> Iterator[tuple[int, str, bool]]:
        """(object, how its entry is named, whether it is changed) of an event; a key that lies in a vector is its
        map's, too."""
        for obj, (how, writes) in zip(event["objects"], touches(event), strict=True):
            yield obj, how, writes
            if event["op"] == "vector_write":
                yield from ((m, "any", True) for m, o in enumerate(self.objects) if obj in o["key_vectors"])

    # ------------------------------------------------------------------- what symbols come from

    def origin(self, path: Path, e: int) -> tuple[int, str] | None:
        """The event of the path that produced a symbol, be it wider now, and the part."""
        if (path.number, e) not in self._origins:
            self._origins[path.number, e] = self._origin(path, e)
        return self._origins[path.number, e]

    def _origin(self, path: Path, e: int) -> tuple[int, str] | None:
        match = shapes.PRODUCED.fullmatch(self.pool.name(self.pool.base(e)))
        if match is None or int(match[2]) >= len(path.events) or path.events[int(match[2])]["op"] != match[1]:
            return None
        return int(match[2]), match[3]

    def index_of(self, path: Path, e: int) -> tuple[str, int] | None:
        """("fresh", event) or ("found", event) for what an allocator gave, or a map holds; be it without bits that are
        0 in all indices of the allocator."""
        narrow, room = self.pool.lowest(e)
        whole = self._index(path, e) or self._index(path, narrow)
        if whole is None or self.pool.base(e) == narrow:
            return whole
        chain = self.chain_of(path, whole)
        return whole if chain is not None and 0 < self.objects[chain]["max_capacity"] <= room else None

    def _index(self, path: Path, e: int) -> tuple[str, int] | None:
        made = self.origin(path, e)
        if made is None:
            return None
        return {"dchain_allocate": ("fresh", made[0]), "map_get": ("found", made[0])}.get(path.events[made[0]]["op"])

    def owned(self, path: Path, index: int) -> tuple[str, int] | None:
        """The index (as of `index_of`) that an entry's number is, or is calculated from."""
        inside = {m for s in self.pool.symbols(index) if (m := self.index_of(path, s)) is not None}
        return inside.pop() if len(inside) == 1 else None

    def chain_of(self, path: Path, owner: tuple[str, int]) -> int | None:
        """The allocator of an index: of one that is found, that of all indices put into that map."""
        obj: int = path.events[owner[1]]["objects"][0]
        if owner[0] == "fresh":
            return obj
        if obj not in self._chains:
            made = [(p, self._index(p, e["value"])) for p, _, e in self.events("map_put") if e["objects"] == [obj]]
            chains = {p.events[x[1]]["objects"][0] if x is not None and x[0] == "fresh" else None for p, x in made}
            self._chains[obj] = chains.pop() if len(chains) == 1 else None
        return self._chains[obj]

    def roots(self, path: Path, e: int) -> Iterator[int]:
        """The symbols that an expression is calculated from, also by functions that are not followed."""
        for s in self.pool.symbols(e):
            made = self.origin(path, s)
            if made is None or path.events[made[0]]["op"] != "opaque":
                yield s
                continue
            for operand in path.events[made[0]].get("operands", ()):
                yield from self.roots(path, operand)

    def about_frame(self, e: int) -> bool:
        """Whether an expression is about the frame as it came, and options."""
        names = map(self.pool.name, self.pool.symbols(e))
        return all(n.startswith(("pkt.", "cfg.")) or n in ("pkt_len", "device") for n in names)

    def is_fixed(self, e: int) -> bool:
        """Whether an expression is made of constants and options."""
        return all(self.pool.name(s).startswith("cfg.") for s in self.pool.symbols(e))

    def bytes_asked(self, path: Path, n: int) -> set[int]:
        """The bytes of what event ``n`` reads that a path's conditions are about."""
        made = (self.origin(path, s) for e in path.conditions for s in self.pool.symbols(e))
        return {int(part) for event, part in filter(None, made) if event == n and part.isdigit()}

    def frame_conditions(self, path: Path) -> frozenset[int]:
        return frozenset(c for c in path.conditions if self.about_frame(c))

    def operands(self, event: Event) -> Iterator[tuple[str, int]]:
        """What an event is given: (member, expression)."""
        for operand in _OPERANDS:
            found: Any = event.get(operand, [])
            for e in [found] if isinstance(found, int) else found[1:] if operand == "key_home" else found:
                yield operand, e[1] if isinstance(e, list) else e

    def uses(self, path: Path) -> Iterator[tuple[str, int, int]]:
        """All that a path uses: where (``condition``, ``frame``, ``verdict``, or a member of an event), expression,
        number of the event or -1."""
        yield from (("condition", e, -1) for e in path.conditions)
        yield from (("frame", e, -1) for _, e in path.frame)
        yield from (("verdict", e, -1) for e in path.goes)
        for n, event in enumerate(path.events):
            yield from ((operand, e, n) for operand, e in self.operands(event))

    def outcome(self, path: Path, event: int) -> Any:
        """What leaves, and where; None if it is made of what that event or a later one gives."""
        made = (s for where, e, _ in self.uses(path) if where in ("frame", "verdict") for s in self.pool.symbols(e))
        late = any((origin := self.origin(path, s)) is not None and origin[0] >= event for s in made)
        return None if late else (str(path.verdict), path.frame, path.grown)

    def contents(self, path: Path, vector: int, index: int) -> dict[int, tuple[int, int]]:
        """As `stored_bytes`: what a path leaves in the entry of a vector at an index."""
        writes = [e for e in path.events if e["op"] == "vector_write" and e["objects"] == [vector]]
        there = [e for e in writes if self.pool.base(e["index"]) == self.pool.base(index)]
        return {byte: value for e in there for byte, value in self.stored_bytes(e).items()}

    def stored_bytes(self, write: Event) -> dict[int, tuple[int, int]]:
        """Byte of an entry -> (expression, first bit of it) that a write leaves there."""
        found: dict[int, tuple[int, int]] = {}
        for offset, value in write["stored"]:
            size = self.pool.width[value] // 8
            found |= {offset + i: (value, 8 * (size - 1 - i)) for i in range(size)}
        return found

    def filled(self, path: Path, n: int) -> set[tuple[int, int]]:
        """Vector and byte: what a path writes to the entries of the index that event ``n`` allocates, before it reads
        an entry of the vector at an index that it found since, which may be this one."""
        found: set[tuple[int, int]] = set()
        read: set[int] = set()
        for e in path.events[n:]:
            at = self.index_of(path, e["index"]) if e["op"] in ("vector_read", "vector_write") else None
            if e["op"] == "vector_write" and at == ("fresh", n) and e["objects"][0] not in read:
                found |= {(e["objects"][0], byte) for byte in self.stored_bytes(e)}
            elif e["op"] == "vector_read" and (at is None or (at[0] == "found" and at[1] > n)):
                read.add(e["objects"][0])
        return found

    def stored_at(self, path: Path, owner: tuple[str, int]) -> dict[tuple[int, int], tuple[int, int]]:
        """As `stored_bytes`, by vector and byte: what a path leaves in the entries of an index (as of `index_of`)."""
        return {
            (e["objects"][0], byte): value
            for e in path.events
            if e["op"] == "vector_write" and self.index_of(path, e["index"]) == owner
            for byte, value in self.stored_bytes(e).items()
        }
