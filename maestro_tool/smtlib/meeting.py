"""Two packets that should meet, as SMT-LIB text: in which ways their ports hash them, and that they are parted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from maestro_tool.smtlib import frames
from maestro_tool.smtlib.terms import Pool, Script, conjunction, disjunction

#: Sets of conditions, one of which packets meet.
Ways = frozenset[frozenset[int]]


class Meeting:
    """``refuted``: whether a script is proved to have no model."""

    def __init__(self, pool: Pool, ports: Sequence[dict[str, Any]], refuted: Callable[[str], bool]) -> None:
        self._pool, self._ports, self._refuted = pool, ports, refuted
        self._reached: dict[tuple[int, Ways], list[frames.Items | None]] = {}

    def modes(self, port: int, ways: Ways) -> list[frames.Items | None]:
        """What is hashed of the frames that meet these conditions: other frames need no obligation."""
        if (port, ways) not in self._reached:
            self._reached[port, ways] = []
            for items, kinds in frames.modes(self._ports[port]).items():
                script = Script(self._pool, {"a": port})
                if not self._refuted(script.text([frames.is_one_of(script, "a", kinds), any_of(script, "a", ways)])):
                    self._reached[port, ways].append(items)
        return self._reached[port, ways]

    def apart(
        self, script: Script, claims: Iterable[str], hashed: tuple[frames.Items | None, ...]
    ) -> tuple[tuple[str, ...], tuple[list[frames.Kind], ...]]:
        """``claims`` of packets a and b, and that they meet different parts of the table; the kinds of their frames."""
        ports = [self._ports[script.ports[side]] for side in "ab"]
        kinds = tuple(frames.modes(port)[items] for port, items in zip(ports, hashed, strict=True))
        met = [frames.part(script, side, port, x) for side, port, x in zip("ab", ports, hashed, strict=True)]
        of_kinds = [frames.is_one_of(script, side, k) for side, k in zip("ab", kinds, strict=True)]
        return (*claims, *of_kinds, f"(distinct {met[0]} {met[1]})"), kinds


def any_of(script: Script, packet: str, ways: Ways) -> str:
    return disjunction(conjunction(script.term(packet, e) for e in sorted(way)) for way in sorted(ways, key=sorted))
