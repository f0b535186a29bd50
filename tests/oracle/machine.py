"""Abstract objects, and the two machines: the sequential NF, and the NF parted by its plan.

The parted machine takes, of all choices that the printed relaxations leave, those that it makes (which allocation
fails, which index of its own range a core hands out); the sequential machine is then given the same choices
(`Guide`), and must send the very same frames.  So relaxations hide nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .interpreter import Normal, Process, normal, process
from .program import Chain, Cht, Dmap, Global, Lpm, Map, Object, Program, Sketch, Vector

Treatment = Literal["read-only", "sharded", "shared", "per-core"]


class Undefined(Exception):
    """The NF did what the API leaves undefined."""


class Diverged(Exception):
    """The sequential NF would not allocate as the parted one did."""


class MapState:
    """Entries with one hash lie in order of their puts; equality is asked of what the elements hold now."""

    def __init__(self, o: Map, same: Normal, spare: int = 0) -> None:
        self.same, self.capacity, self.size = same, o.capacity + spare, 0
        self.entries: dict[tuple[int, ...], list[tuple[Sequence[int], int]]] = {}

    def get(self, key: Sequence[int], index: int) -> tuple[int, int]:
        name = self.same(key)
        for stored, value in self.entries.get(name, ()):
            if self.same(stored) == name:
                return 1, value
        return 0, index

    def put(self, element: Sequence[int], value: int) -> None:
        if self.size >= self.capacity:
            raise Undefined("a full map")
        self.size += 1
        self.entries.setdefault(self.same(element), []).append((element, value))

    def erase(self, key: Sequence[int]) -> Sequence[int]:
        """Where the key lay."""
        name = self.same(key)
        found = self.entries.get(name, [])
        for n, (stored, _) in enumerate(found):
            if self.same(stored) == name:
                del found[n]
                self.size -= 1
                return stored
        raise Undefined("an absent key is erased")


class VectorState:
    def __init__(self, o: Vector, width: int, member: int, spare: int) -> None:
        _, factor, term = o.first or ("", 0, 0)
        self.elements = [[0] * width for _ in range(o.capacity + spare)]
        for n, element in enumerate(self.elements if o.first else ()):
            element[member] = factor * n + term & 0xFFFFFFFF

    def borrow(self, index: int) -> list[int]:
        if index >= len(self.elements):
            raise Undefined("an element behind the end")
        return self.elements[index]


class ChainState:
    """``free``: the next index comes last."""

    def __init__(self, indices: Sequence[int], end: int) -> None:
        self.free, self.end = list(reversed(indices)), end
        self.ages: OrderedDict[int, int] = OrderedDict()

    def allocate(self, index: int, now: int) -> tuple[int, int]:
        if not self.free:
            return 0, index
        return 1, self.take(self.free.pop(), now)

    def take(self, index: int, now: int) -> int:
        self.ages[index] = now
        return index

    def rejuvenate(self, index: int, now: int) -> None:
        if index in self.ages:
            self.ages[index] = now
            self.ages.move_to_end(index)

    def is_allocated(self, index: int) -> int:
        if index >= self.end:
            raise Undefined("an index behind the end")
        return int(index in self.ages)

    def free_index(self, index: int) -> None:
        if index in self.ages:
            del self.ages[index]
            self.free.append(index)

    def expire(self, before: int) -> Iterator[int]:
        while self.ages:
            index, age = next(iter(self.ages.items()))
            if age >= before:
                return
            self.free_index(index)
            yield index

    def expire_one(self, index: int, before: int) -> tuple[int, int]:
        for gone in self.expire(before):
            return 1, gone
        return 0, index


class RecordedChain(ChainState):
    """One core's share of an allocator; ``record`` gets what it hands out."""

    def __init__(self, indices: Sequence[int], end: int, name: str, record: list[tuple[str, int | None]]) -> None:
        super().__init__(indices, end)
        self.name, self.record = name, record

    def allocate(self, index: int, now: int) -> tuple[int, int]:
        done, got = super().allocate(index, now)
        self.record.append((self.name, got if done else None))
        return done, got


