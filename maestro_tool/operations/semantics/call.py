"""The form of all semantics: a concrete call, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: A key as operations name it: a number for each part that its object tells keys apart by.
Key = tuple[int, ...]

#: What a part of an outcome is called; the byte's offset, if it is a byte of an entry.
Part = str | int


class UndefinedError(Exception):
    """The call has no meaning: libVig leaves it undefined, and so does the runtime."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with concrete operands: those that its row lists, called as there.

    ``objects``: abstract objects, in the row's order.  ``key``: the members ``key`` or ``raw``, whichever names keys of
    the object.  ``stored``: (offset, bytes as in memory).  ``key_home``: a vector and an index.
    """

    objects: tuple[Any, ...]
    key: Key = ()
    index: int = 0
    value: int = 0
    operands: tuple[int, ...] = ()
    span: tuple[int, int] = (0, 0)
    stored: tuple[tuple[int, bytes], ...] = ()
    key_home: tuple[Any, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``answer``: yes or no, of operations that answer.  ``produced``: the parts that the row lists, as far as this
    answer has them."""

    answer: bool | None = None
    produced: Mapping[Part, int] = field(default_factory=dict)


#: Changes the call's objects, and says what the operation gave.
Semantics = Callable[[Call], Outcome]

DONE = Outcome()


def signed(pattern: int, bits: int) -> int:
    """The number that C reads in a bit pattern."""
    pattern &= (1 << bits) - 1
    return pattern - (1 << bits) if pattern >> (bits - 1) else pattern


def pattern(number: int, bits: int) -> int:
    """The bit pattern of a number that may be negative."""
    return number & ((1 << bits) - 1)
