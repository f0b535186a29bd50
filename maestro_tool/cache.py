"""A content-addressed store for results that are dear to compute: analyses and RSS solutions.

A phase asks for a key (made by ``fingerprint``) and computes only when nothing is there.  Entries are believed because
nobody else may write them, or for their tag by a team's key (`cache_trust`).  Even so what one says is not trusted: it
is a text under a checksum, its reader takes only what it would write itself (``forms``), an analysis must name what the
program has (`symex.belongs`), and an RSS solution is checked against its constraints again (``pipeline``).  Anything
wrong is a miss and a warning, never an error; the bad file is moved aside.

No library: diskcache and shelve unpickle what they read, so whoever may write the store may run code here;
joblib does too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from maestro_tool import cache_trust, canonical

#: Larger entries are misses: the biggest honest analysis is some megabytes.
MAX_ENTRY_BYTES = 64 * 1024 * 1024
#: Seconds for which another process that computes the same is waited for.
PATIENCE = 600.0

_KEY = re.compile(r"[a-z]+-[0-9a-f]{64}")

Warn = Callable[[str], None]


class Cache(Protocol):
    """Values are texts, or bytes; keys are ``<kind>-<sha256>``.  All methods are safe in concurrent processes."""

    def get(self, key: str) -> str | None:
        """The text stored under ``key``, or None."""

    def put(self, key: str, text: str) -> None:
        """Store ``text``; failing to is not an error (a full disk, a folder that is read-only)."""

    def get_bytes(self, key: str) -> bytes | None:
        """As `get`, of bytes that `put_bytes` stored."""

    def put_bytes(self, key: str, content: bytes) -> None:
        """As `put`."""

    def reject(self, key: str, reason: str) -> None:
        """The reader found the text of ``key`` unusable: forget it, keep it for inspection, say why."""

    def alone(self, key: str) -> AbstractContextManager[None]:
        """While others have this for ``key`` they are waited for: they compute what is asked for."""


class NoCache:
    """Stores nothing: for measurements and tests, and where entries could not be believed."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, text: str) -> None:
        pass

    get_bytes = get

    def put_bytes(self, key: str, content: bytes) -> None:
        pass

    def reject(self, key: str, reason: str) -> None:
        pass

    def alone(self, key: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


class FileCache:
    """One file per entry, ``<folder>/<kind>/<first two digits>/<digest>.json``, written by rename.

    Its first line says what the rest is: key and checksum.  With a team's ``key`` the checksum is an HMAC, and entries
    are called ``<digest>.signed.json``; without one, only what nobody else may write is read.
    """

    def __init__(self, folder: Path, key: bytes | None = None, warn: Warn = _warn) -> None:
        self.folder = folder
        self._key = key
        self._warn = warn

    def path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a cache key: {key!r}")
        kind, digest = key.split("-")
        return self.folder / kind / digest[:2] / f"{digest}{'' if self._key is None else '.signed'}.json"

    def get(self, key: str) -> str | None:
        content = self.get_bytes(key)
        if content is None:
            return None
        try:
            return content.decode()
        except ValueError as error:
            self.reject(key, str(error))
            return None

    def get_bytes(self, key: str) -> bytes | None:
        try:
            raw = self._read(self.path(key))
        except OSError:
            return None
        except ValueError as error:
            self.reject(key, str(error))
            return None
        try:
            return self._content(key, raw)
        except ValueError as error:
            self.reject(key, str(error))
            return None

    def _read(self, path: Path) -> bytes:
        """Its bytes; OSError if it is not there, ValueError if it is none of ours.  Waits for no FIFO."""
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("no regular file")
            around = (found, os.stat(path.parent), os.stat(path.parent.parent))
            if self._key is None and not all(map(cache_trust.is_private, around)):
                raise ValueError(f"others may write it: chmod -R go-w {self.folder}")
            raw = file.read(MAX_ENTRY_BYTES + 1)
        if len(raw) > MAX_ENTRY_BYTES:
            raise ValueError("too large")
        return raw

    def put(self, key: str, text: str) -> None:
        self.put_bytes(key, text.encode())

    def put_bytes(self, key: str, content: bytes) -> None:
        path = self.path(key)
        with contextlib.suppress(OSError):
            self._make_folders(path)
            canonical.write_files({path: self._head(key, content) + content})

    def _make_folders(self, path: Path) -> None:
        mode = stat.S_IMODE(self.folder.stat().st_mode) if self.folder.exists() else 0o700
        for folder in (self.folder, path.parent.parent, path.parent):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(mode)  # of a team's folder: so that its members can write below it, too

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        path = self.path(key).with_suffix(".lock")
        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError):  # no locks here, or no place: then both compute
                self._make_folders(path)
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
                held.callback(os.close, file)
                if _locked(file):
                    held.callback(_remove, path)
            yield

    def reject(self, key: str, reason: str) -> None:
        self._warn(f"{self.folder}: {key[:20]}... is not used, and made again: {reason}")
        path = self.path(key)
        with contextlib.suppress(OSError):
            aside = self.folder / "rejected"
            aside.mkdir(parents=True, exist_ok=True)
            os.replace(path, aside / f"{key}.json")

    def _head(self, key: str, content: bytes) -> bytes:
        if self._key is None:
            head = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
        else:
            head = {"hmac": cache_trust.tag(self._key, key, content), "key": key}
        return canonical.compact(head).encode() + b"\n"

    def _content(self, key: str, raw: bytes) -> bytes:
        """What is inside an entry's bytes; ValueError for anything that `put` would not have written."""
        end = raw.find(b"\n") + 1
        head, content = raw[:end], raw[end:]
        if not hmac.compare_digest(head, self._head(key, content)):
            raise ValueError(
                "entry of another key, or its checksum differs"
                if self._key is None
                else f"its tag is not by {cache_trust.KEY}"
            )
        return content


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _locked(file: int) -> bool:
    """Whether the lock on ``file`` was got before `PATIENCE` ended."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False


def refused(found: cache_trust.Setting) -> str:
    """The line that says why nothing is cached."""
    return f"{found.named}: nothing is cached: {found.refusal}"


def open_cache(environment: Mapping[str, str] = os.environ, warn: Warn = _warn) -> Cache:
    """The cache of this tree: ``$MAESTRO_CACHE``, or ``build/cache`` below the working directory.

    Where entries could not be believed, or not be written, one line says so and nothing is cached.
    """
    found = cache_trust.setting(environment)
    if found.refusal is not None:
        if not environment.get(cache_trust.TOLD):
            warn(refused(found))
        return NoCache()
    if found.unwritable is not None:
        warn(f"{found.named}: nothing is cached: {found.unwritable}")
    return FileCache(found.folder, found.key, warn)
