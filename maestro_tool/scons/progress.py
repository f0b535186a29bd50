"""On a terminal, a line that says how far a build is; it is written over by the next, and by what steps print."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from SCons.Node import executing
from SCons.Node.FS import File
from SCons.Script import Main, Progress

from maestro_tool.scons import why

_LINE_EVERY: Final = 0.05  # seconds, while nothing runs
_ERASE: Final = "\r\033[K"


def begin(phases: Callable[[], Mapping[Any, str]], *, explain: bool) -> None:
    """Show progress, where that is a terminal and the user's SConstruct shows none of its own.

    ``phases``: what is done to make each node that was declared.  ``explain``: tell of each step why it runs.
    """
    if Main.ProgressObject is None and (explain or _is_terminal()):
        Progress(_Line(phases, explain=explain))


def erase() -> None:
    """What is printed next is to begin on an empty line."""
    if _is_terminal():
        sys.stdout.write(_ERASE)


def print_command(line: str, target: Any = None, source: Any = None, env: Any = None) -> None:
    """$PRINT_CMD_LINE_FUNC: as SCons does, on an empty line."""
    erase()
    sys.stdout.write(f"{line}\n")


@functools.cache
def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class _Line:
    """Called with each node when it is looked at, and before a step makes it."""

    def __init__(self, phases: Callable[[], Mapping[Any, str]], *, explain: bool) -> None:
        self._declared, self._explain = phases, explain
        self._seen: set[Any] = set()
        self._last = 0.0

    def __call__(self, node: Any) -> None:
        if not isinstance(node, File) or not node.has_builder():
            return
        runs = node.get_state() == executing
        if runs and self._explain:
            erase()
            why.tell(node)
        phases = self._phases
        if node in phases:
            self._seen.add(node)
        if _is_terminal() and (runs or time.monotonic() - self._last >= _LINE_EVERY):
            self._last = time.monotonic()
            self._show(phases.get(node, "make"), node, len(self._seen), len(phases))

    @functools.cached_property
    def _phases(self) -> Mapping[Any, str]:
        return self._declared()

    def _show(self, phase: str, node: Any, count: int, total: int) -> None:
        text = f"[{count}/{total}] {phase} {node}"[: shutil.get_terminal_size().columns - 1]
        # The cursor goes back: what a step prints comes there.
        sys.stdout.write(f"{_ERASE}{text}\r")
        sys.stdout.flush()


def named(nodes: Iterable[tuple[str, Iterable[Any]]]) -> dict[Any, str]:
    """The phase of each node that there is."""
    return {node: phase for phase, several in nodes for node in several if node is not None}
