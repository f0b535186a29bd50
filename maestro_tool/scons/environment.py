"""The environment that compiles NFs against DPDK, made from the user's: one for each set of flags and build folder.

Environments whose variables are the same share it, however many clones there are, and with it the objects of the
runtime; those that differ have objects and a runtime of their own.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Script import GetOption
from SCons.Subst import SUBST_SIG
from SCons.Util import CLVar, flatten

from maestro_tool import cache, cache_trust, canonical, dpdk, fingerprint, runtime, steps, toolchain
from maestro_tool.diagnostics import MaestroError
from maestro_tool.remote import waiting
from maestro_tool.scons import (
    builders,
    compilation,
    depfile,
    library,
    lock,
    outputs,
    places,
    progress,
    reuse,
    shared,
    signatures,
    summary,
    words,
)

#: Flags for all C here, before the user's, so that these count.
_C_FLAGS = ("-std=gnu11", "-O3", "-g", "-Wall", "-DCAPACITY_POW2")

#: What does not say how anything is compiled.
_NOT_OF_COMPILATION = (steps.FILE, cache_trust.REFUSAL_SAID, waiting.STATE)

#: The unit of the runtime that has its symbol.
_NAMED = "made_of"

_WAY_OUT = (
    "give the other environment a build folder of its own, as env.Clone(MAESTRO_BUILD='build/other'), "
    "or read its SConscript with a variant_dir"
)


def compiler(env: Any) -> Any:
    """An environment that compiles against DPDK; ``env`` may change, or be cloned, afterwards."""
    build = places.build(env)
    words.check((build,))
    if lock.writes():
        lock.hold(Path(env.Dir(f"#{build}").abspath))
        lock.hand_on(env)
        if not outputs.is_of_user(env, build):
            env["ENV"][steps.FILE] = summary.begin(build)
        shared.begin(env, build)
    folders = places.headers(env)
    said = frozenset(f"{name}={value!r}" for name, value in env.items() if name != "ENV")
    variables = tuple((n, str(v)) for n, v in sorted(env["ENV"].items()) if n not in _NOT_OF_COMPILATION)
    key = (env.fs, build, *folders, said, variables)
    if key not in _made():
        _made()[key] = _make(env, build, folders)
    cc = _made()[key]
    if cache_trust.REFUSAL_SAID in cc["ENV"]:
        env["ENV"][cache_trust.REFUSAL_SAID] = "1"
    return cc


def once(env: Any, target: str, what: Any, how: Any, declare: Callable[[], Any]) -> Any:
    """What ``declare`` returns for ``target``: called once, however often it is asked for, if that is the same
    ``what``, and it is made in the same way (``how``: flags, commands)."""
    name = target.lstrip("#")
    known, made, nodes = _declared().setdefault((env.fs, name), (what, how, []))
    if known != what:
        raise UserError(f"{name} is asked for twice, with different sources or arguments")
    if made != how:
        raise UserError(f"{name} is asked for twice, with different flags or commands: {_WAY_OUT}")
    if not nodes:
        nodes.extend(declare())
    return nodes


@functools.cache
def _made() -> dict[Any, Any]:
    """Of this process, which is one build."""
    return {}


@functools.cache
def _declared() -> dict[Any, tuple[Any, Any, list[Any]]]:
    """By path: what was asked for, how it is made, and the nodes; of this process, which is one build."""
    return {}


def _make(env: Any, folder: str, folders: list[str]) -> Any:
    _require_tools(env)
    words.check((env.Dir("#").abspath, runtime.INCLUDE, *folders))
    signatures.guard()
    _say_cache(env)
    progress.begin(summary.phases, explain=False)
    build = Path(env.Dir(f"#{folder}").abspath)
    visible = {name: str(value) for name, value in env["ENV"].items()}
    compilation.check_link(env)
    if edits := [name for name in toolchain.EDITS if name in visible]:
        raise UserError(f"{edits[0]} in ENV changes the compiler's flags unseen: NFs cannot be analysed with it")
    found = translated(dpdk.find, visible)
    cc = env.Clone(
        MAESTRO_BUILD=folder, MAESTRO_DPDK_LIBS=list(found.libs), MAESTRO_WORDS={}, MAESTRO_FOLDERS_OF_HEADERS=folders,
        ESCAPE=words.quoted,
    )  # fmt: skip
    cc.Decider("content")  # times say nothing of files that were copied, or restored, with theirs
    # The compiler is a command, perhaps of several words.
    command = tuple(str(w) for w in flatten(env.subst_list("$CC"))) or ("gcc",)
    tool = fingerprint.tool_remembered(
        fingerprint.STEPS, str(cc["MAESTRO_PYTHON"]), build / ".tool.json", remember=lock.writes()
    )
    cc["MAESTRO_TOOL"] = cc.Value(f"maestro {tool}")
    if not env["MAESTRO_VERBOSE"]:
        cc.SetDefault(**builders.VERBS)
    # DPDK's headers as -isystem: SCons does not scan them; its version, a macro, stands for them in the signature.
    cc["MAESTRO_DPDK_FOLDERS"] = list(found.include_dirs)
    cc["MAESTRO_DPDK_INCLUDES"] = [w for folder in found.include_dirs for w in ("-isystem", words.Place("", folder))]
    # What is made must not depend on where: the repository is ".", this tool's folder its name.
    maps = {env.Dir("#").abspath: ".", str(builders.PACKAGE): builders.PACKAGE.name}
    cc["MAESTRO_PREFIX_MAPS"] = [words.Place("-ffile-prefix-map=", place, f"={name}") for place, name in maps.items()]
    cc["_CCCOMCOM"] = f"{cc['_CCCOMCOM']} $MAESTRO_DPDK_INCLUDES $MAESTRO_PREFIX_MAPS {depfile.WORDS}"
    first = "CFLAGS" if "$CFLAGS" in str(cc["CCCOM"]) else "CCFLAGS"
    cc[first] = CLVar([*_C_FLAGS, *found.cflags, *dpdk.RENAMES, *flatten([CLVar(cc.get(first, ""))])])
    cc.Append(CPPDEFINES={dpdk.VERSION_MACRO: found.number})
    # lib/: NFs include "../nf-log.h" from a folder below nf.h's.
    cc["CPPPATH"] = [
        *(cc.Dir(f"#{f}" if not os.path.isabs(f) else f) for f in folders),
        cc.Dir(str(runtime.INCLUDE)), cc.Dir(str(runtime.INCLUDE / "lib")),
    ]  # fmt: skip
    compiled = compilation.words(cc, folders)
    memory = _memory(build, command, compiled.flags)
    notes = build / ".headers.json"
    cc["MAESTRO_MEMORY"], cc["MAESTRO_MORE"] = words.Place("", str(memory)), words.Place("", str(notes))
    cc["MAESTRO_CHANGED"] = cc.Value(f"headers of others {depfile.changed(notes)}")
    compiles = toolchain.digest(
        command, found, visible, memory,
        flags=compilation.places(compiled.flags), remember=lock.writes(),
    )  # fmt: skip
    cc["MAESTRO_TOOLCHAIN"] = cc.Value(
        f"{' '.join(command)}, DPDK {found.version}, and what they read: {compiles}"
        f"{compilation.this_cpu(compiled.flags)}"
    )
    cc["_LIBFLAGS"] = f"{cc['_LIBFLAGS']} $MAESTRO_DPDK_LIBS -lm -lpthread"
    cc["MAESTRO_INCLUDED"] = compilation.headers(compiled.flags, folders)
    library.prepare(cc, compiled.flags)
    cc["MAESTRO_KEEPS"] = reuse.are_plain(compiled.flags)
    signed = [_signature(cc, "$CCCOM"), str(cc["MAESTRO_TOOLCHAIN"]), str(folders_of_headers(cc)),
                *map(str, cc["MAESTRO_INCLUDED"])]  # fmt: skip
    # What environments have in common that make the same of the same files.
    cc["MAESTRO_IDENTITY"] = canonical.digest([*signed, *(_signature(cc, line) for line in ("$ARCOM", "$LINKCOM"))])
    headers = {p.relative_to(runtime.INCLUDE).as_posix(): p.read_bytes() for p in runtime.INCLUDE.rglob("*.h")}
    contents = canonical.digest({name: hashlib.sha256(text).hexdigest() for name, text in headers.items()})
    cc["MAESTRO_RUNTIME_SYMBOL"] = f"maestro_runtime_{canonical.digest([*signed, contents])[:32]}"
    cc["MAESTRO_RUNTIME"] = _runtime(cc, canonical.digest(signed))
    cc["MAESTRO_APART"] = compilation.apart(cc)
    return cc


def _signature(cc: Any, line: str) -> str:
    """A command as SCons signs it."""
    return str(cc.subst(line, SUBST_SIG, [cc.File("#maestro-unit.o")], [cc.File("#maestro-unit.c")]))


def for_runtime(cc: Any) -> dict[str, str]:
    """Construction variables of units that are to link with the runtime of ``cc``, and no other."""
    return {"_CCCOMCOM": f"{cc['_CCCOMCOM']} -DMAESTRO_RUNTIME_SYMBOL=$MAESTRO_RUNTIME_SYMBOL"}


def _runtime(cc: Any, compiles: str) -> list[Any]:
    """The runtime's library, and the objects in it, ``compiles``: how they do; of the first set of flags of a build
    folder in runtime/, of others beside it."""
    known = _runtimes().setdefault((cc.fs, cc["MAESTRO_BUILD"]), {})
    if compiles not in known:
        folder = f"#{cc['MAESTRO_BUILD']}/runtime{f'-{compiles[:8]}' if known else ''}"
        anywhere = cc["CCCOM"].replace("$SOURCES", "$( $SOURCES $)")  # the path is not part of the signature
        cell = cc.Dir(folder).get_path()
        made = flatten([
            cc.MaestroObject(
                f"{folder}/{source.stem}.o", file(cc, source), CCCOM=anywhere, MAESTRO_CELL=cell,
                **(for_runtime(cc) if source.stem == _NAMED else {}),
            )
            for source in sorted(runtime.SOURCE.glob("*.c"))
        ])  # fmt: skip
        values = [cc["MAESTRO_TOOLCHAIN"], cc["MAESTRO_CHANGED"], folders_of_headers(cc)]
        cc.Depends(made, [*files(cc, cc["MAESTRO_INCLUDED"]), *values])
        made = [*cc.StaticLibrary(f"{folder}/libmaestro.a", made), *made]
        outputs.settle(cc, folder, made)
        known[compiles] = made
    return known[compiles]


@functools.cache
def _runtimes() -> dict[Any, dict[str, list[Any]]]:
    """By build folder and flags; of this process, which is one build."""
    return {}


def _memory(build: Path, command: tuple[str, ...], flags: tuple[str, ...]) -> Path:
    """A file for what is found of a compiler; another where other flags say where it looks."""
    looks = compilation.places(flags)
    more = f"-{canonical.digest(list(looks))[:8]}" if looks else ""
    return build / f".toolchain-{'-'.join(Path(w).name for w in command)}{more}.json"


def folders_of_headers(cc: Any) -> Any:
    """$CPPPATH, which SCons leaves out of signatures, in its order.

    Of folders elsewhere counts only that they are there, and of those of the program, what is below it.
    """
    names, cell = [], cc.get("MAESTRO_CELL") and cc.Dir(f"#{cc['MAESTRO_CELL']}").abspath
    for folder in map(cc.Dir, flatten([cc["CPPPATH"]])):
        own, path = Path(folder.abspath), folder.get_path()
        if own.is_relative_to(builders.PACKAGE):
            names.append(f"<{own.relative_to(builders.PACKAGE)}>")
        elif cell and own.is_relative_to(cell):
            names.append(f"<program {own.relative_to(cell)}>")
        else:
            names.append("*" if os.path.isabs(path) else path)
    return cc.Value(f"headers in {' '.join(names)}")


def _say_cache(env: Any) -> None:
    """Why nothing is cached, once and not in each step."""
    setting = cache_trust.setting({**os.environ, **env["ENV"]}, make=False)
    if setting.refusal is not None and cache_trust.REFUSAL_SAID not in env["ENV"] and not GetOption("help"):
        print(f"warning: {cache.refused(setting)}", file=sys.stderr, flush=True)
        env["ENV"][cache_trust.REFUSAL_SAID] = "1"


def _require_tools(env: Any) -> None:
    from maestro_tool.scons import missing_packages

    missing = missing_packages()
    if missing:
        raise UserError(f"Python packages are missing; install them: pip install {' '.join(missing)}")
    [command, *_] = env.Split(env.subst("$CC")) or ["gcc"]
    # SCons would seek it below each folder of $PATH, also with a folder in its name.
    there = os.access(os.path.join(env.Dir("#").abspath, command), os.X_OK) if "/" in command else env.WhereIs(command)
    if not there:
        raise UserError("no C compiler found; install one: apt-get install gcc libc6-dev (Debian, Ubuntu)")


def file(env: Any, path: Path) -> Any:
    """A node by a path relative to the top folder (or absolute: files of an installed package)."""
    return env.File(str(path) if path.is_absolute() else f"#{path}")


def files(env: Any, paths: tuple[Path, ...]) -> list[Any]:
    """Nodes of paths."""
    return [file(env, p) for p in paths]


def translated(function: Any, *arguments: Any) -> Any:
    """Call ``function``; its errors end the build with one message, not a traceback."""
    try:
        return function(*arguments)
    except MaestroError as error:
        raise UserError(error.render()) from None
