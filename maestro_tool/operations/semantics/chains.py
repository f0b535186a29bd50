"""Index allocators that know which index was used longest ago, and what expires by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from maestro_tool.operations.semantics.call import Call, Outcome, UndefinedError, pattern, signed


class Dchain:
    """Indices below ``capacity``.

    ``used``: those in use, the oldest first -> the time of their last use.  ``free``: the others in the order in which
    they are handed out, as far as they ever are; by default all others, the smallest first.
    """

    def __init__(self, capacity: int, used: Mapping[int, int] | None = None, free: Iterable[int] | None = None) -> None:
        self.capacity = capacity
        self.used = dict(used or {})
        ahead = [n for n in range(capacity) if n not in self.used] if free is None else list(free)
        self.free = ahead[::-1]  # the next one is the last
        self._latest = max(self.used.values(), default=None)

    def _use(self, index: int, time: int) -> None:
        if self._latest is not None and time < self._latest:
            raise UndefinedError(f"index {index} is used at {time}, before another was at {self._latest}")
        self._latest = time
        self.used[index] = time

    def is_allocated(self, index: int) -> bool:
        return index in self.used

    def allocate(self, time: int) -> int | None:
        if not self.free:
            return None
        index = self.free.pop()
        self._use(index, time)
        return index

    def refresh(self, index: int, time: int) -> bool:
        if index not in self.used:
            return False
        del self.used[index]
        self._use(index, time)
        return True

    def release(self, index: int) -> bool:
        if index not in self.used:
            return False
        del self.used[index]
        self.free.append(index)
        return True

    def expire_one(self, bound: int) -> int | None:
        """The index used longest ago, freed, if its time is before ``bound``."""
        oldest = next(iter(self.used), None)
        if oldest is None or self.used[oldest] >= bound:
            return None
        self.release(oldest)
        return oldest


def dchain_allocate(call: Call) -> Outcome:
    """Requires: ``value`` is no time before that of another use.

    Ensures: if an index is free, the answer is yes and ``index`` the one that was freed last, or, if none was, the
    smallest that was never taken; it is in use and the newest.  Else the answer is no and nothing changes.
    """
    (chain,) = call.objects
    index = chain.allocate(signed(call.value, 64))
    return Outcome(False) if index is None else Outcome(True, {"index": index})


def dchain_rejuvenate(call: Call) -> Outcome:
    """Requires: as `dchain_allocate`.  Ensures: the answer is whether the index is in use; then it is the newest."""
    (chain,) = call.objects
    return Outcome(chain.refresh(pattern(call.index, 32), signed(call.value, 64)))


def dchain_free(call: Call) -> Outcome:
    """Ensures: the answer is whether the index was in use; it no longer is, and is the next to be handed out."""
    (chain,) = call.objects
    return Outcome(chain.release(pattern(call.index, 32)))


def dchain_is_allocated(call: Call) -> Outcome:
    """Ensures: the answer is whether the index is in use; of an index out of range it is no."""
    (chain,) = call.objects
    return Outcome(chain.is_allocated(pattern(call.index, 32)))


def dchain_expire_one(call: Call) -> Outcome:
    """Ensures: if the index used longest ago was last used before ``value``, the answer is yes, that index is
    ``index``, and it is freed as by `dchain_free`.  Else the answer is no and nothing changes."""
    (chain,) = call.objects
    index = chain.expire_one(signed(call.value, 64))
    return Outcome(False) if index is None else Outcome(True, {"index": index})


def expire(call: Call) -> Outcome:
    """Objects: chain, vector of keys, map.

    Ensures: `dchain_expire_one` until it answers no; of each index, the key that lies at it in the vector is erased
    from the map (`map_erase`).  ``count`` is how many.
    """
    chain, keys, table = call.objects
    count, bound = 0, signed(call.value, 64)
    while (index := chain.expire_one(bound)) is not None:
        table.erase(table.view(keys.element(index)))
        count += 1
    return Outcome(produced={"count": count})


def expire_range(call: Call) -> Outcome:
    """Objects: vector of keys, map.

    Ensures: the keys at ``index``, and on up to the last before ``value``, are erased from the map, one after the
    other.  ``count`` is how many these are, in the map or not.
    """
    keys, table = call.objects
    first, end = signed(call.index, 32), signed(call.value, 32)
    for index in range(first, end):
        table.erase(table.view(keys.element(index)))
    return Outcome(produced={"count": max(0, end - first)})


def dmap_expire(call: Call) -> Outcome:
    """Objects: chain, double map.

    Ensures: `dchain_expire_one` until it answers no; the value at each index is erased (`dmap_erase`).  ``count`` is
    how many indices.
    """
    chain, table = call.objects
    count, bound = 0, signed(call.value, 64)
    while (index := chain.expire_one(bound)) is not None:
        table.erase(index)
        count += 1
    return Outcome(produced={"count": count})
