"""Expressions as text for people and as JSON for artifacts."""

from __future__ import annotations

from typing import Any

from maestro_tool.expr import nodes
from maestro_tool.expr.nodes import Expr

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "udiv": "/", "urem": "%", "sdiv": "/s", "srem": "%s", "and": "&",
    "or": "|", "xor": "^", "shl": "<<", "lshr": ">>", "ashr": ">>s", "eq": "==", "ult": "<", "ule": "<=",
    "slt": "<s", "sle": "<=s", "land": "&&", "lor": "||",
}  # fmt: skip


def show(e: Expr) -> str:
    """A readable form; consecutive packet bytes print as ``pkt[a..b]``."""
    match e.op:
        case "const":
            if e.width == 0:
                return "true" if e.const else "false"
            return str(e.const) if e.const < 1024 else hex(e.const)
        case "sym":
            name = str(e.value)
            return f"pkt[{name[4:]}]" if name.startswith("pkt.") else name
        case "concat":
            span = packet_span(e)
            if span:
                return f"pkt[{span[0]}..{span[1] - 1}]"
            return "(" + " ++ ".join(show(a) for a in e.args) + ")"
        case "extract":
            return f"{show(e.args[0])}[{e.value[0]}:{e.value[1]}]"  # type: ignore[index]
        case "zext" | "sext":
            return show(e.args[0])
        case "not":
            return f"~{show(e.args[0])}"
        case "lnot":
            if e.args[0].op == "eq":
                return f"({show(e.args[0].args[0])} != {show(e.args[0].args[1])})"
            return f"!{show(e.args[0])}"
        case "ite":
            return f"({show(e.args[0])} ? {show(e.args[1])} : {show(e.args[2])})"
    return f"({show(e.args[0])} {_INFIX[e.op]} {show(e.args[1])})"


def packet_span(e: Expr) -> tuple[int, int] | None:
    """(first, end) when ``e`` is packet bytes first..end-1 in network order, else None."""
    parts = e.args if e.op == "concat" else (e,)
    first = end = None
    for p in parts:
        if p.op != "sym" or not str(p.value).startswith("pkt."):
            return None
        n = int(str(p.value)[4:])
        if end is None:
            first = n
        elif n != end:
            return None
        end = n + 1
    return None if first is None or end is None else (first, end)


def to_json(e: Expr) -> list[Any]:
    """``[op, width, value, args...]``; shared subterms are written out."""
    value = list(e.value) if isinstance(e.value, tuple) else e.value
    return [e.op, e.width, value, *(to_json(a) for a in e.args)]


def from_json(data: Any) -> Expr:
    """Inverse of `to_json`, rebuilt through the folding constructors; ValueError on anything else."""
    try:
        op, width, value, *rest = data
        args = tuple(from_json(a) for a in rest)
        if not isinstance(width, int) or not 0 <= width <= 1 << 16:
            raise ValueError(f"bad width {width!r}")
        if op == "const":
            return nodes.boolean(bool(value)) if width == 0 else nodes.const(int(value), width)
        if op == "sym":
            return nodes.sym(str(value), width)
        template = object.__new__(Expr)
        template.op, template.width, template.args = str(op), width, args
        template.value = tuple(value) if isinstance(value, list) else None
        result = nodes.rebuild(template, args)
        if result.width != width:
            raise ValueError("width does not match")
        return result
    except (TypeError, KeyError, IndexError, AssertionError, ValueError) as error:
        raise ValueError(f"not an expression: {error}") from None
