"""Expressions over a packet as C that calculates them in 64 bits."""

from __future__ import annotations

from collections.abc import Callable

from maestro_tool.expr import Expr
from maestro_tool.expr.symbols import InputPort, PacketByte, PacketLength

#: Larger ones cost more than they save.
_MOST_NODES = 150
_COMPARED = {"eq": "==", "ult": "<", "ule": "<=", "slt": "<", "sle": "<="}
_WRITTEN = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "udiv": "/", "urem": "%"}


class UnwritableError(Exception):
    """An expression that is not to be calculated ahead of the packet."""


class Writer:
    """Writes expressions of packets of ``port`` whose frame is ``f``, of ``length`` bytes.

    ``symbol`` writes the symbols that are not of the packet, or raises `UnwritableError`.  ``needed``: bytes of the
    frame that what was written reads.
    """

    def __init__(self, port: int, symbol: Callable[[Expr], str]) -> None:
        self.needed = 0
        self._port, self._symbol, self._nodes = port, symbol, 0

    def write(self, e: Expr) -> str:
        """``e`` in parentheses; of Booleans 0 or 1, of numbers their bits and zeros above."""
        self._nodes = 0
        return self._write(e)

    def _write(self, e: Expr) -> str:
        self._nodes += 1
        if self._nodes > _MOST_NODES or e.width > 64:
            raise UnwritableError
        if e.is_const:
            return f"UINT64_C({e.const})"
        if e.op == "sym":
            return self._symbol_text(e)
        arguments = [self._write(a) for a in e.args]
        match e.op, arguments:
            case "udiv" | "urem", [a, b] if e.args[1].is_const and e.args[1].const > 0:
                return f"({a} {_WRITTEN[e.op]} {b})"
            case "add" | "sub" | "mul" | "and" | "or" | "xor", [a, b]:
                return _cut(f"({a} {_WRITTEN[e.op]} {b})", e.width)
            case "shl" | "lshr", [a, b]:
                sign = "<<" if e.op == "shl" else ">>"
                return _cut(f"({b} < {e.width} ? {a} {sign} {b} : 0)", e.width)
            case "eq" | "ult" | "ule", [a, b]:
                return f"({a} {_COMPARED[e.op]} {b})"
            case "slt" | "sle", [a, b]:
                width = e.args[0].width
                return f"({_signed(a, width)} {_COMPARED[e.op]} {_signed(b, width)})"
            case "land", [a, b]:
                return f"({a} & {b})"
            case "lor", [a, b]:
                return f"({a} | {b})"
            case "lnot", [a]:
                return f"(!{a})"
            case "not", [a]:
                return _cut(f"(~{a})", e.width)
            case "ite", [c, a, b]:
                return f"({c} ? {a} : {b})"
            case "extract", [a]:
                return _cut(f"({a} >> {e.bounds[1]})", e.width)
            case "zext", [a]:
                return a
            case "sext", [a]:
                return _cut(f"((uint64_t){_signed(a, e.args[0].width)})", e.width)
            case "concat", _:
                low, parts = e.width, []
                for part, text in zip(e.args, arguments, strict=True):
                    low -= part.width
                    parts.append(f"{text} << {low}" if low else text)
                return f"({' | '.join(parts)})"
        raise UnwritableError

    def _symbol_text(self, e: Expr) -> str:
        match e.value:
            case PacketByte(offset, ""):
                self.needed = max(self.needed, offset + 1)
                return f"(uint64_t)f[{offset}]"
            case PacketLength(""):
                return "(uint64_t)length"
            case InputPort():
                return f"UINT64_C({self._port})"
        return self._symbol(e)


def _cut(text: str, width: int) -> str:
    return text if width == 64 else f"({text} & UINT64_C({(1 << width) - 1}))"


def _signed(text: str, width: int) -> str:
    return f"((int64_t)({text} << {64 - width}) >> {64 - width})"
