"""Indices whose numbers somebody can see: two cores must not hand out the same one.

An index that only leads from a map to entries may have any number.  One that leaves in a packet, decides something, or
is stored for later, is only as good as its number: then each core hands out numbers of its own range (relaxation
``index-choice``: the NF behaves as if it had chosen among its free indices in another way).
"""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.sharding.access import producer, strip_extension
from maestro_tool.symex.callpath import Analysis, CallPath


def visible_allocators(analysis: Analysis, dchain_of_map: dict[int, int]) -> set[int]:
    """Allocators whose indices can be seen; ``dchain_of_map``: maps whose values are indices of one allocator."""
    found: set[int] = set()
    for path in analysis.paths:
        for e in _seen(path, dchain_of_map):
            for s in symbols(e):
                origin = producer(path, s)
                if origin is None:
                    continue
                if origin.op == "dchain_allocate":
                    found.add(origin.objects[0])
                elif origin.op == "map_get" and origin.objects[0] in dchain_of_map:
                    found.add(dchain_of_map[origin.objects[0]])
    return found


def _seen(path: CallPath, dchain_of_map: dict[int, int]) -> Iterable[Expr]:
    yield from path.condition
    yield from (value for _, value in path.packet_writes)
    if isinstance(path.verdict, Expr):
        yield path.verdict
    for e in path.events:
        yield from (value for _, value in e.stored)
        yield from e.key or ()
        if e.op == "map_put" and e.value is not None:
            plain = strip_extension(e.value).op == "sym" and e.objects[0] in dchain_of_map
            if not plain:
                yield e.value
