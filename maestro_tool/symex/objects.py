"""State objects as they come into being in set-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from maestro_tool.expr import nodes
from maestro_tool.operations import ObjectKind
from maestro_tool.symex.callpath import KeyField, KeyShape
from maestro_tool.symex.memory import Memory

_BACKEND = 4  # bytes of a number in a consistent hashing table


@dataclass(frozen=True, slots=True)
class PairFunctions:
    """What a double map was given: names of the NF's functions.  ``keys``: (equality, hash) of the first key and of
    the second; ``destroy`` may be missing."""

    keys: tuple[tuple[str, str], tuple[str, str]]
    copy: str
    destroy: str | None
    extract: str


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of an object's keys: as `StateObject.key`, and where that is None as `StateObject.shapes`."""

    fields: tuple[KeyField, ...] | None
    shapes: tuple[KeyShape, ...] = ()


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What is known of a double map's keys: as `StateObject.shapes`, `StateObject.key_offsets`, `StateObject.pair`."""

    shapes: tuple[KeyShape, KeyShape]
    offsets: tuple[int, int] | None
    fields: tuple[tuple[KeyField, ...], tuple[KeyField, ...]] | None = None


@dataclass(frozen=True)
class Preferences:
    """What ``cht_fill_cht`` puts into a vector: ``height`` rows of all ``backends``, in each row in another order.

    Backend j comes next in row (31 j mod height) + (j mod (height - 1) + 1) i mod height, for i = 0, 1, 2 ...
    """

    height: int
    backends: int

    @cached_property
    def _table(self) -> dict[int, int]:
        """Entry -> backend; not all entries if the height is no prime."""
        filled = [0] * self.height
        table: dict[int, int] = {}
        for i in range(self.height):
            for j in range(self.backends):
                row = (31 * j + (j % (self.height - 1) + 1) * i) % self.height
                if filled[row] < self.backends:
                    table[row * self.backends + filled[row]] = j
                    filled[row] += 1
        return table

    def put(self, memory: Memory, block: int, index: int) -> None:
        """Write element ``index``, which is ``block``, if it is one of the table's."""
        if index in self._table:
            memory.writable(block).store(0, _BACKEND, nodes.const(self._table[index], 8 * _BACKEND))


@dataclass(slots=True)
class Buckets:
    """What set-up counted in a sketch.  ``rows``: allocators of slots.  ``of``: hash -> (row that owns it, slot);
    ``counts`` by (row that counted, slot); ``hashes`` of the key at hand, by row."""

    threshold: int
    rows: tuple[ObjectInfo, ...]
    of: dict[int, tuple[int, int]] = field(default_factory=dict)
    counts: dict[tuple[int, int], int] = field(default_factory=dict)
    hashes: tuple[int, ...] | None = None


@dataclass(slots=True)
class ObjectInfo:
    """An allocated object; ``equality``, ``hash`` and ``initialise`` are names of the NF's functions.

    ``contents`` is what set-up itself put in: of maps, key bytes -> value; of vectors, index -> block number;
    of index allocators, the indexes in use, the oldest first -> time; of double maps, index -> block number.
    ``key_places`` of maps: where the keys of set-up lie, block -> bytes.  ``again`` of maps: keys that were put though
    they were there, and their values.  ``freed`` of index allocators: in the order in which they were freed.  ``pairs``
    of double maps; ``preferences`` of vectors: the consistent hashing table that set-up made of one.  ``buckets`` of
    sketches.  ``blocks`` of routing tables: upper 24 bits of prefixes that are longer.
    """

    kind: ObjectKind
    loc: int
    capacity: int | None = None
    element_size: int | None = None
    equality: str | None = None
    hash: str | None = None
    initialise: str | None = None
    key: tuple[KeyField, ...] | None = None
    shapes: tuple[KeyShape, ...] = ()
    key_offsets: tuple[int, int] | None = None
    pair: tuple[tuple[KeyField, ...], tuple[KeyField, ...]] | None = None
    contents: dict[object, int] = field(default_factory=dict)
    key_places: dict[int, set[int]] = field(default_factory=dict)
    again: list[tuple[object, int]] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)
    pairs: PairFunctions | None = None
    preferences: Preferences | None = None
    buckets: Buckets | None = None
    blocks: set[int] = field(default_factory=set)

    @property
    def filled(self) -> int:
        """Entries or indexes that set-up left in a map or index allocator; buckets of a sketch."""
        if self.buckets is not None:
            return len(self.buckets.of)
        return len(self.contents) + len(self.again) if self.kind in ("map", "dchain") else 0

    @property
    def functions(self) -> tuple[str, ...]:
        """What a map was given, its equality and its hash; a sketch has the latter only; a double map two pairs."""
        if self.pairs is not None:
            return tuple(f for pair in self.pairs.keys for f in pair)
        return tuple(f for f in (self.equality, self.hash) if f is not None)
