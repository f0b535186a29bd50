"""Expressions as text for people and as JSON for artifacts.

The text has a walk of its own: what is shared is written again wherever it occurs, until there is no room, and bytes
that stand side by side are looked at together.  What an operator is written as is in its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maestro_tool.expr import nodes
from maestro_tool.expr.nodes import Expr
from maestro_tool.expr.operators import OPERATORS, PART
from maestro_tool.expr.symbols import PacketByte, Produced, parse
from maestro_tool.expr.walk import bottom_up

#: What JSON holds beside the operators.
_LEAVES = ("const", "sym")

#: Widest bit-vector accepted from JSON: a whole frame.
_MAX_WIDTH = 1 << 19

#: Text of an expression is cut (``...``) after this many nodes: shared subterms are written out each time.
_MAX_SHOWN_NODES = 500


def show(e: Expr) -> str:
    """A readable form; consecutive packet bytes print as ``pkt[a..b]``, little-endian comparisons in wire order."""
    return _show(e, [_MAX_SHOWN_NODES])


def _show(e: Expr, room: list[int]) -> str:
    """``room`` holds how many more nodes may be written."""
    room[0] -= 1
    if room[0] < 0:
        return "..."
    args = [_show(a, room) for a in e.args] if e.op not in ("concat", "eq") else []
    match e.op:
        case "const":
            if e.width == 0:
                return "true" if e.const else "false"
            return _number(e.const, e.width)
        case "sym":
            return f"pkt[{e.value.offset}]" if isinstance(e.value, PacketByte) and not e.value.packet else str(e.value)
        case "concat":
            span = packet_span(e)
            if span:
                return f"pkt[{span[0]}..{span[1] - 1}]"
            if (span := packet_span(_reversed(e))) is not None:
                return f"le(pkt[{span[0]}..{span[1] - 1}])"
            if (read := _byte_run(e)) is not None:
                return read
            if all(a.width == 8 for a in e.args) and (turned := _reversed(e)).op != "concat":
                return f"le({_show(turned, room)})"
            return "(" + " ++ ".join(_show(a, room) for a in e.args) + ")"
        case "extract":
            high, low = e.bounds
            return f"{args[0]}[{high}:{low}]"
        case "lnot" if e.args[0].op == "eq":
            return _show_eq(e.args[0], "!=", room)
        case "eq":
            return _show_eq(e, "==", room)
        case "ite":
            return f"({args[0]} ? {args[1]} : {args[2]})"
    sign = OPERATORS[e.op].text
    return f"{sign}{args[0]}" if len(args) == 1 else f"({args[0]} {sign} {args[1]})"


def _number(value: int, width: int) -> str:
    if value < 1024:
        return str(value)
    negative = value - (1 << width)
    return str(negative) if negative >= -65536 and width > 16 else hex(value)


def _show_eq(e: Expr, sign: str, room: list[int]) -> str:
    left, right = e.args
    if left.op == "concat" and packet_span(left) is None and packet_span(_reversed(left)) is not None:
        if right.is_const:
            swapped = int.from_bytes(right.const.to_bytes(right.width // 8, "little"), "big")
            left, right = _reversed(left), nodes.const(swapped, right.width)
        elif right.op == "concat" and packet_span(_reversed(right)) is not None:
            left, right = _reversed(left), _reversed(right)
    return f"({_show(left, room)} {sign} {_show(right, room)})"


def _reversed(e: Expr) -> Expr:
    return nodes.concat(*reversed(e.args))


def _byte_run(e: Expr) -> str | None:
    """``vector_read.5[0..7]`` for the bytes that one event read, in memory (``le``) or in wire order."""
    numbers: list[int] = []
    read: set[str] = set()
    for a in e.args:
        if not isinstance(a.value, Produced) or not isinstance(a.value.part, int):
            return None
        numbers.append(a.value.part)
        read.add(f"{a.value.operation}.{a.value.event}")
    if len(read) != 1:
        return None
    name, count = read.pop(), len(numbers)
    if numbers == list(range(numbers[0], numbers[0] + count)):
        return f"{name}[{numbers[0]}..{numbers[-1]}]"
    if numbers == list(range(numbers[0], numbers[0] - count, -1)):
        return f"le({name}[{numbers[-1]}..{numbers[0]}])"
    return None


def packet_span(e: Expr) -> tuple[int, int] | None:
    """(first, end) when ``e`` is packet bytes first..end-1 in network order, else None."""
    parts = e.args if e.op == "concat" else (e,)
    first = end = None
    for p in parts:
        if not isinstance(p.value, PacketByte) or p.value.packet:
            return None
        n = p.value.offset
        if end is None:
            first = n
        elif n != end:
            return None
        end = n + 1
    return None if first is None or end is None else (first, end)


class Pool:
    """Writes expressions into one table of nodes, each shared subterm once; `entries` is the JSON.

    A node is ``[op, width, value, argument indexes...]``; arguments come before what uses them.
    """

    def __init__(self) -> None:
        self.entries: list[list[Any]] = []
        self._index: dict[Expr, int] = {}

    def add(self, e: Expr) -> int:
        """Index of ``e`` in the table."""
        return bottom_up(e, self._append, self._index)

    def _append(self, e: Expr, args: list[int]) -> int:
        self.entries.append([e.op, e.width, _value_to_json(e), *args])
        return len(self.entries) - 1


def _value_to_json(e: Expr) -> int | str | list[int] | None:
    if e.op == "sym":
        return str(e.value)
    if e.op == "extract":
        return list(e.bounds)
    return e.const if e.is_const else None


def read_pool(entries: Any) -> list[Expr]:
    """The expressions of a table written by `Pool`, rebuilt and checked; ValueError on anything else."""
    result: list[Expr] = []
    for entry in entries if isinstance(entries, list) else [entries]:
        result.append(_read_node(entry, result))
    return result


def _read_node(entry: Any, known: Sequence[Expr]) -> Expr:
    if not isinstance(entry, list) or len(entry) < 3:
        raise ValueError(f"not an expression node: {entry!r:.80}")
    op, width, value, *rest = entry
    if not isinstance(op, str) or op not in (*_LEAVES, *OPERATORS):
        raise ValueError(f"unknown operation {op!r:.80}")
    if type(width) is not int or not 0 <= width <= _MAX_WIDTH:
        raise ValueError(f"bad width {width!r:.80}")
    if any(type(i) is not int or not 0 <= i < len(known) for i in rest):
        raise ValueError(f"bad argument in {op}")
    args = tuple(known[i] for i in rest)
    if op in OPERATORS:
        return _read_operation(op, width, value, args)
    if args:
        raise ValueError(f"wrong number of arguments for {op}")
    if op == "const":
        if type(value) is not int or not 0 <= value < 1 << max(width, 1):
            raise ValueError(f"bad constant {value!r:.80}")
        return nodes.const(value, width) if width else nodes.boolean(bool(value))
    if not isinstance(value, str):
        raise ValueError(f"bad symbol {value!r:.80}")
    return nodes.sym(parse(value, width), width)


def _read_operation(op: str, width: int, value: Any, args: tuple[Expr, ...]) -> Expr:
    form = OPERATORS[op].form
    if len(args) != form.arity and not (form.arity is None and args):
        raise ValueError(f"wrong number of arguments for {op}")
    if form is PART:
        if not (isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value)):
            raise ValueError(f"bad bounds of {op}")
        if not 0 <= value[1] <= value[0] < args[0].width or width != value[0] - value[1] + 1:
            raise ValueError(f"bounds of {op} outside of its argument")
    elif value is not None:
        raise ValueError(f"{op} has no value")
    if form.width(tuple(a.width for a in args), width) != width:
        raise ValueError(f"widths of {op} do not fit")
    return nodes.build(op, args, width, value)


def reference() -> Any:
    """How pydantic reads an expression: ``[n]`` for entry n of the table that `read_pool` made, its context."""
    from pydantic_core import core_schema as core

    def read(value: Any, info: Any) -> Expr:
        if type(value) is not list or len(value) != 1 or type(value[0]) is not int:
            raise ValueError("not an expression")
        if not 0 <= value[0] < len(info.context):
            raise ValueError("an expression that is not in the table")
        found: Expr = info.context[value[0]]
        return found

    return core.with_info_plain_validator_function(read)


def to_json(e: Expr) -> list[Any]:
    """The table of `Pool` with ``e`` as its last node."""
    pool = Pool()
    pool.add(e)
    return pool.entries


def from_json(data: Any) -> Expr:
    """Inverse of `to_json`, rebuilt through the folding constructors; ValueError on anything else."""
    known = read_pool(data)
    if not known:
        raise ValueError("not an expression: an empty table")
    return known[-1]
