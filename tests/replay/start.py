"""Abstract objects as set-up left them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from maestro_tool.expr.nodes import TRUE, const, eq
from maestro_tool.expr.symbols import memory_byte
from maestro_tool.operations.semantics import Dchain, Dmap, Global, Lpm, Map, Sketch, Vector, fields, fill_preferences
from maestro_tool.operations.semantics.maps import View
from maestro_tool.solver.budgets import BUDGETS
from maestro_tool.solver.questions import Context
from maestro_tool.symex.callpath import Analysis, KeyField, KeyShape, StateObject
from maestro_tool.symex.initial import Contents
from tests.replay.values import Bytes, evaluate

_Key = tuple[int, ...]


def objects(analysis: Analysis, contents: Sequence[Contents], library: ctypes.CDLL) -> dict[int, Any]:
    """``contents``: of each object (`symex.initial`).  ``library``: where the NF's hash functions are."""
    made: dict[int, Any] = {}
    for o, found in zip(analysis.objects, contents, strict=True):
        made[o.id] = _MAKE[o.kind](o, found, library)
    for o, found in zip(analysis.objects, contents, strict=True):
        if o.kind == "map":
            for key, value in found.entries:
                made[o.id].put(key, value, _home(made[o.id], key, [(made[v], contents[v]) for v in o.key_vectors]))
    return made


def _home(table: Map, key: _Key, vectors: list[tuple[Vector, Contents]]) -> tuple[Vector, int] | None:
    """The element of a vector in which a key lies that set-up put."""
    places = ((v, index) for v, found in vectors for index, _ in found.elements)
    return next((p for p in places if table.view(p[0].element(p[1])) == key), None)


def _vector(o: StateObject, found: Contents, library: ctypes.CDLL) -> Vector:
    assert o.capacity is not None and o.element_size is not None
    vector = Vector(o.capacity, o.element_size, default=found.default)
    if found.preferences is not None:
        fill_preferences(vector, *found.preferences)
    for index, content in found.elements:
        vector.write(index, 0, content)
    return vector


def _map(o: StateObject, found: Contents, library: ctypes.CDLL) -> Map:
    assert o.capacity is not None
    if o.key is not None:
        return Map(o.capacity, view_of_fields(o.key))
    (shape,) = o.shapes
    equal, hash_ = o.functions
    return Map(o.capacity, view_of(shape), equality(shape, equal, library), hash_of(shape.offsets, hash_, library))


def _dmap(o: StateObject, found: Contents, library: ctypes.CDLL) -> Dmap:
    assert o.capacity is not None and o.element_size is not None and o.key_offsets is not None
    first, second = (view_of(s, at) for s, at in zip(o.shapes, o.key_offsets, strict=True))
    a, b = o.shapes
    eq_a, hash_a, eq_b, hash_b = o.functions
    made = Dmap(
        o.capacity, o.element_size, (first, second),
        (equality(a, eq_a, library), equality(b, eq_b, library)),
        (hash_of(a.offsets, hash_a, library), hash_of(b.offsets, hash_b, library)),
    )  # fmt: skip
    for index, content in found.elements:
        made.put(index, content)
    return made


def _sketch(o: StateObject, found: Contents, library: ctypes.CDLL) -> Sketch:
    """The hash function itself decides which counters keys share."""
    assert o.capacity is not None
    (name,) = o.functions
    if o.key is None:
        hash_ = hash_of(o.shapes[0].offsets, name, library)
    else:
        key, positions = o.key, sorted({n for f in o.key for n in range(f.offset, f.offset + f.size)})
        of_bytes = hash_of(tuple(positions), name, library)

        def hash_(given: _Key) -> int:
            content = bytes_of_fields(key, given)
            return of_bytes(tuple(content[n] for n in positions))

    made = Sketch(o.capacity, found.threshold, hash_)
    made.rows = tuple(_dchain(o.capacity, row) for row in found.rows)
    made.owners = {name: (row, slot) for name, row, slot in found.owners}
    made.counts = {(row, slot): count for row, slot, count in found.counts}
    return made


def _dchain(capacity: int, found: Contents) -> Dchain:
    return Dchain(capacity, dict(found.used), found.free)


