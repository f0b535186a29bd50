"""A content-addressed store for results that are dear to compute: analyses, RSS solutions, files that steps make.

A phase asks for a key (made by ``fingerprint``) and computes only when nothing is there.  Entries are believed because
nobody else may write them, or for their tag by a team's key (`cache_trust`).  Those of a team may also come from a
`remote`, behind the folder here.  Even so what an analysis or a solution says is not trusted: it
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
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from maestro_tool import cache_trust, canonical, remote
from maestro_tool.remote import waiting

#: Larger entries are misses: the biggest honest analysis is some megabytes.
MAX_ENTRY_BYTES = remote.LARGEST
#: Seconds for which another process that computes the same is waited for.
PATIENCE = 600.0

_KEY = re.compile(r"[a-z]+-[0-9a-f]{64}")
#: How old the time of an entry may be that says when it was last of use, which pruning goes by (`cache_size`).
_SECONDS_UNTOUCHED = 3600

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """What `put` was given under the key, and where it is."""

    content: bytes
    place: Literal["local", "remote"] = "local"


class Cache(Protocol):
    """Values are bytes; keys are ``<kind>-<sha256>``.  All methods are safe in concurrent processes and threads."""

    def get(self, key: str) -> Stored | None:
        """What is stored under ``key``, or None."""

    def put(self, key: str, content: bytes) -> None:
        """Store ``content``; failing to is not an error (a full disk, a folder that is read-only)."""

    def reject(self, key: str, reason: str) -> None:
        """The reader found the text of ``key`` unusable: forget it, keep it for inspection, say why."""

    def alone(self, key: str) -> AbstractContextManager[None]:
        """While others have this for ``key`` they are waited for: they compute what is asked for."""


class NoCache:
    """Stores nothing: for measurements and tests, and where entries could not be believed."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, content: bytes) -> None:
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
        kind, digest = _parts(key)
        return self.folder / kind / digest[:2] / f"{digest}{'' if self._key is None else '.signed'}.json"

    def get(self, key: str) -> Stored | None:
        try:
            return Stored(unsealed(self._key, key, self._read(self.path(key))))
        except OSError:
            return None
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
            if time.time() - found.st_mtime > _SECONDS_UNTOUCHED:
                with contextlib.suppress(OSError):
                    os.utime(file.fileno())
        if len(raw) > MAX_ENTRY_BYTES:
            raise ValueError("too large")
        return raw

    def put(self, key: str, content: bytes) -> None:
        path = self.path(key)
        with contextlib.suppress(OSError):
            self._make_folders(path)
            canonical.write_files({path: sealed(self._key, key, content)})

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


class TieredCache:
    """A folder, and behind it a remote for the same team; ``key``: the team's."""

    def __init__(self, local: FileCache, behind: remote.Remote, key: bytes) -> None:
        self._local = local
        self._remote = behind
        self._key = key

    def get(self, key: str) -> Stored | None:
        if (found := self._local.get(key)) is not None:
            return found
        if (raw := self._remote.get(cache_trust.name(self._key, key))) is None:
            return None
        try:
            content = unsealed(self._key, key, raw)
        except ValueError as error:
            self._remote.distrust(str(error))
            return None
        self._local.put(key, content)
        return Stored(content, "remote")

    def put(self, key: str, content: bytes) -> None:
        self._local.put(key, content)
        self._remote.put(cache_trust.name(self._key, key), sealed(self._key, key, content))

    def reject(self, key: str, reason: str) -> None:
        self._local.reject(key, reason)

    def alone(self, key: str) -> AbstractContextManager[None]:
        return self._local.alone(key)


def _parts(key: str) -> tuple[str, str]:
    """Kind and digest of a key."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a cache key: {key!r}")
    kind, digest = key.split("-")
    return kind, digest


def sealed(team: bytes | None, key: str, content: bytes) -> bytes:
    """The bytes of an entry: a line that says what follows, and ``content``."""
    return _head(team, key, content) + content


def unsealed(team: bytes | None, key: str, raw: bytes) -> bytes:
    """The content inside an entry's bytes; ValueError for anything that `sealed` would not have made."""
    end = raw.find(b"\n") + 1
    head, content = raw[:end], raw[end:]
    if not hmac.compare_digest(head, _head(team, key, content)):
        raise ValueError(
            "entry of another key, or its checksum differs" if team is None else f"its tag is not by {cache_trust.KEY}"
        )
    return content


def _head(team: bytes | None, key: str, content: bytes) -> bytes:
    if team is None:
        head = {"key": key, "sha256": hashlib.sha256(content).hexdigest()}
    else:
        head = {"hmac": cache_trust.tag(team, key, content), "key": key}
    return canonical.compact(head).encode() + b"\n"


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


def unused(error: ValueError) -> str:
    """The line that says why the remote is not used."""
    return f"{remote.URL}: the remote cache is not used: {error}"


def remote_of(environment: Mapping[str, str], team: bytes | None) -> remote.Setting | None:
    """The remote that ``environment`` names; ValueError, with what to do, if it cannot be used."""
    found = remote.setting(environment)
    if found is not None and team is None:
        raise ValueError(f"entries of others need a team's key ({cache_trust.KEY}, docs/build.md)")
    return found


def open_cache(environment: Mapping[str, str] = os.environ, warn: Warn = _warn) -> Cache:
    """The cache of this tree: ``$MAESTRO_CACHE``, or ``build/cache`` below the working directory, and what is behind it
    (``$MAESTRO_CACHE_URL``).

    Where entries could not be believed, or not be written, one line says so and nothing is cached.
    """
    found = cache_trust.setting(environment)
    if found.refusal is not None:
        if not environment.get(cache_trust.REFUSAL_SAID):
            warn(refused(found))
        return NoCache()
    if found.unwritable is not None:
        warn(f"{found.named}: nothing is cached: {found.unwritable}")
    local = FileCache(found.folder, found.key, warn)
    try:
        behind = remote_of(environment, found.key)
        if behind is None or found.key is None:
            return local
        return TieredCache(local, remote.Remote(behind, waiting.of(environment), warn), found.key)
    except ValueError as error:
        if not environment.get(cache_trust.REFUSAL_SAID):
            warn(unused(error))
        return local
