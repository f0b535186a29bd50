"""Who meets whom: an NF's objects, watched while packets of a small domain come by, and the graph of their conflicts.

An entry is what two packets may have in common: a key of a map, an element, a variable, an index from its allocation
until it is free.  What relaxations leave open is no conflict: which index is free, that old entries end (`ended`), that
a share is full.  Indices are known wherever they go (`Index`), so that entries are known by the allocation and not by a
number that somebody else has tomorrow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .assignment import VIEWS, Sets, field_of, view_of
from .ended import Entry, Old
from .machine import Arrival, ChainState, Model, Undefined
from .program import (
    Chain,
    Cht,
    Dmap,
    DmapExpire,
    Expire,
    Global,
    Lpm,
    Map,
    Program,
    Sketch,
    Vector,
    statements,
)
from .traffic import AGE

#: Free indices that an allocator has in some runs.
FEW = 2
#: Who of two packets comes by, and when: to an empty table, again, and after their entries have ended; or the second in
#: the place of the first, which comes back.
_MEETINGS = (
    ((0, 0), (0, 1), (1, 2), (0, AGE + 100), (1, AGE + 101), (0, AGE + 400)),
    ((0, 0), (1, AGE + 100), (0, AGE + 101), (0, AGE + 400), (1, 2 * AGE + 150)),
)


class Index(int):
    """A number that is an index, or is made of one by + - * & and numbers; ``owner``: its allocation."""

    owner: Entry

    @staticmethod
    def of(value: int, owner: Entry) -> Index:
        made = Index(value)
        made.owner = owner
        return made

    def _kept(self, value: int, other: int) -> int:
        return value if isinstance(other, Index) and other.owner != self.owner else Index.of(value, self.owner)

    def __add__(self, other: int) -> int:
        return self._kept(int(self) + int(other), other)

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        return self._kept(int(self) - int(other), other)

    def __mul__(self, other: int) -> int:
        return self._kept(int(self) * int(other), other)

    __rmul__ = __mul__

    def __and__(self, other: int) -> int:
        return self._kept(int(self) & int(other), other)

    __rand__ = __and__


@dataclass
class Log:
    """Accesses of all packets, by entry.  ``quiet``: while old entries are ended, ``old`` says which.

    ``twice``: maps into which a key is put that is there.  Of two a look-up finds the first in probe order, and which that
    is depends on what other keys there were.
    """

    readers: dict[Entry, set[Entry]] = field(default_factory=lambda: defaultdict(set))
    writers: dict[Entry, set[Entry]] = field(default_factory=lambda: defaultdict(set))
    same: Sets = field(default_factory=Sets)
    old: Old = field(default_factory=Old)
    twice: set[str] = field(default_factory=set)
    packet: Entry = ()
    run: int = 0
    made: int = 0
    quiet: int = 0

    def begin(self, packet: Entry, now: int) -> None:
        self.packet, self.quiet = packet, 0  # whatever the packet before was stopped in
        self.old.begin(packet, now)

    def reads(self, *entry: Hashable) -> None:
        if not self.quiet:
            self.readers[entry].add(self.packet)

    def writes(self, *entry: Hashable) -> None:
        if not self.quiet:
            self.writers[entry].add(self.packet)

    def allocation(self, chain: str) -> Entry:
        self.made += 1
        return ("index", chain, self.run, self.made)


class _Watched:
    def __init__(self, inner: Any, name: str, log: Log) -> None:
        self.inner, self.name, self.log = inner, name, log


class _Element:
    """The element of a vector that a packet borrowed."""

    def __init__(self, inner: list[int], entry: Entry, log: Log) -> None:
        self.inner, self.entry, self.log = inner, entry, log

    def __getitem__(self, n: int) -> int:
        self.log.reads(*self.entry)
        return self.inner[n]

    def __setitem__(self, n: Any, value: Any) -> None:
        self.log.writes(*self.entry)
        self.inner[n] = value


def _plain(element: Any) -> Any:
    return element.inner if isinstance(element, _Element) else element


class _Map(_Watched):
    """``aged``: the allocator whose expiry ends keys."""

    aged: str = ""

    def get(self, key: Sequence[int], index: int) -> tuple[int, int]:
        self.log.old.looked(self.aged)
        self.log.reads("key", self.name, self.inner.same(key))
        return self.inner.get(key, index)  # type: ignore[no-any-return]

    def put(self, element: Any, value: int) -> None:
        name = self.inner.same(_plain(element))
        if self.inner.get(_plain(element), 0)[0]:
            self.log.twice.add(self.name)
        self.log.writes("key", self.name, name)
        self.log.writes("size", self.name)
        if isinstance(value, Index):
            self.log.same.join(value.owner, ("key", self.name, name))
        self.inner.put(_plain(element), value)

    def erase(self, key: Any) -> Any:
        name = self.inner.same(_plain(key))
        if isinstance(key, _Element) and not self.log.quiet:
            return self.inner.erase(_plain(key))  # in a block, how long keys stay depends on which index is free
        if self.log.quiet:
            # Be it that of its own index, or what lies there: somebody else's, perhaps.
            self.log.same.join(self.log.old.ending, ("key", self.name, name))
        self.log.writes("key", self.name, name)
        self.log.writes("size", self.name)
        return self.inner.erase(_plain(key))

    @property
    def size(self) -> int:
        self.log.reads("size", self.name)
        return self.inner.size  # type: ignore[no-any-return]


class _Vector(_Watched):
    """``chain``: whose indices lead to its elements, as far as has been seen."""

    chain: _Chain | None = None
    chains: dict[str, _Chain]

    def borrow(self, index: int) -> _Element:
        element = self.inner.borrow(int(index))
        if isinstance(index, Index):
            self.chain = self.chain or self.chains.get(str(index.owner[1]))
            self.log.old.looked(str(index.owner[1]))
            return _Element(element, ("element", self.name, index.owner, int(index)), self.log)
        owner = self.chain.owners.get(index) if self.chain else None
        return _Element(element, ("element", self.name, owner, index), self.log)


class _Chain(_Watched):
    def __init__(self, inner: ChainState, name: str, log: Log) -> None:
        super().__init__(inner, name, log)
        self.owners: dict[int, Entry] = {}

    def allocate(self, index: int, now: int) -> tuple[int, int]:
        self.log.old.used(self.name, now)
        done, got = self.inner.allocate(index, now)
        if not done:
            return 0, index
        owner = self.owners[got] = self.log.allocation(self.name)
        self.log.writes(*owner)
        self.log.writes("slot", self.name, got)
        self.log.writes("ages", self.name)
        return 1, Index.of(got, owner)

    def _owner(self, index: int) -> Entry:
        return index.owner if isinstance(index, Index) else self.owners.get(index, ("slot", self.name, index))

    def rejuvenate(self, index: int, now: int) -> None:
        self.log.old.looked(self.name)
        self.log.old.used(self.name, now)
        if int(index) in self.inner.ages:
            self.log.writes(*self._owner(index))
            self.log.writes("ages", self.name)
        else:
            self.log.reads("slot", self.name, int(index))
        self.inner.rejuvenate(int(index), now)

    def is_allocated(self, index: int) -> int:
        self.log.old.looked(self.name)
        self.log.reads("slot", self.name, int(index))
        self.log.reads(*self._owner(index))
        return self.inner.is_allocated(int(index))  # type: ignore[no-any-return]

    def free_index(self, index: int) -> None:
        self.log.writes(*self._owner(index))
        self.log.writes("slot", self.name, int(index))
        self.inner.free_index(int(index))

    def expire(self, before: int) -> Iterator[int]:
        self.log.old.limited(self.name, before)
        for index in self.inner.expire(before):
            self.log.old.ends(self.name, self._owner(index))
            self.log.quiet += 1
            yield index
            self.log.quiet -= 1
        self._kept(before)

    def _kept(self, before: int) -> None:
        """What is too old stays behind what is not."""
        for index, age in self.inner.ages.items():
            if age < before:
                self.log.same.join(self._owner(next(iter(self.inner.ages))), self._owner(index))

    def expire_one(self, index: int, before: int) -> tuple[int, int]:
        self.log.reads("ages", self.name)
        done, got = self.inner.expire_one(int(index), before)
        return done, (Index.of(got, self.owners[got]) if done and got in self.owners else index)


class _Sketch(_Watched):
    def compute(self, key: Sequence[int]) -> None:
        self.log.old.looked(self.name)
        self.inner.compute(key)

    def refresh(self, now: int) -> None:
        self.log.writes("bucket", self.name, self.inner.key)
        self.inner.refresh(now)

    def fetch(self) -> int:
        self.log.reads("bucket", self.name, self.inner.key)
        return self.inner.fetch()  # type: ignore[no-any-return]

    def touch(self, now: int) -> int:
        self.log.writes("bucket", self.name, self.inner.key)
        return self.inner.touch(now)  # type: ignore[no-any-return]

    def expire(self, before: int) -> None:
        self.log.old.limited(self.name, before)
        there = list(self.inner.counts)
        self.inner.expire(before)
        for key in there:
            if key not in self.inner.counts:
                self.log.old.ends(self.name, ("bucket", self.name, key))


class _Dmap(_Watched):
    """``aged``: as of `_Map`."""

    owners: dict[int, Entry]
    aged: str = ""

    def _get(self, which: str, key: Sequence[int], index: int) -> tuple[int, int]:
        self.log.old.looked(self.aged)
        same = self.inner.by_a.same
        self.log.reads("key", self.name, which, same(key))
        found, at = getattr(self.inner, f"get_{which}")(key, index)
        return found, (Index.of(at, self.owners[at]) if found and at in self.owners else at)

    def get_a(self, key: Sequence[int], index: int) -> tuple[int, int]:
        return self._get("a", key, index)

    def get_b(self, key: Sequence[int], index: int) -> tuple[int, int]:
        return self._get("b", key, index)

    def put(self, a: Sequence[int], b: Sequence[int], number: int, index: int) -> None:
        owner = index.owner if isinstance(index, Index) else ("place", self.name, index)
        if self.inner.get_a(a, 0)[0] or self.inner.get_b(b, 0)[0]:
            self.log.twice.add(self.name)
        self.inner.put(a, b, number, int(index))
        self.owners[int(index)] = owner
        for which, key in (("a", a), ("b", b)):
            entry = ("key", self.name, which, self.inner.by_a.same(key))
            self.log.writes(*entry)
            self.log.same.join(owner, entry)

    def value(self, index: int, default: Any) -> Any:
        self.log.reads(*self.owners.get(int(index), ("place", self.name, int(index))))
        return self.inner.value(int(index), default)

    def erase(self, index: int) -> None:
        self.log.writes(*self.owners.pop(int(index), ("place", self.name, int(index))))
        self.inner.erase(int(index))


class _Global(_Watched):
    def __getitem__(self, n: int) -> int:
        self.log.reads("variable", self.name)
        return self.inner[n]  # type: ignore[no-any-return]

    def __setitem__(self, n: int, value: int) -> None:
        self.log.writes("variable", self.name)
        self.inner[n] = value


def watched(model: Model, log: Log, room: int) -> dict[str, Any]:
    """The objects of the sequential NF, which note what packets touch.

    ``room``: indices that allocators have, at most.  A domain is small, and fills no table: packets from elsewhere would.
    """
    found: dict[str, Any] = {}
    kinds = {Map: _Map, Vector: _Vector, Sketch: _Sketch, Dmap: _Dmap, Global: _Global}
    alone = model.objects(
        {c.name: ChainState(range(min(c.capacity, room + c.taken)), c.capacity) for c in model.chains}
    )
    for o in model.program.objects:
        if isinstance(o, Chain):
            found[o.name] = _Chain(alone[o.name], o.name, log)
        else:
            found[o.name] = alone[o.name] if isinstance(o, Lpm | Cht) else kinds[type(o)](alone[o.name], o.name, log)
        if isinstance(o, Dmap):
            found[o.name].owners = {}
    for o in model.program.objects:
        if isinstance(o, Vector):
            found[o.name].chains = {c.name: found[c.name] for c in model.chains}
    for s in statements(model.program.body):
        if isinstance(s, Expire | DmapExpire):
            found[s.map if isinstance(s, Expire) else s.dmap].aged = s.chain
    return found


def node_of(arrival: Arrival) -> Entry:
    """What a card tells packets apart by: the port, and the fields that it can hash where the frame has them."""
    view = view_of(arrival.frame)
    fields = VIEWS[view] if view else ()
    return (arrival.device, view, *(field_of(arrival.frame, f) for f in fields))


@dataclass(frozen=True)
class Graph:
    """``part``: packets that touch what somebody writes -> the part of the graph that they are in."""

    part: dict[Entry, Hashable]

    @property
    def falls_apart(self) -> bool:
        """Whether there is something to part packets by, on every port that comes here: a tenth of its packets, or more,
        are not in the largest part.  (Some that belong there have met nobody yet.)"""
        parts: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
        for node, part in self.part.items():
            parts[node[0]][part] += 1
        return all(10 * max(found.values()) <= 9 * found.total() for found in parts.values())


_WEAK = ("slot", "ages", "size")


def graph(program: Program, runs: Sequence[Sequence[Arrival]], apart: frozenset[str]) -> Graph:
    """The conflicts of all packets of these runs; objects of ``apart`` are left out."""
    model, log = Model(program), Log()
    for log.run, (arrivals, room) in enumerate(_watched_runs(runs, model)):
        objects = watched(model, log, room)
        for arrival in arrivals:
            log.begin(node_of(arrival), arrival.time)
            try:
                model.run(objects, arrival.device, bytearray(arrival.frame), arrival.time)
            except (Undefined, TypeError):  # the latter: a pointer that was never borrowed
                break
    return _joined(log, apart)


def _watched_runs(runs: Sequence[Sequence[Arrival]], model: Model) -> Iterator[tuple[Sequence[Arrival], int]]:
    """Runs, and how many indices allocators have in each: all; few, so that packets come to full tables; all, but only
    for two packets, so that nobody does (the cores of the NF that is parted have as much room together)."""
    room = max((c.capacity for c in model.chains), default=0)
    for arrivals in runs:
        yield arrivals, room
        if room:
            yield arrivals, FEW
    met: Counter[Entry] = Counter()
    for arrivals in runs:
        for p, q in zip(arrivals, (*arrivals[1:], *arrivals[:1]), strict=True):
            met[node_of(p)] += 1
            for order in _MEETINGS if met[node_of(p)] <= 2 else ():
                yield [replace(q if of else p, time=p.time + after) for of, after in order], room


def _joined(log: Log, apart: frozenset[str]) -> Graph:
    sets = log.same
    for entry in (e for e in (*log.readers, *log.writers) if e[0] == "key" and e[1] in log.twice):
        sets.join(entry, ("places", entry[1]))
    for entry, packet in log.old.found_out():
        log.writers[entry].add(packet)
    written = {sets.find(e) for e in log.writers if e[0] not in _WEAK}
    written |= {sets.find(e) for e in log.writers if e[0] in _WEAK and log.readers.get(e)}
    touching: set[Entry] = set()
    for accesses in (log.readers, log.writers):
        for entry, packets in accesses.items():
            if entry[1] in apart or sets.find(entry) not in written:
                continue
            touching |= packets
            for packet in packets:
                sets.join(("packet", packet), entry)
    return Graph({packet: sets.find(("packet", packet)) for packet in touching})
