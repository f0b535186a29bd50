"""A store of bytes elsewhere, which others of a team write to as well: asked within bounds, and believed in nothing.

What is at a URL is slow, gone, or hostile on some day.  So a request has a deadline and a size, and a build waits for
no more than `waiting.SECONDS` in all: whatever goes wrong, the remote is not asked any more in this build, and one line
says so.  Whether bytes are what a member of the team put there is for `cache` to find out.

``http:`` and ``https:`` are GET and PUT of ``URL/ac/<64 hex digits>``, as Bazel's caches speak it (`http`); all other
URLs are fsspec's (`filesystem`).
"""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from maestro_tool.remote.deadline import RemoteError, TooLateError, within
from maestro_tool.remote.waiting import Waiting

__all__ = ["LARGEST", "MODE", "MODES", "URL", "Remote", "RemoteError", "Setting", "Waiting", "setting"]

#: Variables of the environment: where it is, and whether it is written to.
URL = "MAESTRO_CACHE_URL"
MODE = "MAESTRO_CACHE_MODE"
MODES = ("read-write", "read-only")

#: Bytes of an entry; larger ones are neither fetched nor stored.
LARGEST = 64 * 1024 * 1024
#: Seconds that one request may take.
LONGEST = 10.0
#: Seconds that a request which is of use may take before it counts as waiting: some, and some for each byte.
_PROMPT, _PROMPT_PER_BYTE = 1.0, 1e-6

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_NAME = re.compile(r"[0-9a-f]{64}")

Warn = Callable[[str], None]


class Store(Protocol):
    """What a kind of URL does.  Raises `RemoteError`; may raise anything and take for ever: `Remote` bounds it."""

    def get(self, name: str, most: int) -> bytes | None:
        """The bytes called ``name``, or None if there are none; `RemoteError` if there are more than ``most``."""

    def put(self, name: str, content: bytes) -> None:
        """Have ``content`` there as ``name``, in the place of what was there."""

    def stop(self) -> None:
        """Nobody waits for it any more (called in another thread)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the remote is, as the user says it, and whether it is written to."""

    url: str
    writes: bool = True

    @property
    def named(self) -> str:
        """The URL without the names and passwords in it, as a message has it."""
        parts = _split(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def setting(environment: Mapping[str, str]) -> Setting | None:
    """What the variables say; None if there is no remote.  ValueError, with what to do, if they say nothing usable."""
    url, mode = environment.get(URL, ""), environment.get(MODE) or MODES[0]
    if not url:
        return None
    if mode not in MODES:
        raise ValueError(f"{MODE}={mode}: expected {' or '.join(MODES)}")
    parts = _split(url)
    if parts.scheme not in ("http", "https") and importlib.util.find_spec("fsspec") is None:
        raise ValueError(f"{parts.scheme}: URLs need a Python package: pip install fsspec")
    return Setting(url, mode == MODES[0])


def _split(url: str) -> SplitResult:
    """The parts of a URL; ValueError if it is none that could be asked."""
    if not url.isprintable() or not _SCHEME.match(url):
        raise ValueError("expected a URL, as http://host:port/path, s3://bucket/path or file:///folder")
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without ? and #")
    if parts.scheme in ("http", "https") and (not parts.hostname or parts.port == 0):  # .port raises ValueError
        raise ValueError("the URL names no host")
    return parts


def _store(parts: SplitResult) -> Store:
    if parts.scheme in ("http", "https"):
        from maestro_tool.remote.http import HttpStore

        return HttpStore(parts, LONGEST)
    from maestro_tool.remote.filesystem import FileSystemStore

    return FileSystemStore(parts.geturl())


class Remote:
    """Entries by name (64 hex digits).  No method raises, and all are safe in concurrent threads and processes."""

    def __init__(self, setting: Setting, waiting: Waiting, warn: Warn) -> None:
        self._setting = setting
        self._waiting = waiting
        self._warn = warn

    def get(self, name: str) -> bytes | None:
        """The bytes called ``name``; None if there are none, or they cannot be had."""
        return self._ask(name, "read", lambda store: store.get(name, LARGEST))

    def put(self, name: str, content: bytes) -> None:
        """Store ``content``, if the remote is one to write to, and takes it."""
        if self._setting.writes and len(content) <= LARGEST:
            self._ask(name, "write", lambda store: store.put(name, content), of_use=len(content))

    def distrust(self, why: str) -> None:
        """What `get` gave was no entry of this team's: once in a build, say so."""
        if self._waiting.first("distrusted"):
            self._warn(f"{self._setting.named}: an entry is not used, and made again: {why}")

    def _ask(
        self, name: str, what: str, ask: Callable[[Store], bytes | None], of_use: int | None = None
    ) -> bytes | None:
        """``of_use``: how many bytes the request moves if it succeeds, where that is known."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name of an entry: {name!r}")
        # One that takes nothing may still be read; one that cannot be read is of no use.
        if self._waiting.has("read") or self._waiting.has(what):
            return None
        if (left := self._waiting.left()) <= 0:
            self._give_up("read", self._no_longer())
            return None
        start, found = time.monotonic(), None
        try:
            store = _store(_split(self._setting.url))
            found = within(min(left, LONGEST), lambda: ask(store), store.stop)
            of_use = len(found) if found is not None else of_use
        except RemoteError as error:
            of_use = None
            is_last = isinstance(error, TooLateError) and left < LONGEST
            self._give_up(what, self._no_longer() if is_last else str(error))
        prompt = 0.0 if of_use is None else _PROMPT + _PROMPT_PER_BYTE * of_use
        self._waiting.add(time.monotonic() - start - prompt)
        return found

    def _no_longer(self) -> str:
        return f"a build waits {self._waiting.seconds:g} s for it, and no longer"

    def _give_up(self, what: str, why: str) -> None:
        if self._waiting.first(what):
            how = "not asked" if what == "read" else "not written to"
            self._warn(f"{self._setting.named}: the remote cache is {how} any more in this build: {why}")
