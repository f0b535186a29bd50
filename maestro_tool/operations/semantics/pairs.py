"""Double maps: values by index, each found by two keys that lie inside it."""

from __future__ import annotations

import operator

from maestro_tool.operations.semantics.call import Call, Outcome, UndefinedError, pattern
from maestro_tool.operations.semantics.maps import Equality, Hash, Map, View, itself
from maestro_tool.operations.semantics.vectors import Vector


class Dmap:
    """Values of ``size`` bytes at indices below ``capacity``; ``views``: how the first and the second key lie in a
    value.  Values are copied whole: an NF whose functions copy parts needs another class."""

    def __init__(
        self,
        capacity: int,
        size: int,
        views: tuple[View, View],
        equal: tuple[Equality, Equality] = (operator.eq, operator.eq),
        hash: tuple[Hash, Hash] = (itself, itself),
    ) -> None:
        self.values = Vector(capacity, size)
        self.used: set[int] = set()
        self.by_a, self.by_b = (Map(capacity, views[n], equal[n], hash[n]) for n in range(2))

    def put(self, index: int, value: bytes) -> bool:
        if index >= self.values.capacity or index in self.used:
            return False
        self.values.write(index, 0, value)
        self.used.add(index)
        for table in (self.by_a, self.by_b):
            table.put(table.view(value), index, (self.values, index))
        return True

    def erase(self, index: int) -> bool:
        if index not in self.used:
            return False
        value = self.values.element(index)
        for table in (self.by_a, self.by_b):
            table.erase(table.view(value))
        self.used.remove(index)
        return True


def dmap_get_a(call: Call) -> Outcome:
    """Ensures: as `maps.map_get`, for the first keys; ``value`` is the index."""
    return _get(call.objects[0].by_a, call)


def dmap_get_b(call: Call) -> Outcome:
    """Ensures: as `maps.map_get`, for the second keys; ``value`` is the index."""
    return _get(call.objects[0].by_b, call)


def _get(table: Map, call: Call) -> Outcome:
    entry = table.find(call.key)
    return Outcome(False) if entry is None else Outcome(True, {"value": entry.value})


def dmap_put(call: Call) -> Outcome:
    """Requires: ``stored`` is a whole value.

    Ensures: the answer is whether index ``value`` is in range and has no value; then it has this one.
    """
    (table,) = call.objects
    content = bytearray(table.values.size)
    for offset, part in call.stored:
        content[offset : offset + len(part)] = part
    assert len(content) == table.values.size, call
    return Outcome(table.put(pattern(call.value, 32), bytes(content)))


def dmap_erase(call: Call) -> Outcome:
    """Ensures: the answer is whether index ``index`` has a value; then its two keys are erased, and the index has
    none."""
    (table,) = call.objects
    return Outcome(table.erase(pattern(call.index, 32)))


def dmap_read(call: Call) -> Outcome:
    """Requires: the index has a value.  Ensures: gives the bytes ``span`` of it, each under its offset."""
    (table,) = call.objects
    index = pattern(call.index, 32)
    if index not in table.used:
        raise UndefinedError(f"dmap_get_value: no value has index {index}")
    value = table.values.element(index)
    return Outcome(produced={n: value[n] for n in range(*call.span)})


def dmap_size(call: Call) -> Outcome:
    """Ensures: ``value`` is the number of values."""
    (table,) = call.objects
    return Outcome(produced={"value": len(table.used)})
