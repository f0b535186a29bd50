"""Which vector's elements and which chain's cells lie side by side, so that an entry's key and age are in one line.

Neither object's operations change: only the bytes from one element to the next do, and the cell is in the room behind
an element.  So what is wrong here costs time and nothing else, unless the NF reads or writes behind an element's end.
The analysis refuses that (`symex/access.py`: every access lies inside its block), so only what was analysed is joined.
What else forbids it: objects that workers share (readers copy elements, and note ages elsewhere), elements whose size
leaves no room (the runtime knows: objects.c), a vector that is allocated later, or has fewer elements than the chain
has indices (as does the runtime, with the capacities of the run).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from maestro_tool.codegen.stages import unit_of
from maestro_tool.frontend.ir import Program
from maestro_tool.symex.callpath import Analysis

#: A cell: time and number of use (runtime: ``struct dchain_cell``).
_CELL = 16


def joined(analysis: Analysis, shared: Collection[int]) -> tuple[tuple[int, int], ...]:
    """(vector, chain) by number, each object once; ``shared``: objects of several workers."""
    kinds = {o.id: o.kind for o in analysis.objects if o.id not in shared}
    common: Counter[tuple[int, int]] = Counter()
    for path in analysis.paths:
        used = {(e.objects[0], e.index) for e in path.events if e.objects and e.index is not None}
        vectors = [(o, index) for o, index in used if kinds.get(o) == "vector"]
        common.update((v, o) for o, at in used if kinds.get(o) == "dchain" for v, index in vectors if index is at)
    sizes = {o.id: o.element_size for o in analysis.objects}
    found: dict[int, int] = {}
    for (vector, chain), _ in sorted(common.items(), key=lambda item: (-item[1], item[0])):
        if vector < chain and has_room(sizes[vector]) and vector not in found and chain not in found.values():
            found[vector] = chain
    return tuple(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Configured:
    """A number of the configuration that must be ``value`` in ``size`` bytes for the analysis to hold.

    ``place``: C text over a variable of unit ``file``."""

    number: int
    place: str
    file: str
    size: int
    value: int


def configured(program: Program, analysis: Analysis) -> tuple[Configured, ...] | None:
    """What a program without a plan, which checks nothing else, asks before it makes objects; None: it cannot."""
    if analysis.files:
        return None
    found: list[Configured] = []
    for number, pinned in enumerate(analysis.pinned):
        file = unit_of(program, pinned.place)
        if file is None:
            return None
        found.append(Configured(number, pinned.place, file, pinned.size, pinned.value))
    return tuple(found)


def has_room(size: int | None) -> bool:
    """Whether an element of ``size`` bytes and a cell take no more memory side by side than apart."""
    return size is not None and 0 < size <= 64 and _stride(size + _CELL) <= _stride(size) + _CELL


def _stride(size: int) -> int:
    return 1 << (size - 1).bit_length() if size <= 64 else -(-size // 64) * 64
