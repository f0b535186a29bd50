"""What a step tells the build that started it, besides what people read: a line of JSON in a file of the build."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maestro_tool import canonical

#: The environment's variable with the file's name.
FILE = "MAESTRO_STEPS"


@dataclass(frozen=True, slots=True)
class Report:
    """``words``: the step's command line.  ``reused``: phases whose results came from the cache, and its place:
    "local" or "remote".  ``error``: its message, or ""."""

    words: tuple[str, ...]
    reused: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


def tell(words: Sequence[str], reused: Mapping[str, str] | None = None, error: str = "") -> None:
    """Tell it, if a build has asked for it."""
    if not (name := os.environ.get(FILE)):
        return
    line = canonical.compact({"words": list(words), "reused": dict(reused or {}), "error": error}) + "\n"
    with contextlib.suppress(OSError):
        file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)


def say(verb: str, path: Path, what: str) -> None:
    """The line that a step prints when it has made ``path``."""
    if sys.stdout.isatty():
        print("\r\033[K", end="")  # the build's line of how far it is
    print(f"{verb:<10}{path}  {what}", flush=True)


def outputs(words: Sequence[str]) -> frozenset[str]:
    """What a command with these words makes: what stands behind -o, or else any of them."""
    behind = [word for option, word in itertools.pairwise(words) if option == "-o"]
    return frozenset(behind or words)


def read(file: Path) -> dict[str, list[Report]]:
    """All that was told, by what the steps make; what is no whole line (of a step that was killed) is left out."""
    found: dict[str, list[Report]] = {}
    with contextlib.suppress(OSError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                report = Report(tuple(said["words"]), dict(said["reused"]), str(said["error"]))
                for name in outputs(report.words):
                    found.setdefault(name, []).append(report)
    return found