class GuidedChain(ChainState):
    """The sequential NF's allocator, which fails where a core's share was full; ``ranged``: and takes the core's index.

    ``end`` may be above the capacity, where cores' shares do not divide it.  What the NF does with an index from there
    on is not defined: no core has one, and the NF may rely on that (``i & 15``).
    """

    def __init__(self, c: Chain, end: int, guide: Iterator[tuple[str, int | None]], ranged: bool) -> None:
        super().__init__(range(end), end)
        self.name, self.capacity, self.guide, self.ranged = c.name, c.capacity, guide, ranged

    def allocate(self, index: int, now: int) -> tuple[int, int]:
        name, got = next(self.guide, (None, None))
        if name != self.name:
            raise Diverged(f"it allocates of {self.name}, the parted one of {name}")
        if got is None:
            return 0, index
        if not self.ranged:
            done, index = super().allocate(index, now)
            if done and index >= self.capacity:
                raise Undefined("more entries than the NF's own table has")
            return done, index
        if got not in self.free:
            raise Diverged(f"index {got} of {self.name} has two owners")
        self.free.remove(got)
        return 1, self.take(got, now)


class SketchState:
    """Without collisions: the relaxation leaves open which keys collide."""

    def __init__(self, o: Sketch, same: Normal) -> None:
        self.same, self.threshold, self.key = same, o.threshold, ()
        self.counts: OrderedDict[tuple[int, ...], list[int]] = OrderedDict()

    def compute(self, key: Sequence[int]) -> None:
        self.key = self.same(key)

    def refresh(self, now: int) -> None:
        if self.key in self.counts:
            self.counts[self.key][1] = now
            self.counts.move_to_end(self.key)

    def fetch(self) -> int:
        return int(self.key in self.counts and self.counts[self.key][0] > self.threshold)

    def touch(self, now: int) -> int:
        count = self.counts.pop(self.key, [-1])[0]
        self.counts[self.key] = [count + 1, now]
        return 1

    def expire(self, before: int) -> None:
        while self.counts:
            key, (_, age) = next(iter(self.counts.items()))
            if age >= before:
                return
            del self.counts[key]


class LpmState:
    def __init__(self, o: Lpm) -> None:
        self.rules = sorted(o.rules, key=lambda rule: -rule[1])

    def look_up(self, address: int) -> int:
        for prefix, length, value in self.rules:
            if length == 0 or (address ^ prefix) >> (32 - length) == 0:
                return value
        return 0xFFFF


class ChtState:
    def __init__(self, o: Cht) -> None:
        height, backends = o.height, o.backends
        self.rows: list[list[int]] = [[] for _ in range(height)]
        for i in range(height):
            for j in range(backends):
                self.rows[(31 * j % height + (j % (height - 1) + 1) * i) % height].append(j)

    def find(self, hash_: int, chain: ChainState, chosen: int) -> tuple[int, int]:
        for backend in self.rows[hash_ % len(self.rows)]:
            if chain.is_allocated(backend):
                return 1, backend
        return 0, chosen


class DmapState:
    """Keys lie in the values' places, where the next value of the index replaces them."""

    def __init__(self, o: Dmap, same: Normal) -> None:
        plain = Map(o.name, o.struct, o.capacity)
        self.by_a, self.by_b, self.capacity = MapState(plain, same), MapState(plain, same), o.capacity
        self.places: list[tuple[list[int], list[int]]] = [([], []) for _ in range(o.capacity)]
        self.numbers: dict[int, int] = {}

    def get_a(self, key: Sequence[int], index: int) -> tuple[int, int]:
        return self.by_a.get(key, index)

    def get_b(self, key: Sequence[int], index: int) -> tuple[int, int]:
        return self.by_b.get(key, index)

    def put(self, a: Sequence[int], b: Sequence[int], number: int, index: int) -> None:
        if index >= self.capacity or index in self.numbers:
            raise Undefined("the place of a double map is taken")
        for place, key, found in zip(self.places[index], (a, b), (self.by_a, self.by_b), strict=True):
            place[:] = key
            found.put(place, index)
        self.numbers[index] = number

    def value(self, index: int, default: Any) -> Any:
        if index not in self.numbers:
            raise Undefined("a double map has no such value")
        a, b = self.places[index]
        return tuple(a), tuple(b), self.numbers[index]

    def erase(self, index: int) -> None:
        if index in self.numbers:
            del self.numbers[index]
            self.by_a.erase(self.places[index][0])
            self.by_b.erase(self.places[index][1])


@dataclass(frozen=True)
class Verdict:
    """``output``: the port; the input port: dropped."""

    output: int
    frame: bytes


@dataclass(frozen=True)
class Arrival:
    device: int
    time: int
    frame: bytes


