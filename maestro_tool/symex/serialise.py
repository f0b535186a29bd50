"""The JSON form of an `Analysis`.  Reading checks everything: the data may come from a shared cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, get_args

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import MemoryByte, PacketByte, PacketLength, Produced
from maestro_tool.expr.text import Pool, read_pool
from maestro_tool.operations import OPERATIONS, ObjectKind, Operation
from maestro_tool.symex.callpath import (
    Analysis,
    CallPath,
    Event,
    KeyDoubt,
    KeyField,
    KeyShape,
    MemoryPointer,
    ObjectPointer,
    Pinned,
    PinnedFile,
    StateObject,
    uses,
)

SCHEMA = 9
_T = TypeVar("_T")

_LARGEST_KEY = 1 << 20  # bytes


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """Plain data; expressions are indexes into the table ``expressions``."""
    pool = Pool()

    def optional(e: Expr | None) -> int | None:
        return None if e is None else pool.add(e)

    def event(e: Event) -> dict[str, Any]:
        return {
            "op": e.op.name, "objects": list(e.objects), "loc": e.loc,
            "key": None if e.key is None else [pool.add(k) for k in e.key],
            "raw": [pool.add(x) for x in e.raw], "operands": [pool.add(x) for x in e.operands],
            "index": optional(e.index), "value": optional(e.value), "result": e.result,
            "span": None if e.span is None else list(e.span),
            "stored": [[offset, pool.add(v)] for offset, v in e.stored],
            "condition_length": e.condition_length,
            "key_home": None if e.key_home is None else [e.key_home[0], pool.add(e.key_home[1])],
            "function": e.function,
        }  # fmt: skip

    def path(p: CallPath) -> dict[str, Any]:
        return {
            "port": p.port, "loc": p.loc,
            "condition": [pool.add(c) for c in p.condition],
            "events": [event(e) for e in p.events],
            "packet_writes": [[offset, pool.add(v)] for offset, v in p.packet_writes],
            "verdict": [pool.add(p.verdict)] if isinstance(p.verdict, Expr) else p.verdict,
            "grown": p.grown,
        }  # fmt: skip

    paths = [path(p) for p in analysis.paths]
    return {
        "schema": SCHEMA,
        "ports": analysis.ports,
        "arguments": list(analysis.arguments),
        "objects": [
            {
                "id": o.id, "kind": o.kind, "name": o.name, "loc": o.loc, "capacity": o.capacity,
                "element_size": o.element_size,
                "key": None if o.key is None else [[f.name, f.offset, f.size, *(f.bits or ())] for f in o.key],
                "filled": o.filled,
                "functions": list(o.functions),
                "key_vectors": list(o.key_vectors),
                "shapes": [
                    [
                        None if k.offsets is None else list(k.offsets),
                        optional(k.equality),
                        None if k.doubt is None else [k.doubt.equality, k.doubt.hash, k.doubt.field],
                    ]
                    for k in o.shapes
                ],
                "key_offsets": None if o.key_offsets is None else list(o.key_offsets),
            }
            for o in analysis.objects
        ],
        "paths": paths,
        "pinned": [
            {"place": p.place, "access": list(p.access), "size": p.size, "value": p.value, "loc": p.loc}
            for p in analysis.pinned
        ],
        "object_pointers": [
            {"place": p.place, "access": list(p.access), "object": p.object} for p in analysis.object_pointers
        ],
        "memory_pointers": [
            {"place": p.place, "access": list(p.access), "target": list(p.target)} for p in analysis.memory_pointers
        ],
        "configuration": dict(analysis.configuration),
        "notes": [[loc, text] for loc, text in analysis.notes],
        "files": [{"name": f.name, "digest": f.digest, "loc": f.loc} for f in analysis.files],
        "frame_stored": analysis.frame_stored,
        "frame_moved": analysis.frame_moved,
        "expressions": pool.entries,
    }  # fmt: skip


def analysis_from_json(data: Any) -> Analysis:
    """Inverse of `analysis_to_json`; ValueError on anything else."""
    top = _Record(
        data,
        "schema ports arguments objects paths pinned object_pointers memory_pointers configuration notes files "
        "frame_stored frame_moved expressions",
    )
    if top.number("schema") != SCHEMA:
        raise ValueError(f"schema {top['schema']!r:.40} is not {SCHEMA}")
    known = read_pool(top["expressions"])
    objects = top.each("objects", partial(_object, known))
    if [o.id for o in objects] != list(range(len(objects))):
        raise ValueError("objects are not numbered in order")
    if any(v >= len(objects) or objects[v].kind != "vector" for o in objects for v in o.key_vectors):
        raise ValueError("keys that lie in something else than a vector")
    reader = _Reader(known, objects, top.number("ports"))
    configuration = top["configuration"]
    if not isinstance(configuration, dict):
        raise ValueError("configuration is not an object")
    return Analysis(
        top.number("ports"),
        top.each("arguments", _text),
        objects,
        top.each("paths", reader.path),
        top.each("pinned", _pinned),
        top.each("object_pointers", reader.object_pointer),
        top.each("memory_pointers", _memory_pointer),
        {_text(name): _number(value) for name, value in configuration.items()},
        top.each("notes", _note),
        top.each("files", _file),
        top.number("frame_stored"),
        top.boolean("frame_moved"),
    )


class _Record:
    """A JSON object with exactly the expected members."""

    def __init__(self, data: Any, members: str) -> None:
        expected = members.split()
        if not isinstance(data, dict) or sorted(data) != sorted(expected):
            raise ValueError(f"not an object with members {', '.join(expected)}")
        self._data = data

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def number(self, name: str) -> int:
        return _number(self._data[name])

    def boolean(self, name: str) -> bool:
        value = self._data[name]
        if type(value) is not bool:
            raise ValueError(f"not true or false: {value!r:.40}")
        return value

    def optional(self, name: str) -> int | None:
        return None if self._data[name] is None else _number(self._data[name])

    def text(self, name: str) -> str:
        return _text(self._data[name])

    def each(self, name: str, read: Callable[[Any], _T]) -> tuple[_T, ...]:
        return tuple(read(item) for item in _list(self._data[name]))


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"not a number: {value!r:.40}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"not a string: {value!r:.40}")
    return value


def _list(value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError(f"not a list of the right length: {value!r:.40}")
    return value


def _note(data: Any) -> tuple[int, str]:
    loc, text = _list(data, 2)
    return _number(loc), _text(text)


def _file(data: Any) -> PinnedFile:
    r = _Record(data, "name digest loc")
    if r["digest"] is not None and not re.fullmatch("[0-9a-f]{64}", r.text("digest")):
        raise ValueError("a digest that is no SHA-256")
    return PinnedFile(r.text("name"), r["digest"], r.number("loc"))


def _key_field(data: Any) -> KeyField:
    """[name, offset, size], of a part of these bytes also the first bit and how many."""
    name, offset, size, *bits = _list(data)
    part = (_number(bits[0]), _number(_list(bits, 2)[1])) if bits else None
    field = KeyField(_text(name), _number(offset), _number(size), part)
    first, width = part or (0, 8 * field.size)
    if width == 0 or first > 7 or first + width > 8 * field.size or field.offset + field.size > _LARGEST_KEY:
        raise ValueError("a part of a key that does not lie in its bytes")
    return field


def _shape(known: list[Expr], data: Any) -> KeyShape:
    offsets, equality, doubt = _list(data, 3)
    formula = None if equality is None else _expression(known, equality)
    if formula is not None and formula.width != 0:
        raise ValueError("an equality that is not Boolean")
    if offsets is not None and any(_number(n) >= _LARGEST_KEY for n in _list(offsets)):
        raise ValueError("a key that is too large")
    why = None if doubt is None else KeyDoubt(*map(_text, _list(doubt, 3)))
    return KeyShape(None if offsets is None else tuple(offsets), formula, why)


def _expression(known: list[Expr], value: Any) -> Expr:
    index = _number(value)
    if index >= len(known):
        raise ValueError("an expression that is not in the table")
    return known[index]


def _pair(value: Any) -> tuple[int, int]:
    first, second = _list(value, 2)
    return _number(first), _number(second)


def _object(known: list[Expr], data: Any) -> StateObject:
    r = _Record(
        data, "id kind name loc capacity element_size key filled functions key_vectors shapes key_offsets"
    )  # fmt: skip
    if r["kind"] not in get_args(ObjectKind):
        raise ValueError(f"unknown kind {r['kind']!r:.40}")
    key = None if r["key"] is None else r.each("key", _key_field)
    return StateObject(
        r.number("id"),
        r["kind"],
        r.text("name"),
        r.number("loc"),
        r.optional("capacity"),
        r.optional("element_size"),
        key,
        r.number("filled"),
        r.each("functions", _text),
        r.each("key_vectors", _number),
        r.each("shapes", partial(_shape, known)),
        None if r["key_offsets"] is None else _pair(r["key_offsets"]),
    )


def _access(value: Any) -> tuple[str | int, ...]:
    name, *offsets = _list(value) or [None]
    return (_text(name), *(_integer(o) for o in offsets))


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"not an integer: {value!r:.40}")
    return value


def _pinned(data: Any) -> Pinned:
    r = _Record(data, "place access size value loc")
    return Pinned(r.text("place"), _access(r["access"]), r.number("size"), r.number("value"), r.number("loc"))


def _memory_pointer(data: Any) -> MemoryPointer:
    r = _Record(data, "place access target")
    return MemoryPointer(r.text("place"), _access(r["access"]), _access(r["target"]))


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


class _Reader:
    """Reads what refers to expressions, objects and ports."""

    def __init__(self, expressions: list[Expr], objects: tuple[StateObject, ...], ports: int) -> None:
        self._expressions, self._objects, self._ports = expressions, objects, ports

    def expr(self, value: Any) -> Expr:
        return _expression(self._expressions, value)

    def _condition(self, value: Any) -> Expr:
        e = self.expr(value)
        if e.width != 0:
            raise ValueError("a condition that is not Boolean")
        return e

    def _object(self, value: Any) -> int:
        if _number(value) >= len(self._objects):
            raise ValueError("an object that does not exist")
        return _number(value)

    def _at(self, data: Any) -> tuple[int, Expr]:
        offset, e = _list(data, 2)
        return _number(offset), self.expr(e)

    def object_pointer(self, data: Any) -> ObjectPointer:
        r = _Record(data, "place access object")
        return ObjectPointer(r.text("place"), _access(r["access"]), self._object(r["object"]))

    def _check_key(self, op: Operation, objects: tuple[int, ...], e: Event) -> None:
        """A key has one expression per field, of its width; or one byte for each of those that are read of it."""
        if not objects or self._objects[objects[0]].kind == "lpm":
            return
        fields, shapes = self._objects[objects[0]].key, self._objects[objects[0]].shapes
        if "key" in op.operands:
            widths = None if e.key is None else [k.width for k in e.key]
            if widths != (None if fields is None else [len(f.positions) for f in fields]):
                raise ValueError("a key that is not one of its object")
        if "raw" in op.operands and fields is None:
            lengths = {None if shape.offsets is None else len(shape.offsets) for shape in shapes}
            if not lengths & {None, len(e.raw)} or any(b.width != 8 for b in e.raw):
                raise ValueError("a key of which bytes are missing")

    def event(self, data: Any) -> Event:
        r = _Record(
            data, "op objects loc key raw index value operands result span stored condition_length key_home function"
        )  # fmt: skip
        op = OPERATIONS.get(r.text("op"))
        objects = r.each("objects", self._object)
        if op is None or [self._objects[i].kind for i in objects] != [o.kind for o in op.objects]:
            raise ValueError(f"no operation {r['op']!r:.40} on such objects")
        if r["result"] is not None and (type(r["result"]) is not bool or not op.answers):
            raise ValueError("a result that is not true, false or null")
        event = Event(
            op,
            objects,
            r.number("loc"),
            None if r["key"] is None else r.each("key", self.expr),
            r.each("raw", self.expr),
            None if r["index"] is None else self.expr(r["index"]),
            None if r["value"] is None else self.expr(r["value"]),
            r.each("operands", self.expr),
            r["result"],
            None if r["span"] is None else _pair(r["span"]),
            r.each("stored", self._at),
            r.number("condition_length"),
            self._key_home(r),
            r.text("function"),
        )
        for slot in ("key", "raw", "index", "value", "operands", "stored", "key_home"):
            if event.expressions(slot) and slot not in op.operands:
                raise ValueError(f"{op.name} with {slot}")
        if any(getattr(event, slot) is None for slot in op.required if slot != "key"):
            raise ValueError(f"{op.name} without {' or '.join(op.required)}")
        self._check_key(op, objects, event)
        return event

    def _key_home(self, r: _Record) -> tuple[int, Expr] | None:
        if r["key_home"] is None:
            return None
        vector, index = self._at(r["key_home"])
        if self._objects[self._object(vector)].kind != "vector" or index.width != 32:
            raise ValueError("a key's home that is not the element of a vector")
        return vector, index

    def path(self, data: Any) -> CallPath:
        r = _Record(data, "port loc condition events packet_writes verdict grown")
        if r.number("port") >= self._ports:
            raise ValueError("a port that does not exist")
        condition = r.each("condition", self._condition)
        events = r.each("events", self.event)
        lengths = [e.condition_length for e in events]
        if lengths != sorted(lengths) or any(n > len(condition) for n in lengths):
            raise ValueError("events that do not fit their path's condition")
        writes = r.each("packet_writes", self._at)
        if any(e.width != 8 for _, e in writes):
            raise ValueError("a packet write that is not a byte")
        verdict, grown = self._verdict(r["verdict"]), _integer(r["grown"])
        path = CallPath(r.number("port"), condition, events, writes, verdict, r.number("loc"), grown)
        for use in uses(path):
            for symbol in symbols(use.expr):
                _check_symbol(symbol, events)
        return path

    def _verdict(self, value: Any) -> Any:
        if isinstance(value, list):
            e = self.expr(_list(value, 1)[0])
            if e.width != 16:
                raise ValueError("a verdict that is not 16 bits wide")
            return e
        return value if value in ("drop", "flood") and isinstance(value, str) else _number(value)
