"""The indirection table.  Ports that are related share one rule, or co-location would break."""

from __future__ import annotations


def worker_of(index: int, workers: int) -> int:
    """The worker that handles packets of ``index``; the same rule as ``maestro_fill_table`` of the runtime."""
    return index % workers


def table(size: int, workers: int) -> list[int]:
    """Worker per entry.  ValueError for a size that is no power of two, or more workers than entries."""
    if size <= 0 or size & (size - 1):
        raise ValueError(f"a table has a power of two of entries, not {size}")
    if not 1 <= workers <= size:
        raise ValueError(f"a table of {size} entries serves 1 to {size} workers, not {workers}")
    return [worker_of(i, workers) for i in range(size)]
