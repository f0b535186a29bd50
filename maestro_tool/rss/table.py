"""The indirection table.  Ports that are related share one rule, or co-location would break."""

from __future__ import annotations


def worker_of(index: int, workers: int, size: int) -> int:
    """The worker that handles packets of ``index`` in a table of ``size``; as ``maestro_fill_table`` of the runtime.

    Workers own consecutive indices.  Where a NIC hashes fields that must not matter, the key bits next to them are
    zero, and the last bits of a field that does matter reach only the high bits of the index: those have to decide.
    """
    return index * workers // size


def table(size: int, workers: int) -> list[int]:
    """Worker per entry.  ValueError for a size that is no power of two, or more workers than entries."""
    if size <= 0 or size & (size - 1):
        raise ValueError(f"a table has a power of two of entries, not {size}")
    if not 1 <= workers <= size:
        raise ValueError(f"a table of {size} entries serves 1 to {size} workers, not {workers}")
    return [worker_of(i, workers, size) for i in range(size)]
