"""Count-min sketches of four rows, whose buckets expire."""

from __future__ import annotations

from collections.abc import Callable

from maestro_tool.operations.semantics.call import DONE, Call, Key, Outcome, UndefinedError, signed
from maestro_tool.operations.semantics.chains import Dchain

_SALTS = (0x9B78350F, 0x9BCF144C, 0x8AB29A3E, 0x34D48BF5)


class Sketch:
    """A bucket is named by what a row makes of a key's hash, whichever row made it; that row's chain has its age.

    ``counts``: name -> count.  ``rows``: a chain for each row; ``owners``: name -> (row, index in its chain).
    """

    def __init__(self, capacity: int, threshold: int, hash: Callable[[Key], int]) -> None:
        self.capacity, self.threshold, self._hash = capacity, threshold, hash
        self.rows = tuple(Dchain(capacity) for _ in _SALTS)
        self.counts: dict[int, int] = {}
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

    def refresh(self, name: int, time: int) -> None:
        row, index = self.owners[name]
        self.rows[row].refresh(index, time)

    def create(self, row: int, name: int, time: int) -> bool:
        index = self.rows[row].allocate(time)
        if index is None:
            return False
        self.counts[name], self.owners[name] = 0, (row, index)
        return True

    def expire(self, bound: int) -> None:
        name_of = {owner: name for name, owner in self.owners.items()}
        for row, chain in enumerate(self.rows):
            while (index := chain.expire_one(bound)) is not None:
                name = name_of[row, index]
                del self.counts[name], self.owners[name]


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
    Ensures: its buckets, as far as there are any, are the newest, in the order of rows."""
    (sketch,) = call.objects
    for name in sketch.names_at_hand(call.key):
        if name in sketch.counts:
            sketch.refresh(name, signed(call.value, 64))
    return DONE


def sketch_fetch(call: Call) -> Outcome:
    """Requires: ``key`` is the one at hand.
    Ensures: the answer is whether it has buckets, and the smallest count of these is above the threshold."""
    (sketch,) = call.objects
    counts = [sketch.counts[name] for name in sketch.names_at_hand(call.key) if name in sketch.counts]
    return Outcome(bool(counts) and min(counts) > sketch.threshold)


def sketch_touch_buckets(call: Call) -> Outcome:
    """Requires: as `sketch_refresh`.

    Ensures: row by row, the key's bucket counts one more and is the newest; if there was none, it is a new one that
    has counted 0.  Where a row has no room for a new one, the answer is no, and the rows behind it stay as they are.
    """
    (sketch,) = call.objects
    time = signed(call.value, 64)
    for row, name in enumerate(sketch.names_at_hand(call.key)):
        if name in sketch.counts:
            sketch.counts[name] += 1
            sketch.refresh(name, time)
        elif not sketch.create(row, name, time):
            return Outcome(False)
    return Outcome(True)


def sketch_expire(call: Call) -> Outcome:
    """Ensures: buckets last used before ``value`` are gone."""
    (sketch,) = call.objects
    sketch.expire(signed(call.value, 64))
    return DONE
