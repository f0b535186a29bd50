"""What the models in `nf_models` remember things in: libVig's structures once more, in plain Python."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")


def forget(last_used: OrderedDict[K, int], before: int) -> list[K]:
    """Removes the keys that were not used since ``before``, the oldest first."""
    gone = []
    while last_used and next(iter(last_used.values())) < before:
        gone.append(last_used.popitem(last=False)[0])
    return gone


def use(last_used: OrderedDict[K, int], key: K, now: int) -> None:
    last_used[key] = now
    last_used.move_to_end(key)


class Indices:
    """Free numbers 0, 1, 2 ...; the one that was freed last is the next to be taken (NF_API: dchain)."""

    def __init__(self, count: int) -> None:
        self._free = list(range(count))[::-1]

    def take(self) -> int | None:
        return self._free.pop() if self._free else None

    def free(self, index: int) -> None:
        self._free.append(index)


def crc32c(data: bytes, crc: int = 0) -> int:
    """As the CRC32 instruction computes it: polynomial 0x1EDC6F41, reflected, nothing inverted."""
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def _crc32c_table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in table]
    return table


_CRC32C = _crc32c_table()


#: Of the rows of a sketch (NF_API: sketch).
SALTS = (0x9B78350F, 0x9BCF144C, 0x8AB29A3E, 0x34D48BF5)


class Sketch:
    """libVig's count-min sketch (NF_API_MORE, "sketch: precise").

    One table for all rows says which slot a value has; the row that sees a value first takes the slot from its own, and
    its clock alone ends the value.  Each row counts at that slot of its own.
    """

    def __init__(self, capacity: int, threshold: int) -> None:
        self._capacity, self._threshold = capacity, threshold
        self.slot_of: dict[int, int] = {}
        self.counts = [[0] * capacity for _ in SALTS]
        self.last_used = [OrderedDict[int, int]() for _ in SALTS]  # slots in use
        self._free = [Indices(capacity) for _ in SALTS]
        self._owned: list[dict[int, int]] = [{} for _ in SALTS]  # slot -> value

    def values(self, key: bytes) -> list[int]:
        return self.values_of_hash(crc32c(key))

    def values_of_hash(self, of_key: int) -> list[int]:
        words = [salt.to_bytes(4, "little") + of_key.to_bytes(4, "little") for salt in SALTS]
        return [crc32c(word) % self._capacity for word in words]

    def expire(self, before: int) -> None:
        for row, last_used in enumerate(self.last_used):
            for slot in forget(last_used, before):
                del self.slot_of[self._owned[row].pop(slot)]
                self._free[row].free(slot)

    def _used(self, row: int, slot: int, now: int) -> None:
        if slot in self.last_used[row]:  # the slot is another row's, maybe
            use(self.last_used[row], slot, now)

    def refresh(self, values: list[int], now: int) -> None:
        for row, value in enumerate(values):
            if value in self.slot_of:
                self._used(row, self.slot_of[value], now)

    def above(self, values: list[int]) -> bool:
        present = [self.counts[row][self.slot_of[value]] for row, value in enumerate(values) if value in self.slot_of]
        return bool(present) and min(present) > self._threshold

    def touch(self, values: list[int], now: int) -> None:
        for row, value in enumerate(values):
            if value in self.slot_of:
                self.counts[row][self.slot_of[value]] += 1
                self._used(row, self.slot_of[value], now)
                continue
            slot = self._free[row].take()
            assert slot is not None  # "no row can be full when a value is absent"
            self.slot_of[value], self._owned[row][slot], self.counts[row][slot] = slot, value, 0
            use(self.last_used[row], slot, now)


def maglev_rows(height: int, backends: int) -> list[list[int]]:
    """Each row lists all backends, the preferred first (NF_API: cht)."""
    rows: list[list[int]] = [[] for _ in range(height)]
    for i in range(height):
        for j in range(backends):
            rows[(31 * j + (j % (height - 1) + 1) * i) % height].append(j)
    return rows
