"""Vectors of bytes, the NF's own variables, and vectors that are consistent hashing tables."""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.operations.semantics.call import DONE, Call, Outcome, pattern

_BACKEND = 4  # bytes of a number in a consistent hashing table


class Vector:
    """``capacity`` elements of ``size`` bytes, and a spare one where all other indices lead; ``default``: the content
    of those that nobody wrote."""

    def __init__(
        self, capacity: int, size: int, elements: Iterable[tuple[int, bytes]] = (), default: bytes | None = None
    ) -> None:
        self.capacity, self.size = capacity, size
        self._default = bytes(size) if default is None else default
        self._elements: dict[int, bytearray] = {}
        for index, content in elements:
            self.write(index, 0, content)

    def element(self, index: int) -> bytes:
        return bytes(self._elements.get(self._place(index), self._default))

    def write(self, index: int, offset: int, content: bytes) -> None:
        element = self._elements.setdefault(self._place(index), bytearray(self._default))
        element[offset : offset + len(content)] = content
        assert len(element) == self.size, (index, offset, content)

    def _place(self, index: int) -> int:
        return min(pattern(index, 32), self.capacity)


class Global:
    """A variable of the NF: bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)


def vector_read(call: Call) -> Outcome:
    """Ensures: gives the bytes ``span`` of the element, each under its offset."""
    (vector,) = call.objects
    element, (first, end) = vector.element(call.index), call.span
    return Outcome(produced={n: element[n] for n in range(first, end)})


def vector_write(call: Call) -> Outcome:
    """Ensures: the element's bytes are those ``stored``, all others stay.  If keys lie there, these are now others."""
    (vector,) = call.objects
    for offset, content in call.stored:
        vector.write(call.index, offset, content)
    return DONE


def global_read(call: Call) -> Outcome:
    """Requires: ``span`` inside of the variable.  Ensures: gives these bytes, each under its offset."""
    (variable,) = call.objects
    return Outcome(produced={n: variable.content[n] for n in range(*call.span)})


def global_write(call: Call) -> Outcome:
    """Requires: what is ``stored`` fits into the variable.  Ensures: its bytes are those, all others stay."""
    (variable,) = call.objects
    for offset, content in call.stored:
        variable.content[offset : offset + len(content)] = content
    return DONE


def array_read(call: Call) -> Outcome:
    """``index``: the place in the variable that ``span`` counts from, in bytes.

    Requires: ``span`` inside of the variable.  Ensures: gives these bytes, each under its offset."""
    (variable,) = call.objects
    return Outcome(produced={n: variable.content[call.index + n] for n in range(*call.span)})


def array_write(call: Call) -> Outcome:
    """``index``: as `array_read`.

    Requires: what is ``stored`` fits into the variable.  Ensures: its bytes are those, all others stay."""
    (variable,) = call.objects
    for offset, content in call.stored:
        first = call.index + offset
        variable.content[first : first + len(content)] = content
    return DONE


def cht_find(call: Call) -> Outcome:
    """``value``: a hash; ``operands``: the table's height and the number of backends, which is a row's length.

    Requires: a height above 0; elements of 4 bytes at least.
    Ensures: the answer is yes, and ``chosen`` the first backend in row ``hash % height`` that is in use in the chain,
    if there is one.
    """
    table, active = call.objects
    height, backends = call.operands
    row = call.value % height
    for index in range(row * backends, (row + 1) * backends):
        backend = int.from_bytes(table.element(index)[:_BACKEND], "little")
        if active.is_allocated(backend):
            return Outcome(True, {"chosen": backend})
    return Outcome(False)


def fill_preferences(table: Vector, height: int, backends: int) -> bool:
    """``cht_fill_cht``, of set-up.  Backend j comes next in row (31 j mod height) + (j mod (height - 1) + 1) i mod
    height, for i = 0, 1, 2 ...; whether the table has room for all."""
    if height < 2 or height * backends > table.capacity:
        return False
    filled = [0] * height
    for i in range(height):
        for j in range(backends):
            row = (31 * j % height + (j % (height - 1) + 1) * i) % height
            if filled[row] < backends:
                table.write(row * backends + filled[row], 0, j.to_bytes(_BACKEND, "little"))
                filled[row] += 1
    return True
