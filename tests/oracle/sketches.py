"""Sketches as they are made, with all their collisions: for what compiled programs send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from .interpreter import Normal
from .machine import ChainState
from .program import Sketch

#: One per row (NF_API: "SALT[i]"); those of the runtime.
SALTS = (0x9B78350F, 0x9BCF144C, 0x8AB29A3E, 0x34D48BF5)


@cache
def _of_byte(n: int) -> int:
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    return n


def crc32c(crc: int, number: int) -> int:
    """One step of SSE 4.2's crc32 over 32 bits."""
    for byte in number.to_bytes(4, "little"):
        crc = crc >> 8 ^ _of_byte((crc ^ byte) & 0xFF)
    return crc


class ExactSketch:
    """One map of slots for all rows, by hash value alone.  The first row that sees a value gives it a slot of its own
    and ends it; every row counts at that slot in itself, whatever it has there."""

    def __init__(self, o: Sketch, same: Normal) -> None:
        self.same, self.capacity, self.threshold = same, o.capacity, o.threshold
        self.rows: list[int] = []
        self.slots: dict[int, int] = {}
        self.keys: list[dict[int, int]] = [{} for _ in SALTS]
        self.counts: list[list[int]] = [[0] * o.capacity for _ in SALTS]
        self.chains = [ChainState(range(o.capacity), o.capacity) for _ in SALTS]

    def compute(self, key: Sequence[int]) -> None:
        number = 0
        for part in self.same(key):
            number = crc32c(number, part)
        self.rows = [crc32c(crc32c(0, salt), number) % self.capacity for salt in SALTS]

    def refresh(self, now: int) -> None:
        for n, row in enumerate(self.rows):
            if row in self.slots:
                self.chains[n].rejuvenate(self.slots[row], now)

    def fetch(self) -> int:
        found = [self.counts[n][self.slots[row]] for n, row in enumerate(self.rows) if row in self.slots]
        return int(bool(found) and min(found) > self.threshold)

    def touch(self, now: int) -> int:
        for n, row in enumerate(self.rows):
            if row in self.slots:
                self.counts[n][self.slots[row]] += 1
                self.chains[n].rejuvenate(self.slots[row], now)
                continue
            _, slot = self.chains[n].allocate(0, now)
            self.slots[row], self.keys[n][slot], self.counts[n][slot] = slot, row, 0
        return 1

    def expire(self, before: int) -> None:
        for n, chain in enumerate(self.chains):
            for slot in chain.expire(before):
                del self.slots[self.keys[n][slot]]
