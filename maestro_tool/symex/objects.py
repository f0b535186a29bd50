"""State objects as they come into being in set-up."""

from __future__ import annotations

from dataclasses import dataclass, field

from maestro_tool.symex.callpath import KeyField, ObjectKind


@dataclass(slots=True)
class ObjectInfo:
    """An allocated object; ``equality``, ``hash`` and ``initialise`` are names of the NF's functions.

    ``contents`` is what set-up itself put in: of maps, key bytes -> value; of vectors, index -> block number;
    of index allocators, the indexes in use, the oldest first -> time; of double maps, the indexes.
    ``key_places`` of maps: where the keys of set-up lie, block -> bytes.  ``again`` of maps: keys that were put though
    they were there.  ``freed`` of index allocators: in the order in which they were freed.
    """

    kind: ObjectKind
    loc: int
    capacity: int | None = None
    element_size: int | None = None
    equality: str | None = None
    hash: str | None = None
    initialise: str | None = None
    key: tuple[KeyField, ...] | None = None
    contents: dict[object, int] = field(default_factory=dict)
    key_places: dict[int, set[int]] = field(default_factory=dict)
    again: list[object] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Entries or indexes that set-up left in a map or index allocator."""
        return len(self.contents) + len(self.again) if self.kind in ("map", "dchain") else 0

    @property
    def functions(self) -> tuple[str, ...]:
        """What a map was given, its equality and its hash; a sketch has the latter only."""
        return tuple(f for f in (self.equality, self.hash) if f is not None)
