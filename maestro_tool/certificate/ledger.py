"""What a path does with keys and indices, in order: which it holds, erases and frees."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from maestro_tool.certificate.read import Certificate, Event, Path

#: As of `Certificate.index_of`.
Index = tuple[str, int]


@dataclass
class Ledger:
    """``held``: map and key -> the index under it, of keys that are there when the packet is done.  ``erased``: index
    -> maps from which its key was erased.  ``freed``: index -> the events that free it.  ``unknown``: events that erase
    a key, or free an index, of which the path does not know the other.  ``late``: events that use an index which may be
    another's by then: one was freed since it came up, and a new one allocated."""

    held: dict[tuple[int, tuple[int, ...]], Index] = field(default_factory=dict)
    erased: dict[Index, set[int]] = field(default_factory=lambda: defaultdict(set))
    freed: dict[Index, list[int]] = field(default_factory=lambda: defaultdict(list))
    unknown: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)


def ledger(c: Certificate, path: Path) -> Ledger:
    """Of one path."""
    found, same = Ledger(), dict[Index, Index]()
    freed: dict[int | None, int] = {}  # allocator -> the first event that frees one of its indices
    renewed: dict[int | None, int] = {}  # -> that event, once it has allocated again

    def known(e: int) -> Index | None:
        at = c.index_of(path, e)
        return None if at is None else same.get(at, at)

    for n, e in enumerate(path.events):
        if any(i[1] < renewed.get(c.chain_of(path, i), 0) for i in _used(c, path, e)):
            found.late.append(n)
        key = (e["objects"][0], tuple(e.get("key", ()))) if e["objects"] else (-1, ())
        match e["op"]:
            case "map_get" if e.get("result") is True:
                same["found", n] = found.held.setdefault(key, ("found", n))
            case "map_put":
                found.held[key] = known(e["value"]) or ("put", n)
            case "map_erase" if key in found.held:
                found.erased[found.held.pop(key)].add(key[0])
            case "dchain_free" if (at := known(e["index"])) is not None:
                found.freed[at].append(n)
                freed.setdefault(e["objects"][0], n)
            case "map_erase" | "dchain_free":
                found.unknown.append(n)
            case "dchain_allocate" if e["objects"][0] in freed:
                renewed[e["objects"][0]] = freed[e["objects"][0]]
    return found


def _used(c: Certificate, path: Path, e: Event) -> set[Index]:
    """The indices that an event is given."""
    symbols = (s for _, operand in c.operands(e) for s in c.pool.symbols(operand))
    return {at for s in symbols if (at := c.index_of(path, s)) is not None}


def idle(c: Certificate, path: Path, n: int) -> bool:
    """Whether expiry finds nothing: by event ``n`` the path has ended all that is as old, or younger."""
    limit, mine = _behind(c, path.events[n]["value"]), path.events[n]
    before = [
        _behind(c, e["value"]) for e in path.events[:n] if (e["op"], e["objects"]) == (mine["op"], mine["objects"])
    ]
    return limit is not None and any(done is not None and done <= limit for done in before)


def _behind(c: Certificate, e: int) -> int | None:
    """How far a time lies behind the packet's; None if that is no constant."""
    pool = c.pool
    if pool.name(e) == "now":
        return 0
    if pool.op[e] != "add" or pool.name(pool.args[e][0]) != "now" or pool.op[pool.args[e][1]] != "const":
        return None
    half, moved = 1 << (pool.width[e] - 1), int(pool.value[pool.args[e][1]])
    return -moved if moved < half else 2 * half - moved
