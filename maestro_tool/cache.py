"""A content-addressed store for results that are dear to compute: analyses and RSS solutions.

A phase asks for a key (made by ``fingerprint``) and computes only when nothing is there.  What an entry says is
not trusted: it is strict JSON under a checksum, its reader validates the structure, and an RSS solution is checked
against its constraints again (``pipeline``).  Anything wrong is a miss, never an error; the bad file is moved aside.

No library: diskcache and shelve unpickle what they read, so whoever may write the store may run code here;
joblib does too.  A team's shared store (a URL) is another implementation of `Cache`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any, Protocol

from maestro_tool import canonical

#: Larger entries are misses: the biggest honest analysis is some megabytes.
MAX_ENTRY_BYTES = 64 * 1024 * 1024

_KEY = re.compile(r"[a-z]+-[0-9a-f]{64}")


class Cache(Protocol):
    """Values are JSON; keys are ``<kind>-<sha256>``.  Both methods are safe in concurrent processes."""

    def get(self, key: str) -> Any | None:
        """The value stored under ``key``, or None."""

    def put(self, key: str, value: Any) -> None:
        """Store ``value``; failing to is not an error (a full disk, a folder that is read-only)."""

    def reject(self, key: str) -> None:
        """The reader found the value of ``key`` unusable: forget it, keep it for inspection."""


class NoCache:
    """Stores nothing: for measurements and tests."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, value: Any) -> None:
        pass

    def reject(self, key: str) -> None:
        pass


class FileCache:
    """One file per entry, ``<folder>/<kind>/<first two digits>/<digest>.json``, written by rename."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a cache key: {key!r}")
        kind, digest = key.split("-")
        return self.folder / kind / digest[:2] / f"{digest}.json"

    def get(self, key: str) -> Any | None:
        path = self.path(key)
        try:
            with path.open("rb") as f:
                raw = f.read(MAX_ENTRY_BYTES + 1)
        except OSError:
            return None
        try:
            return _open_envelope(key, raw)
        except (ValueError, RecursionError):
            self.reject(key)
            return None

    def put(self, key: str, value: Any) -> None:
        envelope = {"key": key, "sha256": canonical.digest(value), "value": value}
        with contextlib.suppress(OSError):
            canonical.write_files({self.path(key): canonical.compact(envelope)})

    def reject(self, key: str) -> None:
        path = self.path(key)
        with contextlib.suppress(OSError):
            aside = self.folder / "rejected"
            aside.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside / f"{key}.json")


def default_cache() -> FileCache:
    """The cache of this tree: ``$MAESTRO_CACHE``, or ``build/cache`` below the working directory."""
    return FileCache(Path(os.environ.get("MAESTRO_CACHE") or "build/cache"))


def _open_envelope(key: str, raw: bytes) -> Any:
    """The value inside an entry's bytes; raises ValueError for anything that `FileCache.put` would not have written."""
    if len(raw) > MAX_ENTRY_BYTES:
        raise ValueError("entry too large")
    envelope = json.loads(raw.decode("ascii"), parse_constant=_refuse, object_pairs_hook=_unique)
    if not isinstance(envelope, dict) or set(envelope) != {"key", "sha256", "value"}:
        raise ValueError("not an entry")
    if envelope["key"] != key:
        raise ValueError("entry of another key")
    if canonical.digest(envelope["value"]) != envelope["sha256"]:
        raise ValueError("checksum differs")
    return envelope["value"]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result
