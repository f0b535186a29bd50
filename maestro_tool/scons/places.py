"""Where names in an SConscript lead: relative to its folder, or to the top folder with ``#``, as SCons has it.

SCons reads an SConscript in its folder, while this tool, and the commands of a build, name files from the top folder.
In a variant folder a name means the source that people edit, unless something in the build makes the file.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from SCons.Errors import UserError
from SCons.Node.FS import Dir
from SCons.Util import flatten

from maestro_tool import profiles

#: $MAESTRO_BUILD where nobody says another.
BUILD = "build"

P = ParamSpec("P")
R = TypeVar("R")

#: The folder of the SConscript that called a method of this tool.
_CALLER: ContextVar[Any] = ContextVar("caller", default=None)


def at_top(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, a method of environments, run in the top folder; its nodes are of the SConscript that called it."""

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> R:
        env: Any = arguments[0]
        top, caller, before = env.fs.Top, env.fs.getcwd(), os.getcwd()
        if caller is top or _CALLER.get() is not None:
            return function(*arguments, **options)
        asked = _CALLER.set(caller)
        env.fs.chdir(top)
        os.chdir(top.get_abspath())
        try:
            nodes = function(*arguments, **options)
        finally:
            env.fs.chdir(caller)
            os.chdir(before)
            _CALLER.reset(asked)
        for node in flatten([nodes]):
            node.cwd = caller
        return nodes

    return call


def _caller(env: Any) -> Any:
    return _CALLER.get() or env.fs.getcwd()


def build(env: Any) -> str:
    """The folder of what is built: $MAESTRO_BUILD; as long as that is the default, the variant folder in which an
    SConscript is read."""
    said = str(env["MAESTRO_BUILD"])
    if said != BUILD:
        place = os.path.relpath(said, env.fs.Top.get_abspath()) if os.path.isabs(said) else said
        return str(env.Dir(f"#{said if place.startswith('..') else place.lstrip('#/')}").get_path())
    folder = _caller(env)
    while folder is not None and folder is not folder.up():
        if folder.srcdir is not None:
            return str(folder.get_path())
        folder = folder.up()
    return BUILD


def alias(env: Any, said: str) -> str:
    """A name of a command for what is built: one for each build folder."""
    return said if build(env) == BUILD else f"{said}-in-{build(env)}"


def real(node: Any) -> Any:
    """The file or folder that people edit, or the node itself where the build makes it."""
    node = node.disambiguate()
    made = not isinstance(node, Dir) and (node.has_builder() or node.side_effect)
    return node if made else node.srcnode()


def name(env: Any, said: Any) -> str:
    """What an SConscript names, or a node, from the top folder; nothing is substituted."""
    if hasattr(said, "get_path"):
        return str(real(said).get_path())
    if _caller(env) is env.fs.Top and not str(said).startswith("#"):
        return str(said)
    return str(real(env.fs.Entry(str(said), _caller(env))).get_path())


def card(env: Any, said: Any) -> str:
    """A value of NIC: a profile's name or file, or A+B of them, with files from the top folder."""
    if hasattr(said, "get_path"):
        return name(env, said)
    whole = name(env, said) if str(said).endswith(".yaml") else str(said)
    if Path(whole).is_file():
        return whole
    parts = "+".join(name(env, part) if part.endswith(".yaml") else part for part in profiles.split(str(said)))
    return profiles.plain(parts, Path(str(env["MAESTRO_CONFIGS"]).lstrip("#")))


def sources(env: Any, said: Any) -> list[Path]:
    """Files that are given as names, nodes and lists; or one folder."""
    nodes = [real(n) for n in env.arg2nodes(said, lambda name: env.fs.Entry(name, _caller(env)))]
    found = [Path(n.get_path()) for n in nodes]
    folders = [str(n) for n in nodes if isinstance(n, Dir)]
    if folders and len(found) > 1:
        raise UserError(f"{folders[0]} is a folder: give one folder as the NF, or files, as Glob finds them")
    return found


def headers(env: Any) -> list[str]:
    """The user's $CPPPATH; of a variant folder also the source folder behind it.

    Where SCons makes copies of sources, their folder comes first: a copy may be made at any time, or never.
    """
    found: list[str] = []
    for said in flatten([env.get("CPPPATH", [])]):
        node = folder(env, said)
        both = (node, node.srcnode())
        found += [place.get_path() for place in (reversed(both) if node.duplicate else both)]
    return list(dict.fromkeys(found))


def folder(env: Any, said: Any) -> Any:
    """The node of a folder, by a node or a name in which SCons substitutes."""
    return said if hasattr(said, "get_path") else env.fs.Dir(env.subst(str(said)), _caller(env))
