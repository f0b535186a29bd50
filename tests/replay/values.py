"""The numbers that a path's expressions have for one packet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from maestro_tool.expr import Expr
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import symbols
from maestro_tool.expr.symbols import InputPort, MemoryByte, Now, Option, PacketByte, PacketLength, Produced


class UnknownError(Exception):
    """An expression depends on ``symbol``, of which nobody has said what it is."""

    def __init__(self, symbol: Expr) -> None:
        super().__init__(f"nobody knows {symbol.value}")
        self.symbol = symbol


class Values:
    """``configuration``: as in `Analysis`.  What operations gave is added on the way."""

    def __init__(self, port: int, frame: bytes, now: int, configuration: Mapping[str, int]) -> None:
        self._port, self._frame, self._now, self._configuration = port, frame, now, configuration
        self._produced: dict[tuple[int, str | int], int] = {}
        self._invented: set[tuple[int, str | int]] = set()
        self._conditions: dict[Expr, bool] = {}

    def invent(self, event: int, parts: Mapping[str | int, int]) -> None:
        """As `produce`, of what nobody knows: no condition may ask for it."""
        self.produce(event, parts)
        self._invented.update((event, part) for part in parts)

    def produce(self, event: int, parts: Mapping[str | int, int]) -> None:
        self._produced.update(((event, part), value) for part, value in parts.items())

    def __getitem__(self, symbol: Expr) -> int:
        """The bit pattern of a symbol."""
        return self._number(symbol) & ((1 << symbol.width) - 1)

    def _number(self, symbol: Expr) -> int:
        match symbol.value:
            case PacketByte(offset) if offset < len(self._frame):
                return self._frame[offset]
            case PacketLength():
                return len(self._frame)
            case InputPort():
                return self._port
            case Now():
                return self._now
            case Option(place) if place in self._configuration:
                return self._configuration[place]
            case Produced(_, event, part) if (event, part) in self._produced:
                return self._produced[event, part]
        raise UnknownError(symbol)

    def bytes_at(self, offset: int, size: int) -> int:
        """Bytes of the frame as it came, the first one least significant."""
        assert offset + size <= len(self._frame)
        return int.from_bytes(self._frame[offset : offset + size], "little")

    def number(self, e: Expr) -> int:
        return evaluate(e, self)  # type: ignore[arg-type]

    def hold(self, conditions: Iterable[Expr]) -> bool:
        """Whether all conditions do; those behind one that does not are not asked for."""
        return all(self._holds(c) for c in conditions)

    def _holds(self, condition: Expr) -> bool:
        found = self._conditions.get(condition)
        if found is None:
            for symbol in symbols(condition) if self._invented else ():
                if isinstance(symbol.value, Produced) and (symbol.value.event, symbol.value.part) in self._invented:
                    raise UnknownError(symbol)
            found = self._conditions[condition] = bool(self.number(condition))
        return found


class Bytes:
    """Bytes of two blocks, under `MemoryByte` ``a.N`` and ``b.N``."""

    def __init__(self, a: Mapping[int, int], b: Mapping[int, int]) -> None:
        self._of = {"a": a, "b": b}

    def __getitem__(self, symbol: Expr) -> int:
        assert isinstance(symbol.value, MemoryByte), symbol
        return self._of[symbol.value.block][symbol.value.offset]


def evaluate(e: Expr, values: Mapping[Expr, int]) -> int:
    return _numbers(e)(values)[0]


@cache
def _numbers(e: Expr) -> Numbers:
    return Numbers([e])
