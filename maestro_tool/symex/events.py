"""Appends state operations to a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import sym
from maestro_tool.expr.symbols import Produced
from maestro_tool.operations import operation
from maestro_tool.symex.callpath import Event
from maestro_tool.symex.site import CallSite, Outcome
from maestro_tool.symex.state import State
from maestro_tool.symex.values import Key, memory_order, wire_order


def emit(state: State, name: str, objects: tuple[int, ...], loc: int, **members: Any) -> int:
    """Record an operation; returns its number on this path.  ``members``: those of `Event` that its row names."""
    op = operation(name)
    assert members.keys() <= op.operands.keys() | {"result", "span", "key_offset", "function"}, (name, members)
    state.events.append(Event(op, objects, loc, condition_length=len(state.conditions), **members))
    return len(state.events) - 1


def asked(site: CallSite, name: str, objects: tuple[int, ...], **members: Any) -> Outcome:
    """Record an operation that answers yes or no; an answer that the NF ignores is not worth a fork."""
    if not site.result_used:
        emit(site.state, name, objects, site.loc, **members)
        return site.answer(0)
    other = site.state.fork()
    for state, answer in ((site.state, True), (other, False)):
        emit(state, name, objects, site.loc, **members, result=answer)
    return [(site.state, site.answer(1)), (other, site.answer(0))]


def named(key: Key) -> dict[str, Any]:
    """The members of an event that is about the entry of ``key``."""
    return {"key": key.fields, "raw": key.raw}


def amend(state: State, number: int, **changes: Expr | bool | None) -> None:
    """Complete an event, e.g. with the symbol named after it."""
    state.events[number] = replace(state.events[number], **changes)  # type: ignore[arg-type]


def produced(state: State, number: int, part: str | int, width: int) -> Expr:
    """The symbol for what event ``number`` produced; its row lists the parts."""
    op = state.events[number].op
    expected = op.produces["*" if isinstance(part, int) else part]
    assert expected is None or expected == width, (op, part, width)
    return sym(Produced(op.name, number, part), width)


def read_bytes(state: State, name: str, object_id: int, index: Expr, offset: int, size: int, loc: int) -> Expr:
    """Record that ``size`` bytes were read; neighbouring reads become one event.  The bytes are fresh symbols."""
    last = _neighbour(state, name, object_id, index, offset)
    if last is not None and last.span is not None:
        number = len(state.events) - 1
        state.events[number] = replace(last, span=(last.span[0], offset + size))
    else:
        number = emit(state, name, (object_id,), loc, index=index, span=(offset, offset + size))
    return memory_order([produced(state, number, n, 8) for n in range(offset, offset + size)])


def write_bytes(state: State, name: str, object_id: int, index: Expr, offset: int, value: Expr, loc: int) -> None:
    """Record that ``value`` (as in memory, little endian) was written; neighbouring writes become one event."""
    stored = wire_order(value)
    end = offset + value.width // 8
    last = _neighbour(state, name, object_id, index, offset)
    if last is not None and last.span is not None:
        state.events[-1] = replace(last, span=(last.span[0], end), stored=(*last.stored, (offset, stored)))
        return
    emit(state, name, (object_id,), loc, index=index, span=(offset, end), stored=((offset, stored),))


def _neighbour(state: State, name: str, object_id: int, index: Expr, offset: int) -> Event | None:
    """The last event, if it is the same on the bytes that end at ``offset``."""
    last = state.events[-1] if state.events else None
    if (
        last is not None
        and (last.op.name, last.objects, last.index) == (name, (object_id,), index)
        and last.span is not None
        and last.span[1] == offset
        and last.condition_length == len(state.conditions)
    ):
        return last
    return None


def opaque(state: State, function: str, operands: tuple[Expr, ...], width: int, loc: int) -> Expr:
    """The value of a function that is not modelled: equal operands give equal values, nothing else is known."""
    fact = ("opaque", function, *operands)
    known = state.facts.get(fact)
    if isinstance(known, Expr):
        return known
    value = unknown(state, width, loc, operands, function=function)
    state.facts[fact] = value
    return value


#: What `somewhere` calls its values: no name of a function.
SOMEWHERE: Final = re.compile(r"\d+ bits of (\d+|the frame)")


def somewhere(state: State, memory: int | Literal["the frame"], offset: Expr, width: int, loc: int) -> Expr:
    """The bits at an offset of a block, or of the frame, that is not known: equal offsets give equal bits.

    Reads of other widths have nothing to do with each other, which is less than is true.
    """
    return opaque(state, f"{width} bits of {memory}", (offset,), width, loc)


def opaque_values(state: State) -> Iterator[tuple[str, tuple[Expr, ...], Expr]]:
    """What `opaque` gave on this path: function, operands and value."""
    for (kind, *rest), value in state.facts.items():
        if kind == "opaque" and isinstance(value, Expr):
            function, *operands = rest
            yield str(function), tuple(e for e in operands if isinstance(e, Expr)), value


def unknown(
    state: State, width: int, loc: int, operands: tuple[Expr, ...] = (), part: str = "value", function: str = ""
) -> Expr:
    """A value of which nothing is known, not even that it is the same next time.

    ``operands``: what it may depend on, besides bytes that the packet brought.  ``part``: its name in `callpath`;
    ``function``: as there.
    """
    number = emit(state, "opaque", (), loc, operands=operands, function=function)
    value = produced(state, number, part, width)
    amend(state, number, value=value)
    return value
