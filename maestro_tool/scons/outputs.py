"""Folders of what is built hold what is declared, as it was built: nothing else is there for a compiler to find."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Util import hash_signature

from maestro_tool.scons import lock, why

#: SCons' --hash-format by the length of what it makes; the option is known only after the SConstruct was read.
FORMATS = {32: "md5", 40: "sha1", 64: "sha256"}


def settle(env: Any, folder: str, nodes: Iterable[Any]) -> None:
    """Remove what lies in ``folder`` beside ``nodes``; have those made again whose files are not what was built."""
    nodes = list(nodes)
    _settled().add(env.Dir(folder).abspath)
    for node in nodes:
        if _damaged(node):
            why.always(node, f"{node} is not what was built")
    if lock.writes():
        place = Path(env.Dir(folder).abspath)
        # Whoever builds in the folder of their sources gets no other file removed than below gen/.
        _sweep(place / "gen" if is_of_user(env, env["MAESTRO_BUILD"]) else place, {n.abspath for n in nodes}, env)


def forget(place: Path) -> None:
    """Remove runtimes in the build folder ``place`` that were compiled with flags which nothing declared has now."""
    for folder in place.glob("runtime-*"):
        if str(folder) not in _settled():
            shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _settled() -> set[str]:
    """Folders of this process, which is one build."""
    return set()


def _damaged(node: Any) -> bool:
    """Whether the file is not what SCons knows to have built: an interrupted build, or an edit."""
    try:
        known = node.get_stored_info().ninfo.csig
        content = Path(node.abspath).read_bytes()
    except (AttributeError, OSError):
        return False  # never built, or not there: SCons makes it anyway
    return bool(known != hash_signature(content, FORMATS.get(len(known))))


def is_of_user(env: Any, folder: str) -> bool:
    """Whether ``folder``, of what is built, holds more than that: the SConstruct, or the NFs."""
    build = Path(env.Dir(f"#{folder}").abspath)
    return any(Path(env.Dir(f"#{str(d).lstrip('#')}").abspath).is_relative_to(build) for d in (".", env["MAESTRO_NFS"]))


def _sweep(folder: Path, declared: set[str], env: Any) -> None:
    for place, folders, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(place, name)
            if path not in declared and not _is_declared(env, path):
                with contextlib.suppress(OSError):
                    os.unlink(path)
        for name in folders:
            with contextlib.suppress(OSError):
                path = os.path.join(place, name)
                os.unlink(path) if os.path.islink(path) else os.rmdir(path)  # only if it is empty


def _is_declared(env: Any, path: str) -> bool:
    """Whether the user's SConstruct makes the file."""
    try:
        return bool(env.fs.File(path, create=False).has_builder())
    except (UserError, TypeError):  # SCons has not heard of it, or knows a folder of that name
        return False
