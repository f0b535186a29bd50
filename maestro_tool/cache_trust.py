"""Whose cache it is: a folder that nobody else can write, or one whose entries carry a tag by a team's key.

An analysis is not derived again from its program, so who may write an entry may decide what programs do.
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from maestro_tool import remote

FOLDER = "MAESTRO_CACHE"
KEY = "MAESTRO_CACHE_KEY"
#: Set by a build that has said why nothing is cached: its steps need not say it again.
REFUSAL_SAID = "MAESTRO_CACHE_REFUSAL_SAID"

#: Shorter keys can be guessed by who reads an entry.
SHORTEST_KEY = 16
_LONGEST_KEY_FILE = 4096
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Setting:
    """Where entries are and whose word counts: ``key`` of a team, or (None) the folder's permissions.

    ``refusal``: why entries cannot be believed, and what to do.  ``unwritable``: why nothing can be stored.
    """

    folder: Path
    key: bytes | None = None
    refusal: str | None = None
    unwritable: str | None = None

    @property
    def named(self) -> str:
        """The folder, as a message names it."""
        return f"{FOLDER}={self.folder}" if os.environ.get(FOLDER) else str(self.folder)


def setting(environment: Mapping[str, str], *, make: bool = True) -> Setting:
    """What the variables of ``environment`` say.  ``make``: the folder, if it is not there."""
    where = environment.get(FOLDER) or "build/cache"
    folder = Path(where)
    if "://" in where:
        return Setting(
            folder, refusal=f"this is the folder here; a remote cache is named by {remote.URL}, or cache=URL of a build"
        )
    try:
        key = team_key(environment.get(KEY, ""))
    except ValueError as error:
        return Setting(folder, refusal=f"{KEY}: {error}")
    try:
        if make:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        writable = not folder.exists() or os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        reason = others_may_write(folder) if key is None else None
    except (OSError, ValueError) as error:
        return Setting(folder, key, refusal=getattr(error, "strerror", None) or str(error))
    if reason is not None:
        return Setting(folder, refusal=f"{reason}, or let a team's entries carry tags ({KEY}, docs/build.md)")
    return Setting(folder, key, unwritable=None if writable else "Permission denied")


def team_key(text: str) -> bytes | None:
    """The key that `KEY` gives: itself, or the path (it starts with / or ./ or ~/) of a file that only its owner reads.

    ValueError if that is no key.
    """
    if text.startswith(("/", "./", "~/")):
        text = _private_text(Path(text).expanduser())
    elif not text:
        return None
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"fewer than {SHORTEST_KEY} characters: make one with openssl rand -hex 32")
    return text.encode("utf-8", "surrogateescape")


def _private_text(path: Path) -> str:
    try:
        with open(path, "rb", opener=_opener) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{path} is no regular file")
            if found.st_uid not in _trusted() or found.st_mode & _OTHERS:
                raise ValueError(f"others may read {path}, or own it: chmod 600 {path}")
            return file.read(_LONGEST_KEY_FILE).decode("utf-8", "surrogateescape").strip()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None


def _opener(name: str, flags: int) -> int:
    """A FIFO must not be waited for."""
    return os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def tag(key: bytes, name: str, content: bytes) -> str:
    """HMAC-SHA256 (hex) of an entry: its name, so that none can stand for another, and its bytes."""
    return hmac.new(key, b"maestro-cache/1\n" + name.encode() + b"\n" + content, hashlib.sha256).hexdigest()


def name(key: bytes, entry: str) -> str:
    """What an entry is called where other teams have theirs: 64 hex digits, which only this team can tell the entry
    from."""
    return hmac.new(key, b"maestro-cache-name/1\n" + entry.encode(), hashlib.sha256).hexdigest()


def others_may_write(folder: Path) -> str | None:
    """Who but this user, and root, may put an entry there or another folder in its place, and what to do; or None."""
    for path in (p for p in _way_to(folder) if p.exists()):
        found = os.stat(path)
        if found.st_uid not in _trusted():
            return f"{path} belongs to another user (number {found.st_uid}): name a folder of your own"
        if not found.st_mode & _OTHERS_WRITE:
            continue
        if path != folder and (found.st_mode & stat.S_ISVTX or _is_private_group(found)):
            continue  # in a sticky folder, only the owner of what is in it may put something in its place
        return f"others may write to {path} (mode {stat.S_IMODE(found.st_mode):04o}): chmod go-w {path}"
    return None


def is_private(found: os.stat_result) -> bool:
    """Whether only this user, and root, may change what has these permissions."""
    return found.st_uid in _trusted() and not found.st_mode & _OTHERS_WRITE


def _trusted() -> tuple[int, int]:
    return (os.geteuid(), 0)


def _way_to(folder: Path) -> Iterator[Path]:
    """The folder and all above it; where links lead elsewhere, also what is above that."""
    yield folder
    lexical, real = Path(os.path.abspath(folder)), Path(os.path.realpath(folder))
    yield from dict.fromkeys((*lexical.parents, *([] if real == lexical else (real, *real.parents))))


def _is_private_group(found: os.stat_result) -> bool:
    """Only the group may write, and it is the one that this user has alone, as many systems make for each."""
    if found.st_mode & stat.S_IWOTH or os.geteuid() == 0:
        return False
    try:
        me, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    return me.pw_gid == group.gr_gid and me.pw_name == group.gr_name and set(group.gr_mem) <= {me.pw_name}
