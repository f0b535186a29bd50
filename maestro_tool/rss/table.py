"""The indirection table: which worker has which index.  All ports share one rule, or co-location would break.

The C twin is ``maestro_fill_table`` of the runtime (table.c); both must give the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from maestro_tool.choices import MAX_WORKERS


def worker_of(index: int, workers: int, size: int) -> int:
    """The worker that handles packets of ``index`` in a table of ``size`` that no traffic was measured for.

    Workers own consecutive indices.  Where a NIC hashes fields that must not matter, the key bits next to them are
    zero, and the last bits of a field that does matter reach only the high bits of the index: those have to decide.
    """
    return index * workers // size


def check_workers(size: int, workers: int, groups: Sequence[int] = ()) -> None:
    """ValueError if no program runs so many workers, or a table of ``size`` (with ``groups``) does not serve them."""
    parts = len(set(groups)) or size
    most = min(parts, MAX_WORKERS)
    if not 1 <= workers <= most:
        what = f" in {parts} groups" if groups else ""
        raise ValueError(f"a table of {size} entries{what} serves 1 to {most} workers, not {workers}")


def table(size: int, workers: int, weights: Sequence[int] = (), groups: Sequence[int] = ()) -> list[int]:
    """Worker per entry; ``weights``: packets measured per index, or none; ``groups``: see `RssSolution.groups`.

    ValueError for a size that is no power of two, more workers than groups (or entries) or `MAX_WORKERS`, or another
    number of weights or groups than of entries.
    """
    if size <= 0 or size & (size - 1):
        raise ValueError(f"a table has a power of two of entries, not {size}")
    check_workers(size, workers, groups)
    for name, values in (("weights", weights), ("groups", groups)):
        if values and len(values) != size:
            raise ValueError(f"a table of {size} entries has {size} {name}, not {len(values)}")
    return list(entries(size, workers, tuple(weights), tuple(groups)))


def loads(entries: Sequence[int], weights: Sequence[int], workers: int) -> list[int]:
    """Packets per worker."""
    result = [0] * workers
    for worker, weight in zip(entries, weights, strict=True):
        result[worker] += weight
    return result


@lru_cache(maxsize=64)
def entries(size: int, workers: int, weights: tuple[int, ...] = (), groups: tuple[int, ...] = ()) -> tuple[int, ...]:
    """`table`, unchecked: workers that get no entry are possible."""
    group_of = groups or range(size)
    n = max(group_of) + 1
    if groups:
        usual = _dealt(_sums(group_of, [1] * size, n), workers, [0] * n)
    else:
        usual = [worker_of(i, workers, size) for i in range(size)]
    if any(weights):
        packets = _sums(group_of, weights, n)
        balanced = _dealt(packets, workers, usual)
        if max(loads(balanced, packets, workers)) < max(loads(usual, packets, workers)):
            usual = balanced
    return tuple(usual[group] for group in group_of)


def _sums(group_of: Sequence[int], weights: Sequence[int], n: int) -> list[int]:
    result = [0] * n
    for group, weight in zip(group_of, weights, strict=True):
        result[group] += weight
    return result


def _dealt(weights: Sequence[int], workers: int, owners: Sequence[int]) -> list[int]:
    """Worker per group: the heaviest first, each to the worker with the least so far (Graham: at most 4/3 of the best).

    Groups without weight keep their owner.
    """
    result, load = list(owners), [0] * workers
    for group in sorted((g for g, w in enumerate(weights) if w), key=lambda g: -weights[g]):
        worker = min(range(workers), key=load.__getitem__)
        result[group] = worker
        load[worker] += weights[group]
    return result
