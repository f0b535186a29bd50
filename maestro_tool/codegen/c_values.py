"""Expressions over a packet as C that calculates them in 64 bits."""

from __future__ import annotations

from collections.abc import Callable

from maestro_tool.expr import Expr
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.symbols import InputPort, PacketByte, PacketLength
from maestro_tool.expr.walk import bottom_up

#: Larger ones cost more than they save.  What is shared is written, and calculated, each time.
_MOST_NODES = 150
#: An operator may name an argument twice.
_LONGEST = 1 << 16


class UnwritableError(Exception):
    """An expression that is not to be calculated ahead of the packet."""


class Writer:
    """Writes expressions of packets of ``port`` whose frame is ``f``, of ``length`` bytes.

    ``symbol`` writes the symbols that are not of the packet, or raises `UnwritableError`.  ``needed``: bytes of the
    frame that what was written reads.
    """

    def __init__(self, port: int, symbol: Callable[[Expr], str]) -> None:
        self.needed = 0
        self._port, self._symbol = port, symbol

    def write(self, e: Expr) -> str:
        """``e`` in parentheses; of Booleans 0 or 1, of numbers their bits and zeros above."""
        return bottom_up(e, self._written, {}, lambda x: x.args[::-1])[0]

    def _written(self, e: Expr, arguments: list[tuple[str, int]]) -> tuple[str, int]:
        """The text, and of how many nodes it is."""
        arguments = arguments[::-1]  # symbols are asked for from left to right, until one cannot be written
        size = 1 + sum(n for _, n in arguments)
        text = None
        if size <= _MOST_NODES and e.width <= 64:
            text = self._text(e, [text for text, _ in arguments])
        if text is None or len(text) > _LONGEST:
            raise UnwritableError
        return text, size

    def _text(self, e: Expr, arguments: list[str]) -> str | None:
        if e.is_const:
            return f"UINT64_C({e.const})"
        return self._symbol_text(e) if e.op == "sym" else OPERATORS[e.op].code(e, *arguments)

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
