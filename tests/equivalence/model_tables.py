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
    """libVig's count-min sketch: a bucket is named by its hash value alone, whichever row made it."""

    def __init__(self, capacity: int, threshold: int) -> None:
        self._capacity, self._threshold = capacity, threshold
        self._counts: dict[int, int] = {}
        self._row_of: dict[int, int] = {}
        self._last_used = [OrderedDict[int, int]() for _ in SALTS]

    def values(self, key: bytes) -> list[int]:
        of_key = crc32c(key).to_bytes(4, "little")
        return [crc32c(salt.to_bytes(4, "little") + of_key) % self._capacity for salt in SALTS]

    def expire(self, before: int) -> None:
        for rows in self._last_used:
            for value in forget(rows, before):
                del self._counts[value], self._row_of[value]

    def refresh(self, values: list[int], now: int) -> None:
        for value in values:
            if value in self._row_of:
                use(self._last_used[self._row_of[value]], value, now)

    def above(self, values: list[int]) -> bool:
        present = [self._counts[value] for value in values if value in self._counts]
        return bool(present) and min(present) > self._threshold

    def touch(self, values: list[int], now: int) -> None:
        for row, value in enumerate(values):
            if value in self._counts:
                self._counts[value] += 1
                self.refresh([value], now)
            elif len(self._last_used[row]) == self._capacity:
                return
            else:
                self._counts[value], self._row_of[value] = 0, row
                use(self._last_used[row], value, now)


def maglev_rows(height: int, backends: int) -> list[list[int]]:
    """Each row lists all backends, the preferred first (NF_API: cht)."""
    rows: list[list[int]] = [[] for _ in range(height)]
    for i in range(height):
        for j in range(backends):
            rows[(31 * j + (j % (height - 1) + 1) * i) % height].append(j)
    return rows