@dataclass
class Model:
    """A program, made ready to run; ``sketch``: the class of its sketches."""

    program: Program
    sketch: Callable[[Sketch, Normal], Any] = SketchState
    run: Process = field(init=False)
    same: dict[str, Normal] = field(init=False)

    def __post_init__(self) -> None:
        self.run = process(self.program)
        self.same = {s.name: normal(s) for s in self.program.structs}

    def objects(self, chains: dict[str, ChainState], spare: Mapping[str, int] | None = None) -> dict[str, Any]:
        """A set of objects as set-up leaves them, with these allocators, and with ``spare`` entries by name."""
        made: dict[str, Any] = {}
        for o in self.program.objects:
            made[o.name] = chains[o.name] if isinstance(o, Chain) else self._made(o, (spare or {}).get(o.name, 0))
            if isinstance(o, Chain):
                for _ in range(o.taken):
                    ChainState.allocate(made[o.name], 0, 0)
        for o in self.program.objects:
            if isinstance(o, Map) and o.filled:
                vector, n = o.filled
                for i in range(n):
                    made[o.name].put(made[vector].elements[i], i)
        return made

    def _made(self, o: Object, spare: int) -> Any:
        match o:
            case Map():
                return MapState(o, self.same[o.struct], spare)
            case Vector():
                struct = self.program.struct(o.struct)
                member = struct.position(o.first[0]) if o.first else 0
                return VectorState(o, len(struct.members), member, spare)
            case Sketch():
                return self.sketch(o, self.same[o.struct])
            case Lpm():
                return LpmState(o)
            case Cht():
                return ChtState(o)
            case Dmap():
                return DmapState(o, self.same[o.struct])
            case Global():
                return [o.first]
        raise AssertionError(o)

    def handled(self, objects: dict[str, Any], arrival: Arrival) -> Verdict:
        frame = bytearray(arrival.frame)
        try:
            output = self.run(objects, arrival.device, frame, arrival.time)
        except TypeError:
            raise Undefined("a pointer that was never borrowed") from None
        return Verdict(output, b"" if output == arrival.device else bytes(frame))

    @property
    def chains(self) -> list[Chain]:
        return [o for o in self.program.objects if isinstance(o, Chain)]

    def alone(self) -> dict[str, Any]:
        """The objects of the sequential NF."""
        return self.objects({c.name: ChainState(range(c.capacity), c.capacity) for c in self.chains})


@dataclass(frozen=True)
class Decision:
    """What the plan says of an object."""

    treatment: Treatment
    split: bool = False
    ranged: bool = False


@dataclass
class Parted:
    """``decisions``: by name; what is not there is read-only."""

    model: Model
    decisions: dict[str, Decision]
    cores: int
    record: list[tuple[str, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shared = self.model.alone()
        self.sets = []
        for core in range(self.cores):
            own = self.model.objects({c.name: self._chain(c, core) for c in self.model.chains})
            self.sets.append({name: shared[name] if self._treatment(name) == "shared" else own[name] for name in own})

    def _treatment(self, name: str) -> Treatment:
        return self.decisions[name].treatment if name in self.decisions else "read-only"

    def _chain(self, c: Chain, core: int) -> ChainState:
        """As the runtime parts it: a range of its own, or a share of as many indices as it takes, from 0 on."""
        decision = self.decisions.get(c.name, Decision("read-only"))
        if decision.ranged:
            mine: Sequence[int] = range(core * c.capacity // self.cores, (core + 1) * c.capacity // self.cores)
        elif decision.split:
            mine = range(-(-c.capacity // self.cores))
        else:
            return ChainState(range(c.capacity), c.capacity)
        return RecordedChain(mine, c.capacity, c.name, self.record)

    def handled(self, core: int, arrival: Arrival) -> Verdict:
        """``record`` is then what the packet allocated of allocators that are split."""
        self.record.clear()
        return self.model.handled(self.sets[core], arrival)


def guided(
    model: Model, decisions: dict[str, Decision], cores: int, guide: Iterator[tuple[str, int | None]]
) -> dict[str, Any]:
    """The sequential NF's objects, whose split allocators follow the guide; they have the cores' shares together."""
    chains: dict[str, ChainState] = {}
    for c in model.chains:
        decision = decisions.get(c.name, Decision("read-only"))
        if decision.split or decision.ranged:
            end = c.capacity if decision.ranged else -(-c.capacity // cores) * cores
            chains[c.name] = GuidedChain(c, end, guide, decision.ranged)
        else:
            chains[c.name] = ChainState(range(c.capacity), c.capacity)
    # What is shared is as large as the NF says: where it overflows, it does on the cores, too.
    return model.objects(
        chains, {name: cores for name, decision in decisions.items() if decision.treatment == "sharded"}
    )
