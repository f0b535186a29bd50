"""Answers that depend on files, kept in a file of their own: the next build only looks at sizes and times.

An answer holds as long as files say what they said, folders that were searched have the same names in them (a file
that is new may hide another), and what was not there still is not.  Of times, ctime counts as well, which archives and
packages cannot set as they like.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool import canonical

#: What changed so shortly before it was read may change again without another time ...
_RACY_NS = 2_000_000_000
#: ... and the clock of files may be behind by this much.
_BEHIND_NS = 20_000_000

#: What is kept of a place that is not there: size, two times, number, content.
_ABSENT: list[Any] = [0, 0, 0, 0, ""]


@dataclass(frozen=True, slots=True)
class Found:
    """``value`` makes the answer (JSON) of the contents of ``places``: files and folders, also such as were not there.

    A content is the SHA-256 (hex) of the file, or of the names in the folder, or "".
    """

    value: Callable[[Mapping[str, str]], Any]
    places: Iterable[str]


def answer(memory: Path, question: str, ask: Callable[[], Found], *, remember: bool = True) -> Any:
    """What ``ask`` finds, or found at the last time, if ``memory`` knows of the same question and all is as it was.

    What was touched and says the same is no reason to ask.  ``remember``: whether ``memory`` may be written.
    """
    asked = time.time_ns()
    known = _recalled(memory, question)
    if known is None:
        found = ask()
        kept = seen(found.places)
        known = _Known(found.value({name: entry[4] for name, entry in kept.items()}), kept, True)
    if remember and known.is_new:
        document = {"question": question, "asked": asked, "value": known.value, "seen": known.seen}
        with contextlib.suppress(OSError):
            canonical.write_files({memory: canonical.compact(document)})
    return known.value


def names(memory: Path) -> frozenset[str]:
    """The places of the answer that ``memory`` keeps; none if that is nothing of the kind."""
    try:
        return frozenset(json.loads(memory.read_text(encoding="utf-8"))["seen"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


@dataclass(frozen=True, slots=True)
class _Known:
    """``seen``: as it is kept.  ``is_new``: whether that is to be written."""

    value: Any
    seen: dict[str, list[Any]]
    is_new: bool


def _recalled(memory: Path, question: str) -> _Known | None:
    """What is kept, if it holds still."""
    try:
        known: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
        if known["question"] != question:
            return None
        now = touched(known["seen"], known["asked"])
        return None if now is None else _Known(known["value"], known["seen"] | now, bool(now))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def seen(places: Iterable[str]) -> dict[str, list[Any]]:
    """What is kept of places, each: size, two times, number, content."""
    return {n: [*stamp(n), _content(n)] for n in sorted(set(places))}


def touched(seen: Mapping[str, list[Any]], asked: int) -> dict[str, list[Any]] | None:
    """Places of ``seen``, of which somebody ``asked`` at that time, that say the same but may have been written since,
    as they are now; None if one says something else."""
    surely, racy = asked - _BEHIND_NS, asked - _RACY_NS
    found: dict[str, list[Any]] = {}
    for name, entry in seen.items():
        then, content = entry[:4], entry[4]
        now = stamp(name)
        changed = then[1] if then[1] > then[2] else then[2]
        if changed > surely:
            return None  # whoever asked may have seen it otherwise
        if now != then or changed > racy:
            if _content(name) != content:
                return None
            found[name] = [*now, content]
    return found


def stamp(name: str) -> list[int]:
    """Size, two times and number of a file or folder."""
    try:
        found = os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        return _ABSENT[:4]
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _content(name: str) -> str:
    try:
        if os.path.isdir(name):
            return hashlib.sha256("\0".join(sorted(os.listdir(name))).encode("utf-8", "surrogateescape")).hexdigest()
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return str(_ABSENT[4])
