"""The paths of a port as a tree: where they part, and by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from maestro_tool.certificate.read import Event, Path, answer


@dataclass(frozen=True)
class Fork:
    """Paths that are one so far, under ``given``; then each meets one of ``ways``.  Or, where it has no ways, something
    ``wrong`` with them, about ``objects``."""

    paths: tuple[Path, ...]
    given: tuple[int, ...] = ()
    ways: tuple[tuple[int, ...], ...] = ()
    wrong: str = ""
    objects: tuple[int, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(p.location for p in self.paths))


def forks(paths: Sequence[Path], event: int = 0, given: int = 0) -> Iterator[Fork]:
    """All of paths that are one up to ``event`` and in their first ``given`` conditions.  They part by conditions; and
    if these are the same, by what the next event answers, or not at all."""
    ways: dict[tuple[int, ...], list[Path]] = defaultdict(list)
    for p in paths:
        ways[p.conditions[given : p.events[event]["conditions"] if event < len(p.events) else None]].append(p)
    if list(ways) != [()]:
        yield Fork(tuple(paths), paths[0].conditions[:given] if paths else (), tuple(ways))
    for way, mine in ways.items():
        ends = [p for p in mine if event == len(p.events)]
        asked = [_asked(p, event) for p in mine if p not in ends]
        answers: dict[bool | None, list[Path]] = defaultdict(list)
        for p in mine if not ends else ():
            answers[p.events[event].get("result")].append(p)
        known = ({None}, {True, False}, {answer(mine[0], asked[0], event)}) if asked else ()
        if any(not _same(a, asked[0]) for a in asked) or (ends and len(mine) > 1):
            yield Fork(tuple(mine), wrong="paths differ without a reason")
        elif answers and set(answers) not in known:
            text = f"not every answer of {asked[0]['op']} has a path"
            yield Fork(tuple(mine), wrong=text, objects=tuple(asked[0]["objects"]))
        else:
            for same in answers.values():
                yield from forks(same, event + 1, given + len(way))


def _asked(path: Path, event: int) -> Event:
    """The event but for its answer; of a path that is left out, its last event may go on elsewhere."""
    open_end: Any = ("span", "stored") if path.left_out and event + 1 == len(path.events) else ()
    return {m: v for m, v in path.events[event].items() if m != "result" and m not in open_end}


def _same(a: Event, b: Event) -> bool:
    open_end = not a.keys() >= b.keys() or not b.keys() >= a.keys()
    return all(b[m] == v for m, v in a.items() if m in b) if open_end else a == b
