"""Random numbers whose sequence is ours: captures must be the same bytes with every version of numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Numbers:
    """SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), vectorised."""

    def __init__(self, seed: int) -> None:
        self._seed = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)
        self._drawn = 0

    def words(self, count: int) -> U64:
        """``count`` uniform 64-bit numbers."""
        counter = np.arange(self._drawn + 1, self._drawn + count + 1, dtype=np.uint64)
        self._drawn += count
        z = self._seed + counter * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))

    def below(self, limit: int, count: int) -> I64:
        """``count`` integers in [0, ``limit``), for limits far below 2**32."""
        return ((self.words(count) >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)

    def fractions(self, count: int) -> F64:
        """``count`` numbers in [0, 1)."""
        return np.asarray((self.words(count) >> np.uint64(11)).astype(np.float64) / float(1 << 53))

    def choose(self, positions: I64, count: int) -> I64:
        """``count`` different elements of ``positions``, in their order."""
        order = np.argsort(self.words(len(positions)), kind="stable")
        return np.asarray(positions[np.sort(order[:count])])
