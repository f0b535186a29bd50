"""The builders behind `Parallelize`: one command each, outputs all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from SCons.Action import Action
from SCons.Builder import Builder
from SCons.Defaults import CAction, StaticObjectEmitter
from SCons.Script import GetOption
from SCons.Tool import SourceFileScanner

from maestro_tool.scons import depfile, library, reuse, words

PACKAGE = Path(__file__).resolve().parent.parent

#: The interpreter is no part of the signature; what it runs is (`fingerprint.tool`).
_MAESTRO = "$( $MAESTRO_PYTHON $) -P -m maestro_tool"

#: What each step prints with verbose=0.  Phases print their own line, for they know what the cache gave.
VERBS = {
    "CCCOMSTR": "CC        $TARGET",
    "ARCOMSTR": "AR        $TARGET",
    "RANLIBCOMSTR": "RANLIB    $TARGET",
    "LINKCOMSTR": "LINK      $TARGET",
}


def add(env: Any) -> None:
    """Register the builders in ``env``."""
    env.SetDefault(
        MAESTRO_ARGS=[],
        MAESTRO_CARD=[],
        MAESTRO_CARDS="",
        MAESTRO_HEADERS=[],
        MAESTRO_COMPILE=[],
        MAESTRO_REAL=[],
        MAESTRO_TABLES=[],
        MAESTRO_HASH=[],
        MAESTRO_LIMITS=[],
        MAESTRO_OPTIMISE=[],
    )
    verbose = env["MAESTRO_VERBOSE"]
    env.Append(
        BUILDERS={
            "MaestroAnalyse": _builder(
                f"{_MAESTRO} analyse --ports $PORTS $MAESTRO_COMPILE $MAESTRO_REAL $MAESTRO_LIMITS $MAESTRO_ARGS"
                " -o $TARGET --record ${TARGET.dir} $SOURCES",
                "ANALYSE",
                verbose,
                still=reuse.unchanged,
            ),
            "MaestroProfile": _builder(f"{_MAESTRO} profile $MAESTRO_CARD -o $TARGET", "PROFILE", verbose),
            "MaestroGenerate": _builder(
                f"{_MAESTRO} generate ${{SOURCES[0]}} $MAESTRO_NIC --strategy $STRATEGY --name $MAESTRO_NF"
                " $MAESTRO_OPTIMISE $MAESTRO_HASH $MAESTRO_TABLES --exact $MAESTRO_HEADERS -o ${TARGET.dir}",
                "GENERATE",
                verbose,
            ),
            "MaestroSequential": _builder(
                f"{_MAESTRO} sequential --ports $PORTS $MAESTRO_COMPILE $MAESTRO_LIMITS $MAESTRO_ARGS"
                " --name $MAESTRO_NF $MAESTRO_OPTIMISE --exact $MAESTRO_HEADERS --record ${TARGET.dir}"
                " -o ${TARGET.dir} $SOURCES",
                "GENERATE",
                verbose,
                still=reuse.unchanged,
            ),
            "MaestroLibrary": library.builder(verbose=verbose),
            # As SCons' Object, and what compilers read is compared with what is known.
            "MaestroObject": Builder(
                action=reuse.Kept(Action([CAction, _read_only_known]), anywhere=True), src_suffix=".c",
                emitter=StaticObjectEmitter, suffix="$OBJSUFFIX", source_scanner=SourceFileScanner, single_source=True,
                **depfile.ASKED,
            ),
        }
    )  # fmt: skip


_read_only_known = Action(depfile.check, None)


def command(line: str) -> str:
    """The command line that runs ``maestro line`` in a build; to be run with `words.EXACT`."""
    return f"{_MAESTRO} {line}"


def literal(option: str, values: Any) -> list[Any]:
    """``option=value`` words that no shell and no substitution touches."""
    return [words.Word(f"{option}={value}") for value in values]


def places(option: str, names: Any) -> list[Any]:
    """The same of files and folders, whose names do not count: contents do."""
    return [words.Place(f"{option}=", str(name)) for name in names]


def quiet(verb: str, verbose: bool) -> Callable[..., str] | None:
    """A strfunction for commands that print their own line: silent, but for ``scons -n``."""
    if verbose:
        return None
    return lambda target, source, env, *rest: f"{verb:<10}{target[0]}" if GetOption("no_exec") else ""


def _builder(line: str, verb: str, verbose: bool, **kept: Any) -> Any:
    strfunction = quiet(verb, verbose)
    # Profiles are sources, wherever they lie: of their paths only the names count.
    options = {"varlist": ["MAESTRO_CARDS"], **({"strfunction": strfunction} if strfunction else {})}
    run = Action(line, **options)
    return Builder(action=reuse.Kept(Action([run, Action(_check_outputs, strfunction=None)]), **kept), **words.EXACT)


def _check_outputs(target: list[Any], source: list[Any], env: Any) -> str | None:
    """A command that succeeds without writing what it declares is a bug; SCons itself would not notice."""
    missing = [str(t) for t in target if not Path(t.abspath).exists()]
    return f"internal error: not written: {', '.join(missing)}" if missing else None
