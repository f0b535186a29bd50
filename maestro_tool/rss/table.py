"""The indirection table: which worker has which index.  All ports share one rule, or co-location would break.

The C twin is ``maestro_fill_table`` of the runtime (table.c); both must give the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

MAX_WORKERS = 127
"""What programs run at most (options.c): DPDK has 128 lcores, and one may dispatch."""


def worker_of(index: int, workers: int, size: int) -> int:
    """The worker that handles packets of ``index`` in a table of ``size`` that no traffic was measured for.

    Workers own consecutive indices.  Where a NIC hashes fields that must not matter, the key bits next to them are
    zero, and the last bits of a field that does matter reach only the high bits of the index: those have to decide.
    """
    return index * workers // size


def check_workers(size: int, workers: int) -> None:
    """ValueError if no program runs so many workers, or a table of ``size`` does not serve them."""
    most = min(size, MAX_WORKERS)
    if not 1 <= workers <= most:
        raise ValueError(f"a table of {size} entries serves 1 to {most} workers, not {workers}")


def table(size: int, workers: int, weights: Sequence[int] = ()) -> list[int]:
    """Worker per entry; ``weights``: packets measured per index, or none.

    ValueError for a size that is no power of two, more workers than entries or `MAX_WORKERS`, or another number of
    weights.
    """
    if size <= 0 or size & (size - 1):
        raise ValueError(f"a table has a power of two of entries, not {size}")
    check_workers(size, workers)
    if weights and len(weights) != size:
        raise ValueError(f"a table of {size} entries has {size} weights, not {len(weights)}")
    return list(_table(size, workers, tuple(weights)))


def loads(entries: Sequence[int], weights: Sequence[int], workers: int) -> list[int]:
    """Packets per worker."""
    result = [0] * workers
    for worker, weight in zip(entries, weights, strict=True):
        result[worker] += weight
    return result


@lru_cache(maxsize=64)
def _table(size: int, workers: int, weights: tuple[int, ...]) -> tuple[int, ...]:
    usual = [worker_of(i, workers, size) for i in range(size)]
    if not any(weights):
        return tuple(usual)
    # The heaviest index first, each to the worker with the least so far (Graham: at most 4/3 of the best);
    # where nothing was measured, the rule for unknown traffic stands.
    balanced, load = list(usual), [0] * workers
    for index in sorted((i for i in range(size) if weights[i]), key=lambda i: -weights[i]):
        worker = min(range(workers), key=load.__getitem__)
        balanced[index] = worker
        load[worker] += weights[index]
    return tuple(balanced if max(load) < max(loads(usual, weights, workers)) else usual)
