"""How long commands of this build took."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass

from maestro_tool import steps


@dataclass(frozen=True, slots=True)
class Command:
    """A command that has ended; ``start`` and ``seconds`` by the clock of `time.monotonic`, ``thread`` that waited."""

    words: tuple[str, ...]
    outputs: frozenset[str]
    start: float
    seconds: float
    thread: int


@contextmanager
def on(words: Sequence[str]) -> Iterator[None]:
    """Take the time that a command of these words takes."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    command = Command(tuple(words), steps.outputs(words), start, took, threading.get_ident())
    commands().append(command)
    for name in command.outputs:
        _by_output().setdefault(name, []).append(command)


def seconds(names: Set[str]) -> float:
    """Of all commands that make a file, or fill a folder, of these names."""
    made = _by_output()
    return sum(command.seconds for command in {c for name in names for c in made.get(name, ())})


@functools.cache
def commands() -> list[Command]:
    """Of this process, which is one build."""
    return []


@functools.cache
def _by_output() -> dict[str, list[Command]]:
    """The same, by what they make."""
    return {}
