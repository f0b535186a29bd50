"""One build at a time in a folder.

The lock is the kernel's (flock), and belongs to the open file: it ends with the last process that has that open.  These
are SCons and the commands that it started, so that after SIGKILL nobody builds while a compiler still writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Script import GetOption

from maestro_tool.scons import spent

#: In the folder of what is built; holds the process id of the last build.
NAME = ".lock"


def writes() -> bool:
    """Whether this run of SCons may change anything."""
    return not any(GetOption(option) for option in ("no_exec", "question", "help"))


def hold(folder: Path) -> None:
    """Wait until no other process builds in ``folder``; the lock is held as long as this process lives."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder.resolve()
    if place not in _held():  # or this process would wait for itself
        lock = _locked(place)
        _held()[place] = lock


def inherited() -> list[int]:
    """Files that commands must have open as well (``pass_fds`` of subprocess)."""
    return [lock for lock in _held().values() if lock is not None]


def hand_on(env: Any) -> None:
    """Have the commands of ``env`` hold the lock as well."""
    env["SPAWN"] = _spawn


@functools.cache
def _held() -> dict[Path, int | None]:
    """Of this process, which is one build, by folder: the open file, None where the file system has no locks."""
    return {}


def _locked(folder: Path) -> int | None:
    lock = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _is_ancestor(_pid(lock)):
                raise UserError(f"{os.path.relpath(folder)}: the build that runs this one builds there") from None
            what = f"{_owner(lock)} builds in {os.path.relpath(folder)}/"
            print(f"scons: waiting for {what}", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        print(f"warning: {folder / NAME}: builds are not kept apart: {error.strerror}", file=sys.stderr)
        os.close(lock)
        return None
    with contextlib.suppress(OSError):  # a full disk: then nobody can be told who builds here
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _spawn(sh: str, escape: Any, cmd: str, args: Sequence[str], env: Mapping[str, str]) -> int:  # SCons' names
    """As SCons starts a command, which closes all other files."""
    command = [sh, "-c", " ".join(args)]
    with spent.on(args):
        return subprocess.Popen(command, env=dict(env), close_fds=True, pass_fds=inherited()).wait()


def _owner(lock: int) -> str:
    pid = _pid(lock)
    if pid is None:
        return "another process, which"
    alive = os.path.exists(f"/proc/{pid}")
    return f"process {pid}, which" if alive else f"what process {pid} has left running: it"


def _pid(lock: int) -> int | None:
    text = os.pread(lock, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _is_ancestor(pid: int | None) -> bool:
    here = os.getpid()
    while here > 1:
        if here == pid:
            return True
        try:
            here = int(Path(f"/proc/{here}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return False
    return False
