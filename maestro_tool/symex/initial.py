"""What set-up left in the state objects, as plain data: where a replay of call paths starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maestro_tool.expr import Expr
from maestro_tool.frontend import ir
from maestro_tool.symex.keys import call_once
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.memory import Block
from maestro_tool.symex.objects import ObjectInfo
from maestro_tool.symex.setup import SetUpResult
from maestro_tool.symex.solver import Solver


@dataclass(frozen=True, slots=True)
class Contents:
    """Of one object; members that its kind does not have are empty.

    ``default``: the bytes of a vector's elements, of variables all.  ``elements``: index -> bytes, of those of a vector
    that set-up asked for, and of a double map's values.  ``preferences``: height and backends of the consistent hashing
    table beneath a vector's elements.  ``entries``: of maps (key as in `Event.key` -> number), in the order in which
    they were put; of routing tables ((length, prefix) -> number).  ``used``: index -> time, the oldest first; ``free``:
    the other indices, in the order in which they will be handed out.  ``threshold``, ``owners`` (name, row, slot) and
    ``counts`` (row, slot, count) of sketches; ``rows``: their allocators.
    """

    default: bytes = b""
    elements: tuple[tuple[int, bytes], ...] = ()
    preferences: tuple[int, int] | None = None
    entries: tuple[tuple[tuple[int, ...], int], ...] = ()
    used: tuple[tuple[int, int], ...] = ()
    free: tuple[int, ...] = ()
    threshold: int = 0
    owners: tuple[tuple[int, int, int], ...] = ()
    counts: tuple[tuple[int, int, int], ...] = ()
    rows: tuple[Contents, ...] = ()


def initial_contents(
    program: ir.Program, result: SetUpResult, variables: Sequence[int], solver: Solver, limits: Limits
) -> tuple[Contents, ...]:
    """Of all objects of an `Analysis`, in order; ``variables``: the blocks of its globals."""
    memory = result.memory

    def bytes_at(number: int) -> bytes:
        block = memory.get(number)
        assert block is not None
        return _bytes(block)

    def of(info: ObjectInfo) -> Contents:
        match info.kind:
            case "vector" | "dmap":
                elements = tuple((n, bytes_at(block)) for n, block in info.contents.items())
                beneath = info.preferences
                default = bytes(info.element_size or 0)
                if info.initialise in program.functions:
                    default = _bytes(call_once(program, info.initialise, len(default), solver, limits))
                preferences = None if beneath is None else (beneath.height, beneath.backends)
                return Contents(default, elements, preferences)  # type: ignore[arg-type]
            case "map":
                return Contents(entries=(*info.contents.items(), *info.again))  # type: ignore[arg-type]
            case "lpm":
                return Contents(entries=tuple(info.contents.items()))  # type: ignore[arg-type]
            case "dchain":
                ahead = range(len(info.contents) + len(info.freed), info.capacity or 0)
                return Contents(used=tuple(info.contents.items()), free=(*reversed(info.freed), *ahead))  # type: ignore[arg-type]
            case "sketch":
                buckets = info.buckets
                assert buckets is not None
                owners = tuple((name, *place) for name, place in buckets.of.items())
                counts = tuple((*place, count) for place, count in buckets.counts.items())
                rows = tuple(map(of, buckets.rows))
                return Contents(threshold=buckets.threshold, owners=owners, counts=counts, rows=rows)
        raise AssertionError(info.kind)

    return (*map(of, result.objects), *(Contents(default=bytes_at(number)) for number in variables))


def _bytes(block: Block) -> bytes:
    """A block's bytes; 0 where nothing was written, and where an address lies, which no packet reads as a number."""
    assert block.size is not None
    content = bytearray(block.size)
    for offset, size, value in block.segments(0, block.size):
        if isinstance(value, Expr):
            content[offset : offset + size] = value.const.to_bytes(size, "little")
    return bytes(content)
