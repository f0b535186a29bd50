"""What holds in every `Analysis` beyond the types of its fields; of one that is read it is checked (`forms`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import MemoryByte, PacketByte, PacketLength, Produced, memory_byte
from maestro_tool.operations import Operation
from maestro_tool.operations.row import Effect
from maestro_tool.symex.callpath import Analysis, CallPath, Event, KeyField, StateObject, uses
from maestro_tool.symex.notes import Note

_LARGEST_KEY = 1 << 20  # bytes
_FARTHEST = 1 << 47  # bytes; the user's half of addresses

#: The members of an event that hold expressions.
_OPERANDS = ("key", "raw", "index", "value", "operands", "stored", "key_home")


def check(analysis: Analysis) -> None:
    """ValueError if something refers to what does not exist, or does not fit what it belongs to."""
    objects = analysis.objects
    if [o.id for o in objects] != list(range(len(objects))):
        raise ValueError("objects are not numbered in order")
    for o in objects:
        _check_object(o, objects)
    for path in analysis.paths:
        if path.port >= analysis.ports:
            raise ValueError("a port that does not exist")
        _check_path(path, objects)
    for cut in analysis.left_out:
        _check_path(CallPath(cut.port, cut.condition, cut.events, (), "drop", cut.why.loc), objects)
    if any(p.object >= len(objects) for p in analysis.object_pointers):
        raise ValueError("an object that does not exist")
    for access in _accesses(analysis):
        if [type(part) for part in access] != [str, *[int] * (len(access) - 1)]:
            raise ValueError("a place that is not a name and offsets")
    if any(p.size not in (1, 2, 4, 8) or p.value >> 8 * p.size for p in analysis.pinned):
        raise ValueError("a pinned number that is none of C")
    if any(isinstance(part, int) and abs(part) >= _FARTHEST for access in _accesses(analysis) for part in access):
        raise ValueError("an offset that no memory has")
    for note in analysis.notes:
        _check_note(note)
    for file in analysis.files:
        if file.digest is not None and not re.fullmatch("[0-9a-f]{64}", file.digest):
            raise ValueError("a digest that is no SHA-256")


def _accesses(analysis: Analysis) -> Iterator[tuple[str | int, ...]]:
    yield from (p.access for p in analysis.pinned)
    yield from (p.access for p in analysis.object_pointers)
    yield from (place for p in analysis.memory_pointers for place in (p.access, p.target))


def _check_note(note: Note) -> None:
    try:
        _ = note.words
    except (IndexError, KeyError):
        raise ValueError("a note with too few names") from None


def _check_object(o: StateObject, objects: tuple[StateObject, ...]) -> None:
    if any(v >= len(objects) or objects[v].kind != "vector" for v in o.key_vectors):
        raise ValueError("keys that lie in something else than a vector")
    for field in (*(o.key or ()), *(f for fields in o.pair or () for f in fields)):
        _check_key_field(field)
    if o.pair is not None and any(
        not {at + n for n in shape.offsets or ()}.issuperset(range(f.offset, f.offset + f.size))
        for fields, shape, at in zip(o.pair, o.shapes, o.key_offsets or (), strict=True)
        for f in fields
    ):
        raise ValueError("a key that is not read")
    if any(n >= _LARGEST_KEY for shape in o.shapes for n in shape.offsets or ()):
        raise ValueError("a key that is too large")


def _check_key_field(field: KeyField) -> None:
    first, width = field.bits or (0, 8 * field.size)
    if width == 0 or first > 7 or first + width > 8 * field.size or field.offset + field.size > _LARGEST_KEY:
        raise ValueError("a part of a key that does not lie in its bytes")
    own = {memory_byte("a", n) for n in range(field.offset, field.offset + field.size)}
    if field.computed is not None and (
        field.bits is not None or not field.computed.width or symbols(field.computed) != own
    ):
        raise ValueError("a part of a key that is calculated from something else than its bytes")


def _check_path(path: CallPath, objects: tuple[StateObject, ...]) -> None:
    lengths = [e.condition_length for e in path.events]
    if lengths != sorted(lengths) or any(n > len(path.condition) for n in lengths):
        raise ValueError("events that do not fit their path's condition")
    for event in path.events:
        _check_event(event, objects)
    used: set[Expr] = set()
    for e in {use.expr for use in uses(path)}:
        used |= symbols(e)
    for symbol in used:
        _check_symbol(symbol, path.events)


@cache
def _row(op: Operation) -> tuple[list[str], list[str], list[str]]:
    """Kinds of its objects; members that its events never have; members that they must have."""
    absent = [operand for operand in _OPERANDS if operand not in op.operands]
    return [o.kind for o in op.objects], absent, [operand for operand in op.required if operand != "key"]


def _check_event(e: Event, objects: tuple[StateObject, ...]) -> None:
    kinds, absent, required = _row(e.op)
    if any(n >= len(objects) for n in e.objects) or [objects[n].kind for n in e.objects] != kinds:
        raise ValueError(f"no operation {e.op} on such objects")
    if e.result is not None and not e.op.answers:
        raise ValueError(f"{e.op} with a result")
    for operand in absent:
        if getattr(e, operand):
            raise ValueError(f"{e.op} with {operand}")
    for operand in required:
        if getattr(e, operand) is None:
            raise ValueError(f"{e.op} without {operand}")
    if e.function and e.op.effect is not Effect.CALCULATE:
        raise ValueError(f"{e.op} with a function")
    if e.key_home is not None:
        vector, index = e.key_home
        if vector >= len(objects) or objects[vector].kind != "vector" or index.width != 32:
            raise ValueError("a key's home that is not the element of a vector")
    if kinds and kinds[0] != "lpm":
        _check_key(e, objects[e.objects[0]])


def _check_key(e: Event, of: StateObject) -> None:
    """A key has one expression per field, of its width; or one byte for each of those that are read of it."""
    if "key" in e.op.operands:
        widths = None if e.key is None else [k.width for k in e.key]
        if widths != (None if of.key is None else [f.width for f in of.key]):
            raise ValueError("a key that is not one of its object")
    if "raw" in e.op.operands and of.key is None:
        lengths = {None if shape.offsets is None else len(shape.offsets) for shape in of.shapes}
        if not lengths & {None, len(e.raw)} or any(b.width != 8 for b in e.raw):
            raise ValueError("a key of which bytes are missing")


def _check_symbol(symbol: Expr, events: tuple[Event, ...]) -> None:
    """Symbols of a path are of its packet, of the configuration, or produced by one of its events."""
    made = symbol.value
    if isinstance(made, Produced):
        if made.event >= len(events) or events[made.event].op.name != made.operation:
            raise ValueError(f"no event produces {made}")
        part = "*" if isinstance(made.part, int) else made.part
        if events[made.event].op.produces.get(part, -1) not in (None, symbol.width):
            raise ValueError(f"no event produces {made}")
    elif isinstance(made, MemoryByte) or (isinstance(made, PacketByte | PacketLength) and made.packet):
        raise ValueError(f"{made} is no symbol of a path")
