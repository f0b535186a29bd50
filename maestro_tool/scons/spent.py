"""How long commands of this build took."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager

from maestro_tool import steps


@contextmanager
def on(words: Sequence[str]) -> Iterator[None]:
    """Take the time that a command of these words takes."""
    start = time.monotonic()
    yield
    _log().append((steps.outputs(words), time.monotonic() - start))


def seconds(names: Set[str]) -> float:
    """Of all commands that make a file, or fill a folder, of these names."""
    return sum(took for made, took in _log() if not made.isdisjoint(names))


@functools.cache
def _log() -> list[tuple[frozenset[str], float]]:
    """Of this process, which is one build."""
    return []
