"""What strings and places in an artifact name, said where their fields are declared, so that a reader can check them.

An artifact that is read may be forged: its types are right (`forms`), but ``functions: ("EVIL()",)`` is a string, too.
So each field that holds a string says what it means, ``Annotated[str, Means("function")]``; `leaves` gives all such
values of an artifact, and who knows the program compares (`symex.belongs`).  A string without a meaning is refused when
it is read: a new field cannot be forgotten.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from maestro_tool.expr import Expr


@dataclass(frozen=True, slots=True)
class Means:
    """What a string, or a number, of an artifact stands for."""

    what: str


#: Of strings whose field does not say.
UNKNOWN: Final = "unknown"
#: Of expressions: their symbols may name something.
EXPRESSION: Final = "expression"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value with what it means; ``place``: the fields that lead to it, as ``objects.functions``."""

    place: str
    means: str
    value: Any


_Visit = Callable[[Any, str], Iterator[Leaf]]


def leaves(kind: Any, value: Any) -> Iterator[Leaf]:
    """All strings and expressions of ``value``, which is a ``kind``, and all numbers that mean something."""
    if (visit := _visit(kind)) is not None:
        yield from visit(value, "")


def places(kind: Any) -> Mapping[str, str]:
    """Place -> meaning of each string that a ``kind`` can hold, found by types alone."""
    found: dict[str, str] = {}
    _collect(kind, "", None, found)
    return found


def _collect(kind: Any, place: str, means: str | None, found: dict[str, str]) -> None:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        _collect(arguments[0], place, _meaning(arguments) or means, found)
    elif kind is str:
        found[place] = means or UNKNOWN
    elif origin is dict:
        _collect(arguments[0], _below(place, "*"), means, found)
        _collect(arguments[1], place, None, found)
    elif origin in (tuple, list, Union, types.UnionType):
        for part in arguments:
            _collect(part, place, means, found)
    elif is_dataclass(kind) and isinstance(kind, type) and not _closed(kind):
        for name, hint in _hints(kind).items():
            _collect(hint, _below(place, name), None, found)


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _closed(kind: type[Any]) -> bool:
    """Rows of tables and members of enumerations are known by name: `forms` reads no others."""
    return issubclass(kind, Enum) or "written_as" in {*dir(kind), *(f.name for f in fields(kind))}


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in fields(kind)}


def _meaning(arguments: tuple[Any, ...]) -> str | None:
    return next((a.what for a in arguments[1:] if isinstance(a, Means)), None)


@cache
def _visit(kind: Any, means: str | None = None) -> _Visit | None:
    """How to find the leaves below a value of this type; None if there can be none."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _visit(arguments[0], _meaning(arguments) or means)
    if kind is str:
        return _leaf(means or UNKNOWN)
    if kind is int:
        return None if means is None else _leaf(means)
    if kind is Expr:
        return _leaf(EXPRESSION)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _each(_visit(arguments[0], means))
    if origin is tuple:
        return _members([(n, _visit(part, means)) for n, part in enumerate(arguments)])
    if origin is dict:
        return _entries(_visit(arguments[0], means), _visit(arguments[1], means))
    if origin in (Union, types.UnionType):
        return _choice([(_python_type(part), _visit(part, means)) for part in arguments])
    if is_dataclass(kind) and isinstance(kind, type) and not _closed(kind):
        return _object([(name, _visit(hint)) for name, hint in _hints(kind).items()])
    return None


def _leaf(means: str) -> _Visit:
    def visit(value: Any, place: str) -> Iterator[Leaf]:
        yield Leaf(place, means, value)

    return visit


def _each(item: _Visit | None) -> _Visit | None:
    if item is None:
        return None

    def visit(value: Any, place: str) -> Iterator[Leaf]:
        for one in value:
            yield from item(one, place)

    return visit


def _members(parts: list[tuple[int, _Visit | None]]) -> _Visit | None:
    known = [(n, part) for n, part in parts if part is not None]

    def visit(value: Any, place: str) -> Iterator[Leaf]:
        for n, part in known:
            yield from part(value[n], place)

    return visit if known else None


def _entries(name: _Visit | None, item: _Visit | None) -> _Visit | None:
    def visit(value: Any, place: str) -> Iterator[Leaf]:
        for key, one in value.items():
            if name is not None:
                yield from name(key, _below(place, "*"))
            if item is not None:
                yield from item(one, place)

    return visit if name or item else None


def _object(parts: list[tuple[str, _Visit | None]]) -> _Visit | None:
    known = [(name, part) for name, part in parts if part is not None]

    def visit(value: Any, place: str) -> Iterator[Leaf]:
        for name, part in known:
            yield from part(getattr(value, name), _below(place, name))

    return visit if known else None


def _choice(parts: list[tuple[type[Any], _Visit | None]]) -> _Visit | None:
    """By the type that the value has; a string of a closed list is none of the open ones."""

    def visit(value: Any, place: str) -> Iterator[Leaf]:
        for python_type, part in parts:
            if part is not None and type(value) is python_type:
                yield from part(value, place)
                return

    return visit if any(part for _, part in parts) else None


def _python_type(kind: Any) -> type[Any]:
    """What a value of the type is an instance of."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _python_type(get_args(kind)[0])
    if origin is Literal:
        return type(None)  # closed: nothing to visit
    return origin or (kind if isinstance(kind, type) else type(None))
