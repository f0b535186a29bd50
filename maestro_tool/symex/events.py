"""Appends state operations to a path."""

from __future__ import annotations

from dataclasses import replace

from maestro_tool.expr import Expr, nodes
from maestro_tool.symex.callpath import Event
from maestro_tool.symex.state import State
from maestro_tool.symex.values import memory_order, wire_order


def emit(
    state: State,
    op: str,
    objects: tuple[int, ...],
    loc: int,
    *,
    key: tuple[Expr, ...] | None = None,
    index: Expr | None = None,
    value: Expr | None = None,
    result: bool | None = None,
    key_home: tuple[int, Expr] | None = None,
) -> int:
    """Record an operation; returns its number on this path."""
    length = len(state.conditions)
    state.events.append(Event(op, objects, loc, key, index, value, result, condition_length=length, key_home=key_home))
    return len(state.events) - 1


def amend(state: State, number: int, **changes: Expr | bool | None) -> None:
    """Complete an event, e.g. with the symbol named after it."""
    state.events[number] = replace(state.events[number], **changes)  # type: ignore[arg-type]


def produced(op: str, number: int, what: str, width: int) -> Expr:
    """The symbol for what event ``number`` produced."""
    return nodes.sym(f"{op}.{number}.{what}", width)


def read_bytes(state: State, op: str, object_id: int, index: Expr, offset: int, size: int, loc: int) -> Expr:
    """Record that ``size`` bytes were read; neighbouring reads become one event.  The bytes are fresh symbols."""
    last = state.events[-1] if state.events else None
    if (
        last is not None
        and (last.op, last.objects, last.index) == (op, (object_id,), index)
        and last.span is not None
        and last.span[1] == offset
        and last.condition_length == len(state.conditions)
    ):
        number = len(state.events) - 1
        state.events[number] = replace(last, span=(last.span[0], offset + size))
    else:
        number = len(state.events)
        state.events.append(
            Event(
                op, (object_id,), loc, index=index, span=(offset, offset + size), condition_length=len(state.conditions)
            )
        )
    return memory_order([produced(op, number, str(n), 8) for n in range(offset, offset + size)])


def write_bytes(state: State, op: str, object_id: int, index: Expr, offset: int, value: Expr, loc: int) -> None:
    """Record that ``value`` (as in memory, little endian) was written; neighbouring writes become one event."""
    stored = wire_order(value)
    end = offset + value.width // 8
    last = state.events[-1] if state.events else None
    if (
        last is not None
        and (last.op, last.objects, last.index) == (op, (object_id,), index)
        and last.span is not None
        and last.span[1] == offset
        and last.condition_length == len(state.conditions)
    ):
        state.events[-1] = replace(last, span=(last.span[0], end), stored=(*last.stored, (offset, stored)))
        return
    state.events.append(
        Event(
            op,
            (object_id,),
            loc,
            index=index,
            span=(offset, end),
            stored=((offset, stored),),
            condition_length=len(state.conditions),
        )
    )


def opaque(state: State, function: str, operands: tuple[Expr, ...], width: int, loc: int) -> Expr:
    """The value of a function that is not modelled: equal operands give equal values, nothing else is known.

    The event's ``key`` holds the operands.
    """
    fact = ("opaque", function, *operands)
    known = state.facts.get(fact)
    if isinstance(known, Expr):
        return known
    number = emit(state, "opaque", (), loc, key=operands)
    value = produced("opaque", number, "value", width)
    amend(state, number, value=value)
    state.facts[fact] = value
    return value


def unknown(state: State, width: int, loc: int, operands: tuple[Expr, ...] = (), what: str = "value") -> Expr:
    """A value of which nothing is known, not even that it is the same next time.

    ``operands``: what it may depend on, besides bytes that the packet brought.  ``what``: its name in `callpath`.
    """
    number = emit(state, "opaque", (), loc, key=operands)
    value = produced("opaque", number, what, width)
    amend(state, number, value=value)
    return value
