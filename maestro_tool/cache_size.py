"""How large a cache's folder is, and how it stays below a limit: what was of no use for longest goes first.

Only files that `cache` makes are counted and removed; links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

#: The environment's variable: how large the folder may be, as `size` reads it.
LIMIT = "MAESTRO_CACHE_LIMIT"
DEFAULT = "5G"
#: Pruning leaves this part of the limit, so that it is not needed at each build.
_LEAVES = 0.8
#: What a writer that was killed has left, when no writer can still be at it.
_SECONDS_STAGED = 24 * 3600.0

_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)")
_ENTRY = re.compile(r"([a-z]+)/[0-9a-f]{2}/[0-9a-f]{64}(?:\.signed)?\.json")
_STAGED = re.compile(r"[a-z]+/[0-9a-f]{2}/(?:\.[0-9a-f]{64}.*|[0-9a-f]{64}(?:\.signed)?\.lock)")
_REJECTED = re.compile(r"rejected/[^/]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache; ``used``: when it was last of use, in seconds, and 0 if it is of none."""

    path: Path
    kind: str
    size: int
    used: float


def size(text: str) -> int:
    """Bytes, of a number with K, M, G or T behind it, or none; ValueError if it is no such text."""
    if not (found := _SIZE.fullmatch(text)):
        raise ValueError(f"{text!r} is no size: write a number of bytes, or 500M, 5G")
    return int(found[1]) << 10 * "_KMGT".index(found[2] or "_")


def limit(environment: Mapping[str, str]) -> int:
    """How many bytes the folder may hold; ValueError if the variable says nothing usable."""
    try:
        return size(environment.get(LIMIT) or DEFAULT)
    except ValueError as error:
        raise ValueError(f"{LIMIT}: {error}") from None


def entries(folder: Path) -> list[Entry]:
    """All that a cache in ``folder`` has made: entries, what was rejected, what a writer has left."""
    now = time.time()
    return [entry for path in _files(folder) if (entry := _entry(folder, path, now)) is not None]


def prune(folder: Path, most: int) -> list[Entry]:
    """Remove what is of no use, and then as many entries as it takes to have at most ``most`` bytes, with some room.

    Returns what was removed.  Whoever reads an entry meanwhile has it to the end, or it is a miss.
    """
    found = sorted(entries(folder), key=lambda entry: entry.used)
    total, removed = sum(entry.size for entry in found), []
    goal = most if total <= most else int(most * _LEAVES)
    for entry in found:
        if entry.used and total <= goal:
            break
        with contextlib.suppress(OSError):
            entry.path.unlink()
            removed.append(entry)
            total -= entry.size
    return removed


def _files(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names)


def _entry(folder: Path, path: str, now: float) -> Entry | None:
    name = os.path.relpath(path, folder)
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if match := _ENTRY.fullmatch(name):
        is_of_use = stat.S_ISREG(found.st_mode)
        return Entry(Path(path), match[1], found.st_size, max(found.st_mtime, 2.0) if is_of_use else 0.0)
    if _REJECTED.fullmatch(name):  # kept for people to look at: the first to go, if anything has to
        return Entry(Path(path), "rejected", found.st_size, 1.0)
    if _STAGED.fullmatch(name) and now - found.st_mtime > _SECONDS_STAGED:
        return Entry(Path(path), "unfinished", found.st_size, 0.0)
    return None
