"""What a step of a build reads, noted by Python itself as it happens, so that no later build misses any of it.

A step declares what it reads: sources, what an analysis opened, profiles.  This is the net below: an audit hook, which
no code goes around, sees files that are opened for reading, also such as are not there, and folders that are listed.
What compilers read is noted otherwise (`inputs`, `toolchain`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from maestro_tool import cache_trust, fingerprint, steps
from maestro_tool.remote import waiting

#: Whose files are part of the system, which builds know by its versions (`fingerprint`, `toolchain`), or none at all.
_SYSTEM = ("/usr/", "/lib/", "/lib32/", "/lib64/", "/proc/", "/sys/", "/dev/", "/etc/")
#: Where anybody may have files, all the same.
_SHARED_MEMORY = "/dev/shm/"

_EVENTS = frozenset(("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "shutil.rmtree"))


def begin() -> None:
    """Note from now on; a hook stays for as long as the process."""
    if not _installed():
        _installed().append(True)
        sys.addaudithook(_hook)


def others(known: Iterable[str | Path], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Files and folders, as they were named, that were read and are none of ``known``, of the tool, of the system, of
    the cache, nor made by this process."""
    declared = {os.path.abspath(name) for name in (*known, *_made(), fingerprint.PACKAGE.parent)}
    folders = tuple(os.path.join(os.path.abspath(place), "") for place in (*_places(environment), *_made()))
    here = os.path.join(os.getcwd(), "")
    return [
        name
        for name in _read()
        if (path := os.path.abspath(name)) not in declared
        and not os.path.join(path, "").startswith(folders)
        and not _is_of_system(os.path.join(path, ""), here)
    ]


def _is_of_system(path: str, here: str) -> bool:
    """A repository may lie in /dev/shm or /usr/src: what is below it (``here``) is no part of the system."""
    own = (_SHARED_MEMORY, here) if here.startswith(_SYSTEM) else (_SHARED_MEMORY,)
    return path.startswith(_SYSTEM) and not path.startswith(own)


def _places(environment: Mapping[str, str]) -> Iterator[str | Path]:
    """Where a step may read what no build declares."""
    yield from (fingerprint.PACKAGE, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    if sys.pycache_prefix is not None:  # what modules were compiled to, all over again
        yield sys.pycache_prefix
    # Modules of others; what lies beside the tool may be the user's repository.
    yield from (place for place in sys.path if place and Path(place) != fingerprint.PACKAGE.parent)
    yield cache_trust.setting(environment, make=False).folder
    yield from (environment[name] for name in (waiting.STATE, steps.FILE, cache_trust.KEY) if environment.get(name))


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS:
        return
    place = arguments[1 if event == "os.rename" else 0]  # what was written gets its name by renaming
    if not isinstance(place, (str, bytes)):
        return  # a file that is open already
    name = os.fsdecode(place)
    if event == "os.rename" or (event == "os.mkdir" and not os.path.exists(name)):
        _made()[name] = None
    elif event == "shutil.rmtree":
        for _, folders, _ in os.walk(name):
            _going().update(folders)
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        _made()[name] = None
    elif event != "os.mkdir" and (event != "open" or arguments[1] is not None or name not in _going()):
        _read()[name] = None


@cache
def _installed() -> list[bool]:
    """Of this process, as hooks are."""
    return []


@cache
def _read() -> dict[str, None]:
    """Of this process, in the order in which it was read."""
    return {}


@cache
def _made() -> dict[str, None]:
    """Files that were written, and folders that were made, by this process."""
    return {}


@cache
def _going() -> set[str]:
    """Names of folders below one that is removed: they are opened by their last names."""
    return set()