_MAKE: dict[str, Callable[[StateObject, Contents, ctypes.CDLL], Any]] = {
    "vector": _vector,
    "cht": _vector,
    "map": _map,
    "dmap": _dmap,
    "sketch": _sketch,
    "dchain": lambda o, found, library: _dchain(o.capacity or 0, found),
    "lpm": lambda o, found, library: Lpm({(length, prefix): value for (length, prefix), value in found.entries}),
    "global": lambda o, found, library: Global(found.default),
}

# --------------------------------------------------------------------------- keys


def view_of_fields(key: Sequence[KeyField]) -> View:
    """Parts that are calculated of a key's bytes are calculated by the formula that the analysis found."""

    def part(f: KeyField) -> View:
        formula = f.computed
        if formula is None:
            return fields([(f.offset, f.size, f.bits)])
        return lambda content: (evaluate(formula, Bytes(dict(enumerate(content)), {})),)  # type: ignore[arg-type]

    parts = [part(f) for f in key]
    return lambda content: tuple(number for view in parts for number in view(content))


def bytes_of_fields(key: Sequence[KeyField], given: _Key) -> bytes:
    """A key of which the fields are these, and all else is 0.  If parts are calculated, any key that gives them: no
    function that goes by the fields tells one from another."""
    if any(f.computed is not None for f in key):
        return _any_key(key, given)
    content = bytearray(max(f.offset + f.size for f in key))
    for f, number in zip(key, given, strict=True):
        if f.bits is None:
            content[f.offset : f.offset + f.size] = number.to_bytes(f.size, "big")
            continue
        first, width = f.bits
        bits = number if width % 8 else int.from_bytes(number.to_bytes(width // 8, "big"), "little")
        whole = int.from_bytes(content[f.offset : f.offset + f.size], "little") | bits << first
        content[f.offset : f.offset + f.size] = whole.to_bytes(f.size, "little")
    return bytes(content)


def _any_key(key: Sequence[KeyField], given: _Key) -> bytes:
    stored = [memory_byte("a", n) for n in range(max(f.offset + f.size for f in key))]
    wanted = tuple(
        eq(f.value(stored[f.offset : f.offset + f.size]), const(number, f.width))
        for f, number in zip(key, given, strict=True)
    )
    answer, found = Context().find(wanted, TRUE, False, BUDGETS.frames)
    assert answer == "yes"
    return bytes(found.get(byte, 0) for byte in stored)


def view_of(shape: KeyShape, start: int = 0) -> View:
    """How a key lies in bytes from ``start`` on, as `Event.raw` names it."""
    offsets = shape.offsets
    if offsets is None:
        return lambda content: tuple(content[start:])
    return lambda content: tuple(content[start + n] for n in offsets)


def equality(shape: KeyShape, name: str, library: ctypes.CDLL) -> Callable[[_Key, _Key], bool]:
    """By the formula that the analysis found, if it did; else the NF's function."""
    formula, offsets = shape.equality, shape.offsets
    if formula is None or offsets is None:
        function = getattr(library, name)
        function.restype = ctypes.c_bool
        return lambda a, b: bool(function(_buffer(offsets, a), _buffer(offsets, b)))

    def equal(a: _Key, b: _Key) -> bool:
        return bool(evaluate(formula, Bytes(dict(zip(offsets, a, strict=True)), dict(zip(offsets, b, strict=True)))))  # type: ignore[arg-type]

    return equal


def hash_of(offsets: tuple[int, ...] | None, name: str, library: ctypes.CDLL) -> Callable[[_Key], int]:
    """The NF's own function, compiled."""
    function = getattr(library, name)
    function.restype = ctypes.c_uint
    return lambda key: int(function(_buffer(offsets, key)))


def _buffer(offsets: tuple[int, ...] | None, key: _Key) -> Any:
    places: Mapping[int, int] = dict(zip(offsets, key, strict=True)) if offsets is not None else dict(enumerate(key))
    content = bytearray(4096)
    for n, byte in places.items():
        content[n] = byte
    return ctypes.create_string_buffer(bytes(content), len(content))
