"""Counters that packets add to and none reads: adding commutes, so each core may count for itself."""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, sym, symbols
from maestro_tool.sharding.access import is_packet_symbol
from maestro_tool.symex.callpath import Analysis, CallPath, Event


def counters(analysis: Analysis) -> set[int]:
    """Globals all of whose accesses are ``x += what the packet, options and time say``."""
    candidates = {o.id for o in analysis.objects if o.kind == "global"}
    for path in analysis.paths:
        uses = _Uses(path)
        for number, e in enumerate(path.events):
            for obj in candidates & set(e.objects):
                if not (_adds(path, e) if e.op == "global_write" else uses.only_added_up(number)):
                    candidates.discard(obj)
    return candidates


def _adds(path: CallPath, write: Event) -> bool:
    """Every stored value is what was read there, plus something that does not come from state."""
    for offset, value in write.stored:
        n = value.width // 8
        old = _read(path, write, offset, n)
        number = concat(*(value_bytes(value)[::-1]))  # as the processor adds: little endian
        if old is None or number.op != "add" or old not in number.args:
            return False
        [added] = [a for a in number.args if a is not old] or [old]
        if not all(is_packet_symbol(s) or _stateless(s) for s in symbols(added)):
            return False
    return True


def _stateless(s: Expr) -> bool:
    return str(s.value) in ("pkt_len", "now") or str(s.value).startswith("cfg.")


def value_bytes(value: Expr) -> list[Expr]:
    from maestro_tool.expr.nodes import extract

    return [extract(value, i + 7, i) for i in reversed(range(0, value.width, 8))]


def _read(path: CallPath, write: Event, offset: int, size: int) -> Expr | None:
    """What a read of the written place gave, as the processor sees it; None if it was not read."""
    for number, e in enumerate(path.events):
        if e is write:
            return None
        if e.op != "global_read" or e.objects != write.objects or e.span is None:
            continue
        if e.span[0] <= offset and offset + size <= e.span[1]:
            return concat(*(sym(f"global_read.{number}.{o}", 8) for o in reversed(range(offset, offset + size))))
    return None


class _Uses:
    """Where what was read of globals goes on one path."""

    def __init__(self, path: CallPath) -> None:
        elsewhere: list[Expr] = [*path.condition, *(v for _, v in path.packet_writes)]
        if isinstance(path.verdict, Expr):
            elsewhere.append(path.verdict)
        for e in path.events:
            elsewhere += [*(e.key or ()), *(x for x in (e.index, e.value) if x is not None)]
            if e.op != "global_write":
                elsewhere += [v for _, v in e.stored]
        self._elsewhere = frozenset[Expr]().union(*map(symbols, elsewhere)) if elsewhere else frozenset()
        self._written = [(e, frozenset[Expr]().union(*(symbols(v) for _, v in e.stored))) for e in self._writes(path)]
        self._events = path.events

    @staticmethod
    def _writes(path: CallPath) -> Iterable[Event]:
        return (e for e in path.events if e.op == "global_write")

    def only_added_up(self, number: int) -> bool:
        """What event ``number`` read is used for writing the same object only."""
        e = self._events[number]
        prefix = f"{e.op}.{number}."
        if any(str(s.value).startswith(prefix) for s in self._elsewhere):
            return False
        return all(
            w.objects == e.objects or not any(str(s.value).startswith(prefix) for s in used)
            for w, used in self._written
        )
