"""Program -> its call paths, by the quicker way where that is confirmed.

A module of its own, because what it imports is what a cached analysis depends on (`fingerprint.ANALYSIS`).
"""

from __future__ import annotations

from collections.abc import Callable

from maestro_tool import sharding, symex
from maestro_tool.frontend.ir import Program
from maestro_tool.symex.files import Reader, content


def find(
    program: Program,
    arguments: tuple[str, ...],
    ports: int,
    limits: symex.Limits,
    pure: tuple[str, ...],
    progress: Callable[[int, int], None] | None,
    read: Reader = content,
) -> symex.Analysis:
    """The analysis of ``program``.  ``progress`` is called with a port and the number of paths so far; ``read`` gives
    set-up the files that it opens."""
    what = (program, arguments, ports, limits, pure, progress)
    return sharding.confirmed(symex.conjecture(*what, read=read)) or symex.analyse(*what, read=read)
