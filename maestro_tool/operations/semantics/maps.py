"""Maps from keys to numbers, which keep the places of their keys."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from maestro_tool.operations.semantics.call import DONE, Call, Key, Outcome
from maestro_tool.operations.semantics.vectors import Vector

#: The key that lies in some bytes.
View = Callable[[bytes], Key]
Equality = Callable[[Key, Key], bool]
Hash = Callable[[Key], Hashable]


def itself(key: Key) -> Hashable:
    """The hash of a map whose hash function gives no two keys one number."""
    return key


@dataclass(frozen=True, slots=True)
class Entry:
    """``home``: where the key lies, if that is a vector's element; else the key stays ``key``.  ``hash``: of the key
    that was put, which the map does not calculate again."""

    key: Key
    home: tuple[Vector, int] | None
    hash: Hashable
    value: int


class Map:
    """At most ``capacity`` entries, in the order in which they were put.

    ``view``: how a key lies in an element of a vector.  ``equal`` and ``hash``: the NF's functions, on keys as
    operations name them.  A key is found if both agree: `itself` will do for a hash that depends on the key alone
    (equal keys have equal hashes) where no key changes while it is in the map.
    """

    def __init__(self, capacity: int, view: View, equal: Equality = operator.eq, hash: Hash = itself) -> None:
        self.capacity, self.view, self._equal, self._hash = capacity, view, equal, hash
        self.entries: list[Entry] = []
        self._of_hash: dict[Hashable, list[Entry]] = {}

    def stored_key(self, entry: Entry) -> Key:
        """The key of an entry, as it is now."""
        return entry.key if entry.home is None else self.view(entry.home[0].element(entry.home[1]))

    def find(self, key: Key) -> Entry | None:
        """Of equal keys, the one put first."""
        candidates = self._of_hash.get(self._hash(key), ())
        return next((e for e in candidates if self._equal(self.stored_key(e), key)), None)

    def put(self, key: Key, value: int, home: tuple[Vector, int] | None = None) -> None:
        if len(self.entries) >= self.capacity:
            return
        entry = Entry(key, home, self._hash(key), value)
        self.entries.append(entry)
        self._of_hash.setdefault(entry.hash, []).append(entry)

    def erase(self, key: Key) -> None:
        entry = self.find(key)
        if entry is None:
            return
        # By identity: two entries may be equal.
        for entries in (self.entries, self._of_hash[entry.hash]):
            del entries[next(n for n, e in enumerate(entries) if e is entry)]


def fields(parts: Sequence[tuple[int, int, tuple[int, int] | None]]) -> View:
    """The view of keys that are compared field by field.

    A part is (offset, size, bits): its bytes, the first in the most significant place; or, if not all of these bytes
    count, ``bits`` = (first, width) of them as a little-endian number, as bit-fields lie.  Bits that make whole bytes
    are read as bytes again.
    """

    def number(content: bytes, bits: tuple[int, int] | None) -> int:
        if bits is None:
            return int.from_bytes(content, "big")
        first, width = bits
        found = int.from_bytes(content, "little") >> first & ((1 << width) - 1)
        return found if width % 8 else int.from_bytes(found.to_bytes(width // 8, "little"), "big")

    return lambda content: tuple(number(content[offset : offset + size], bits) for offset, size, bits in parts)


def map_get(call: Call) -> Outcome:
    """Ensures: the answer is whether a key in the map is equal to ``key`` and has its hash; then ``value`` is the
    number of the one put first."""
    (table,) = call.objects
    entry = table.find(call.key)
    return Outcome(False) if entry is None else Outcome(True, {"value": entry.value})


def map_put(call: Call) -> Outcome:
    """Requires: ``key`` lies at ``key_home``, if that is given; else where nothing changes it.

    Ensures: a new entry, even if there is one of this key; if the map is full, nothing changes.
    """
    (table,) = call.objects
    table.put(call.key, call.value, call.key_home)
    return DONE


def map_erase(call: Call) -> Outcome:
    """Ensures: the entry that `map_get` finds is gone; if there is none, nothing changes."""
    (table,) = call.objects
    table.erase(call.key)
    return DONE


def map_size(call: Call) -> Outcome:
    """Ensures: ``value`` is the number of entries."""
    (table,) = call.objects
    return Outcome(produced={"value": len(table.entries)})
