"""Who meets whom: an NF's objects, watched while packets of a small domain come by, and the graph of their conflicts.

An entry is what two packets may have in common: a key of a map, an element, a variable, an index from its allocation
until it is free.  What relaxations leave open is no conflict: which index is free, that old entries end, that a share
is full.  Indices are known wherever they go (`Index`), so that entries are known by the allocation and not by a number
that somebody else has tomorrow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .assignment import VIEWS, Sets, field_of, view_of
from .machine import Arrival, ChainState, Model, Undefined
from .program import Chain, Cht, Dmap, Global, Lpm, Map, Program, Sketch, Vector

#: What packets touch.
Entry = tuple[Hashable, ...]


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
    """Accesses of all packets, by entry.  ``weak``: entries that are only in conflict where one reads and another
    writes; ``quiet``: while old entries are ended."""

    readers: dict[Entry, set[Entry]] = field(default_factory=lambda: defaultdict(set))
    writers: dict[Entry, set[Entry]] = field(default_factory=lambda: defaultdict(set))
    same: Sets = field(default_factory=Sets)
    packet: Entry = ()
    run: int = 0
    made: int = 0
    quiet: int = 0

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
    def get(self, key: Sequence[int], index: int) -> tuple[int, int]:
        self.log.reads("key", self.name, self.inner.same(key))
        return self.inner.get(key, index)  # type: ignore[no-any-return]

    def put(self, element: Any, value: int) -> None:
        name = self.inner.same(_plain(element))
        self.log.writes("key", self.name, name)
        self.log.writes("size", self.name)
        if isinstance(value, Index):
            self.log.same.join(value.owner, ("key", self.name, name))
        self.inner.put(_plain(element), value)

    def erase(self, key: Any) -> Any:
        self.log.writes("key", self.name, self.inner.same(_plain(key)))
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
            return _Element(element, ("element", self.name, index.owner, int(index)), self.log)
        owner = self.chain.owners.get(index) if self.chain else None
        return _Element(element, ("element", self.name, owner, index), self.log)


class _Chain(_Watched):
    def __init__(self, inner: ChainState, name: str, log: Log) -> None:
        super().__init__(inner, name, log)
        self.owners: dict[int, Entry] = {}

    def allocate(self, index: int, now: int) -> tuple[int, int]:
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
        if int(index) in self.inner.ages:
            self.log.writes(*self._owner(index))
            self.log.writes("ages", self.name)
        else:
            self.log.reads("slot", self.name, int(index))
        self.inner.rejuvenate(int(index), now)

    def is_allocated(self, index: int) -> int:
        self.log.reads("slot", self.name, int(index))
        self.log.reads(*self._owner(index))
        return self.inner.is_allocated(int(index))  # type: ignore[no-any-return]

    def free_index(self, index: int) -> None:
        self.log.writes(*self._owner(index))
        self.log.writes("slot", self.name, int(index))
        self.inner.free_index(int(index))

    def expire(self, before: int) -> Iterator[int]:
        for index in self.inner.expire(before):
            self.log.quiet += 1
            yield index
            self.log.quiet -= 1

    def expire_one(self, index: int, before: int) -> tuple[int, int]:
        self.log.reads("ages", self.name)
        done, got = self.inner.expire_one(int(index), before)
        return done, (Index.of(got, self.owners[got]) if done and got in self.owners else index)


class _Sketch(_Watched):
    def compute(self, key: Sequence[int]) -> None:
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
        self.inner.expire(before)


class _Dmap(_Watched):
    owners: dict[int, Entry]

    def _get(self, which: str, key: Sequence[int], index: int) -> tuple[int, int]:
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


def watched(model: Model, log: Log) -> dict[str, Any]:
    """The objects of the sequential NF, which note what packets touch."""
    found: dict[str, Any] = {}
    kinds = {Map: _Map, Vector: _Vector, Sketch: _Sketch, Dmap: _Dmap, Global: _Global}
    alone = model.alone()
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
        """Whether there is something to part packets by, on every port that comes here."""
        parts: dict[Hashable, set[Hashable]] = defaultdict(set)
        for node, part in self.part.items():
            parts[node[0]].add(part)
        return all(len(found) > 1 for found in parts.values())


_WEAK = ("slot", "ages", "size")


def graph(program: Program, runs: Sequence[Sequence[Arrival]], apart: frozenset[str]) -> Graph:
    """The conflicts of all packets of these runs; objects of ``apart`` are left out."""
    model, log = Model(program), Log()
    for n, arrivals in enumerate(runs):
        objects, log.run = watched(model, log), n
        for arrival in arrivals:
            log.packet = node_of(arrival)
            try:
                model.run(objects, arrival.device, bytearray(arrival.frame), arrival.time)
            except Undefined:
                break
    return _joined(log, apart)


def _joined(log: Log, apart: frozenset[str]) -> Graph:
    sets = log.same
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
