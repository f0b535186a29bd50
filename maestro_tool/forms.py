"""Artifacts as JSON text, and back: derived from the types of their fields, so that no class has code of its own.

A dataclass is an object with a member for each field, a tuple a list, an expression ``[n]``: entry n of one table of
nodes that the document starts with (`expr.text.Pool`).  What is read may come from a shared cache, so nothing in it is
trusted: types are checked strictly, fields are annotated with what types do not say (`Natural`, `Boolean` ...), classes
check what is between fields (`checked`), and at last the text must be, to the byte, what `write` makes of the value:
then no member can be missing, unknown or there twice, and no number can be written in another way.

pydantic reads.  Loading it takes as long as many a command, so it is loaded when something is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

from maestro_tool.expr import Expr
from maestro_tool.expr.text import Pool, read_pool
from maestro_tool.meaning import Means

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA: Final = "maestro-form/1"
T = TypeVar("T")


def write(value: Any, schema: str = SCHEMA) -> str:
    """The one text that is ``value``."""
    pool = Pool()
    written = _plain(value, pool)
    document = {"schema": schema, "expressions": pool.entries, "value": written}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    text.encode()  # a UnicodeEncodeError, which is a ValueError, if this is no text
    return text


def _plain(value: Any, pool: Pool) -> Any:
    """``value`` as JSON knows it.  (pydantic could write, too, but a step that only writes need not load it.)"""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is Expr:
        return [pool.add(value)]
    if isinstance(value, (tuple, list)):
        return [_plain(item, pool) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (str, int)):  # an enumeration's
        return value
    if (name := getattr(value, "written_as", None)) is not None:
        return name
    if isinstance(value, Mapping):
        return {name: _plain(item, pool) for name, item in value.items()}
    return {name: _plain(getattr(value, name), pool) for name in _members(kind)}  # type: ignore[arg-type]  # types are hashable


_AS_IT_IS: Final = frozenset({type(None), bool, int, float, str})


@cache
def _members(kind: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def read(kind: type[T], text: str, schema: str = SCHEMA) -> T:
    """Inverse of `write`; ValueError on anything else."""
    known: list[Expr] = []
    document = _adapter(kind).validate_json(text, strict=True, context=known)
    if write(document.value, schema) != text:
        raise ValueError("not written by this tool: something is missing, superfluous, or there twice")
    return document.value


def prepare(kind: type[Any]) -> None:
    """Do what the first `read` of this kind would do."""
    _adapter(kind)


def _adapter(kind: type[T]) -> TypeAdapter[_Document[T]]:
    return _adapter_of(kind)  # type: ignore[arg-type]  # types are hashable


@cache
def _adapter_of(kind: Any) -> TypeAdapter[_Document[Any]]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Document[kind])


# --------------------------------------------------------------------------- what fields are annotated with


@dataclass(frozen=True, slots=True)
class _AtLeast:
    """A number that is not less."""

    least: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return {**handler(source), "ge": self.least}


@dataclass(frozen=True, slots=True)
class _Wide:
    """An expression of so many bits; 0: a Boolean."""

    width: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return checked(handler(source), self._check)

    def _check(self, e: Expr) -> None:
        if e.width != self.width:
            raise ValueError(f"{e.width} bits where {self.width} are needed")


@dataclass(frozen=True, slots=True)
class _Hexadecimal:
    """Bytes, written as digits."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema as core

        return core.no_info_after_validator_function(bytes.fromhex, core.str_schema())


@dataclass(frozen=True, slots=True)
class _Table:
    """The nodes of all expressions: they are built before anything that refers to them is read."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema as core

        return core.with_info_plain_validator_function(lambda nodes, info: info.context.extend(read_pool(nodes)))


#: A number of things, a place in a list, an object's number.
Natural = Annotated[int, _AtLeast(0)]
#: The number of a place in the source: an index of `Program.locations`.
Location = Annotated[int, _AtLeast(0), Means("location")]
Boolean = Annotated[Expr, _Wide(0)]
Byte = Annotated[Expr, _Wide(8)]
Word = Annotated[Expr, _Wide(16)]
Hexadecimal = Annotated[bytes, _Hexadecimal()]


# --------------------------------------------------------------------------- for classes with a schema of their own


def checked(schema: Any, check: Callable[[T], None]) -> Any:
    """``schema`` of values that ``check`` has nothing against; it raises ValueError."""
    from pydantic_core import core_schema as core

    def found(value: T) -> T:
        check(value)
        return value

    return core.no_info_after_validator_function(found, schema)


def row_of(rows: Mapping[str, Any]) -> Any:
    """A row of a table, by the name that its member ``written_as`` has."""
    from pydantic_core import core_schema as core

    return core.no_info_after_validator_function(rows.__getitem__, core.literal_schema([*rows]))


@dataclass(frozen=True, slots=True)
class _Document(Generic[T]):
    """Fields are read in this order."""

    schema: str
    expressions: Annotated[None, _Table()]
    value: T
