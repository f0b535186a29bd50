"""A content-addressed store for results that are dear to compute: analyses and RSS solutions.

A phase asks for a key (made by ``fingerprint``) and computes only when nothing is there.  What an entry says is
not trusted: it is a text under a checksum, its reader takes only what it would write itself (``forms``), and an RSS
solution is checked against its constraints again (``pipeline``).  Anything wrong is a miss, never an error; the bad
file is moved aside.

No library: diskcache and shelve unpickle what they read, so whoever may write the store may run code here;
joblib does too.  A team's shared store (a URL) is another implementation of `Cache`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Protocol

from maestro_tool import canonical

#: Larger entries are misses: the biggest honest analysis is some megabytes.
MAX_ENTRY_BYTES = 64 * 1024 * 1024

_KEY = re.compile(r"[a-z]+-[0-9a-f]{64}")


class Cache(Protocol):
    """Values are texts; keys are ``<kind>-<sha256>``.  Both methods are safe in concurrent processes."""

    def get(self, key: str) -> str | None:
        """The text stored under ``key``, or None."""

    def put(self, key: str, text: str) -> None:
        """Store ``text``; failing to is not an error (a full disk, a folder that is read-only)."""

    def reject(self, key: str) -> None:
        """The reader found the text of ``key`` unusable: forget it, keep it for inspection."""


class NoCache:
    """Stores nothing: for measurements and tests."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, text: str) -> None:
        pass

    def reject(self, key: str) -> None:
        pass


class FileCache:
    """One file per entry, ``<folder>/<kind>/<first two digits>/<digest>.json``, written by rename.

    Its first line says what the rest is: key and checksum.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a cache key: {key!r}")
        kind, digest = key.split("-")
        return self.folder / kind / digest[:2] / f"{digest}.json"

    def get(self, key: str) -> str | None:
        path = self.path(key)
        try:
            with path.open("rb") as f:
                raw = f.read(MAX_ENTRY_BYTES + 1)
        except OSError:
            return None
        try:
            return _content(key, raw)
        except (ValueError, RecursionError):
            self.reject(key)
            return None

    def put(self, key: str, text: str) -> None:
        content = text.encode()
        with contextlib.suppress(OSError):
            canonical.write_files({self.path(key): _head(key, content) + content})

    def reject(self, key: str) -> None:
        path = self.path(key)
        with contextlib.suppress(OSError):
            aside = self.folder / "rejected"
            aside.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside / f"{key}.json")


def default_cache() -> FileCache:
    """The cache of this tree: ``$MAESTRO_CACHE``, or ``build/cache`` below the working directory."""
    return FileCache(Path(os.environ.get("MAESTRO_CACHE") or "build/cache"))


def _head(key: str, content: bytes) -> bytes:
    return canonical.compact({"key": key, "sha256": hashlib.sha256(content).hexdigest()}).encode() + b"\n"


def _content(key: str, raw: bytes) -> str:
    """The text inside an entry's bytes; ValueError for anything that `FileCache.put` would not have written."""
    if len(raw) > MAX_ENTRY_BYTES:
        raise ValueError("entry too large")
    content = raw[raw.find(b"\n") + 1 :]
    if raw != _head(key, content) + content:
        raise ValueError("entry of another key, or its checksum differs")
    return content.decode()
