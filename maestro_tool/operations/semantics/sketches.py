"""Count-min sketches of four rows, whose buckets expire."""

from __future__ import annotations

from collections.abc import Callable

from maestro_tool.operations.semantics.call import DONE, Call, Key, Outcome, UndefinedError, signed
from maestro_tool.operations.semantics.chains import Dchain

_SALTS = (0x9B78350F, 0x9BCF144C, 0x8AB29A3E, 0x34D48BF5)


class Sketch:
    """A name is what a row makes of a key's hash.  The row that saw it first owns it: a slot out of its own chain,
    which has the name's age.  All rows share names and slots, but each counts in a place of its own: (row, slot).

    ``rows``: a chain of slots for each row; ``owners``: name -> (row, slot); ``counts``: (row, slot) -> count, 0 if
    nobody counted there.  A count outlives the name that it was for.
    """

    def __init__(self, capacity: int, threshold: int, hash: Callable[[Key], int]) -> None:
        self.capacity, self.threshold, self._hash = capacity, threshold, hash
        self.rows = tuple(Dchain(capacity) for _ in _SALTS)
        self.counts: dict[tuple[int, int], int] = {}
        self.owners: dict[int, tuple[int, int]] = {}
        self.key: Key | None = None

    def names(self, key: Key) -> list[int]:
        """The buckets of a key, one for each row; some may be the same."""
        hash_ = self._hash(key)
        return [_crc32c(_crc32c(0, salt), hash_) % self.capacity for salt in _SALTS]

    def names_at_hand(self, key: Key) -> list[int]:
        if key != self.key:
            raise UndefinedError("the sketch has the hashes of another key")
        return self.names(key)

    def places(self, key: Key) -> list[tuple[int, int]]:
        """Where the rows count the key at hand, of those that know their names."""
        return [(row, self.owners[n][1]) for row, n in enumerate(self.names_at_hand(key)) if n in self.owners]

    def create(self, row: int, name: int, time: int) -> None:
        slot = self.rows[row].allocate(time)
        assert slot is not None  # there are as many slots in a row as names, and each has one owner
        self.counts[row, slot], self.owners[name] = 0, (row, slot)

    def expire(self, bound: int) -> None:
        name_of = {owner: name for name, owner in self.owners.items()}
        for row, chain in enumerate(self.rows):
            while (index := chain.expire_one(bound)) is not None:
                del self.owners[name_of[row, index]]


def _crc32c(crc: int, word: int) -> int:
    """As the CRC32 instruction does it: polynomial 0x1EDC6F41, reflected, nothing inverted."""
    crc ^= word & 0xFFFFFFFF
    for _ in range(32):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def sketch_compute_hashes(call: Call) -> Outcome:
    """Ensures: the next operations are about ``key``."""
    (sketch,) = call.objects
    sketch.key = call.key
    return DONE


def sketch_refresh(call: Call) -> Outcome:
    """Requires: ``key`` is the one at hand; ``value`` is no time before that of another use.
    Ensures: the slots where it counts, as far as there are any, are the newest of their rows."""
    (sketch,) = call.objects
    for row, slot in sketch.places(call.key):
        sketch.rows[row].refresh(slot, signed(call.value, 64))  # unless it is in use in another row only
    return DONE


def sketch_fetch(call: Call) -> Outcome:
    """Requires: ``key`` is the one at hand.
    Ensures: the answer is whether it counts anywhere, and the smallest of these counts is above the threshold."""
    (sketch,) = call.objects
    counts = [sketch.counts.get(place, 0) for place in sketch.places(call.key)]
    return Outcome(bool(counts) and min(counts) > sketch.threshold)


def sketch_touch_buckets(call: Call) -> Outcome:
    """Requires: as `sketch_refresh`.

    Ensures: row by row, the key counts one more where the slot of its name is in this row, and the slot is the newest;
    if the name was not known, it is now, with a new slot of this row, which has counted 0.  The answer is yes.
    """
    (sketch,) = call.objects
    time = signed(call.value, 64)
    for row, name in enumerate(sketch.names_at_hand(call.key)):
        if name in sketch.owners:
            slot = sketch.owners[name][1]
            sketch.counts[row, slot] = sketch.counts.get((row, slot), 0) + 1
            sketch.rows[row].refresh(slot, time)
        else:
            sketch.create(row, name, time)
    return Outcome(True)


def sketch_expire(call: Call) -> Outcome:
    """Ensures: names are gone whose rows did not use their slots since ``value``; what was counted there stays."""
    (sketch,) = call.objects
    sketch.expire(signed(call.value, 64))
    return DONE
