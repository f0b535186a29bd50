"""The variables of the command line, and the help that explains them and the targets."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS, GetLaunchDir, GetOption, Help
from SCons.Util import CLVar, Split, flatten
from SCons.Variables import BoolVariable, EnumVariable, Variables

from maestro_tool import nf, profiles, remote, xdp
from maestro_tool.choices import MAX_WORKERS, OPTIMISE, STRATEGIES
from maestro_tool.diagnostics import InputError
from maestro_tool.scons.mistakes import reported

#: The target that takes names of NFs which are not there yet.
NEW = "new"
#: Targets that are names of actions, not of files.
_ALIASES = ("sequential", "run", "explain", "certify", NEW, "bench")

#: Variables that say how all is compiled, behind what the SConstruct says.
_COMPILING = {
    "CC": "the C compiler",
    "CFLAGS": "flags of the compiler, separated by blanks; they come last, and so count",
    "cpu": "the CPU to compile for, as -march= takes it, e.g. native or x86-64-v3",
}
_CPU = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")

_TARGETS = """
Targets:
  (none)        the parallel program of each nf= for each nic=: build/<nic>/<nf>/<nf>, lib<nf>.a, <nf>.h, plan.json,
                certificate.json
  run           replay a capture through the program for nic=soft, and show what each worker got
  sequential    the NF as it is, as a program for one core: build/sequential/<nf>/<nf>
  explain       how packets flow, what state they share, what is decided and why; graphs: build/explain/<nic>/<nf>/
  certify       prove the generated programs from their certificates, by a solver and nothing else (docs/certificate.md)
  new           write a small NF to start from, with a test: scons new nf=NAME
  bench         time per phase and per packet, by strategy, with the reference figures: build/bench.json
  PATH          any file below build/

Examples:
  scons nf=fw nic=soft run              scons nf=all nic=all -j2 -k
  scons nf=fw nic=e810 args="--wan 1"   scons -c nf=fw nic=e810
  scons explain nf=fw nic=e810          scons new nf=limiter
  scons nf='fw*' nic='e8*'              scons CC=clang CFLAGS=-O2 cpu=native

Of SCons' own options, -j N, -k (go on after errors), -n (only show), -c (remove), -D (from a folder below, where names
of files and folders are relative to that), -u (so, and only NFs there) and --debug=explain are useful.
"""


@partial(reported, place=False)
def read(env: Any, nfs: Mapping[str, Path], configs: Path) -> None:
    """Read nf=, nic= ... into ``env``; raise UserError for what is unknown; set the text of ``scons -h``.

    ``nfs``: folders of NFs by name.
    """
    functions, nics = list(nfs), list(profiles.known(configs))
    # SCons would substitute $ in values, and evaluate ${...}: it gets them without, and converters what was typed.
    variables = Variables(args={n: text.replace("$", "$$") for n, text in ARGUMENTS.items() if n not in _COMPILING})
    for name, text, default, convert in (
        ("nf", "network functions, separated by commas, or all; or folders: a name with a / in it; with * for any. "
         f"Known: {', '.join(functions)}", "all",
         lambda text: _functions(text, nfs)),
        ("nic", f"NIC profiles, separated by commas, or all, with * for any; A+B: for port 0, port 1; or FILE.yaml. "
         f"Known: {', '.join(nics)}", "soft", lambda text: _nics(text, configs)),
        ("strategy", f"how state is kept apart or shared: {', '.join(STRATEGIES)}", "auto", strategy),
        ("optimise", f"what makes packets cost less: {', '.join(OPTIMISE)} (the plain path, to compare with)",
         OPTIMISE[0], optimise),
        ("ports", "number of devices the analysis assumes; default: the NF's nf.yaml, else 2", "", _ports),
        ("args", "the NF's own options the analysis assumes, e.g. args='--expire 10'; default: its nf.yaml", "",
         lambda text: text.split() if text else None),
        ("workers", f"run: number of workers, 1 to {MAX_WORKERS}", "2", _workers),
        ("traffic", "a capture, or a folder with port0.pcap, port1.pcap ...: the tables are balanced for it; "
         "run: such a folder, or options of `maestro traffic`, as '--flows 50'", "", str),
        ("explain", "rebuild: tell before each step which of its inputs changed", "", _explained),
        ("cache", "where results come from and go to: the URL of a store that a team shares, or a folder, with the "
         "team's MAESTRO_CACHE_KEY", "", _cache),
        ("cluster", "the scheduler of a Dask cluster whose workers make the analyses, as tcp://host:8786", "", str),
        ("trace", "a file for the times of all commands, as chrome://tracing and Perfetto read it", "", typed),
    ):  # fmt: skip
        variables.Add(name, text, default, converter=_converter(name, convert))
    variables.Add(BoolVariable("full_hash", "related packets agree in the whole hash, not only in the index", False))
    variables.Add(
        EnumVariable("cache_mode", "whether cache= is written to; default: read-write", "", ("", *remote.MODES))
    )
    variables.Add(BoolVariable("verbose", "show whole command lines", False))
    for name, text in _COMPILING.items():
        variables.Add(name, text, None)
    variables.Update(env)
    _compiling(env)
    Help(
        "Builds parallel programs out of sequential network functions.\n\nVariables (scons NAME=VALUE ...):\n"
        + variables.GenerateHelpText(env)
        + _TARGETS
    )
    if unknown := sorted(variables.UnknownVariables()):
        raise UserError(f"unknown variable: {', '.join(unknown)}; known: {', '.join(sorted(variables.keys()))}")


def _converter(name: str, convert: Callable[[str], Any]) -> Callable[[str], Any]:
    # SCons converts once more what was converted.
    return lambda value: convert(ARGUMENTS.get(name, value)) if isinstance(value, str) else value


def _names(variable: str, text: str, known: Iterable[str]) -> list[str]:
    names = [n for n in text.split(",") if n]
    if names == ["all"]:
        return list(known)
    for name in names:
        if name not in known:
            raise UserError(f"unknown {variable}={name}; known: {', '.join(known)}, all")
    if not names:
        raise UserError(f"{variable}= names nothing; known: {', '.join(known)}, all")
    return list(dict.fromkeys(names))


def _compiling(env: Any) -> None:
    """CC=, CFLAGS= and cpu= into the environment."""
    said = {name: ARGUMENTS.get(name, "").replace("$", "$$") for name in _COMPILING}
    if said["CC"]:
        env["CC"] = said["CC"]
    if said["cpu"] and not _CPU.fullmatch(said["cpu"]):
        raise UserError(f"cpu={ARGUMENTS['cpu']}: expected a CPU as -march= takes it, e.g. native or x86-64-v3")
    more = [*([f"-march={said['cpu']}"] if said["cpu"] else []), *Split(said["CFLAGS"])]
    if more:
        env["CCFLAGS"] = CLVar([*flatten([CLVar(env.get("CCFLAGS", ""))]), *more])


def known(nfs: Sequence[str]) -> dict[str, Path]:
    """NFs in folders whose names may have ``*`` in them, by name; UserError if two have one name."""
    found: dict[str, Path] = {}
    for folder in nfs:
        for place in sorted(glob.glob(folder)) if _is_pattern(folder) else [folder]:
            for name, path in nf.known(Path(place)).items():
                other = found.setdefault(name, path)
                if other != path:
                    raise UserError(f"{other} and {path} would both be called {name}: rename one")
    return dict(sorted(found.items()))


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name)


def typed(name: str) -> str:
    """The file or folder of a name on the command line, from the top folder: SCons' -u, -U and -D take names from
    where it was started."""
    if not name or not GetOption("climb_up") or os.path.isabs(name):
        return name
    path = os.path.relpath(os.path.join(_started(), name))
    return path if "/" in path or not _is_folder(name) else f"./{path}"


def _started() -> str:
    return str(os.path.join(GetLaunchDir(), *(GetOption("directory") or [])))


def _matching(variable: str, pattern: str, known: Iterable[str]) -> list[str]:
    """Names that fit a pattern; UserError if there are none."""
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise UserError(f"{variable}={pattern} fits nothing; known: {', '.join(known)}, all")
    return found


def _functions(text: str, nfs: Mapping[str, Path]) -> list[str]:
    """Names of NFs and folders of others; a folder without sources is told from one that does not exist."""
    if NEW in COMMAND_LINE_TARGETS:
        return _new_names(text)
    folders = [f for n in text.split(",") if _is_folder(n) for f in _folders(typed(n))]
    names = [name for n in text.split(",") if n and not _is_folder(n) for name in _named(n, nfs)]
    if folders and not names:
        return list(dict.fromkeys(folders))
    for name in names:
        for beside in {path.parent for path in nfs.values()} if name not in (*nfs, "all") else ():
            if (beside / name).is_dir():
                raise UserError(f"nf={name}: no C sources in {beside / name}")
    return [*_names("nf", ",".join(names), nfs), *dict.fromkeys(folders)]


def _named(name: str, nfs: Mapping[str, Path]) -> list[str]:
    """NFs of a name, or of a pattern for names or for those of their folders."""
    if not _is_pattern(name):
        return [_known_name(name, nfs)]
    by_folder = [n for n, path in nfs.items() if fnmatchcase(path.name, name)]
    return by_folder or _matching("nf", name, nfs)


def _folders(name: str) -> list[str]:
    """Folders of a name, or with sources and of a pattern."""
    if Path(name).is_dir() or xdp.split(name) is not None:
        return [name]
    if not _is_pattern(name):
        raise UserError(f"nf={name}: no such folder")
    found = [f for f in sorted(glob.glob(name)) if os.path.isdir(f) and nf.has_sources(Path(f))]
    if not found:
        raise UserError(f"nf={name} fits no folder with C sources")
    return found


def _known_name(name: str, known: Iterable[str]) -> str:
    """The name of the NF in the folder of that name, if there is such an NF."""
    return plain if (plain := nf.fit_for_c(name)) in known else name


def _is_folder(name: str) -> bool:
    return nf.is_place(name)


def _with_folders(env: Any, nfs: Mapping[str, Path]) -> list[str]:
    """The names of nf=, where a folder is called by its own; $MAESTRO_FOLDERS remembers which."""
    names: list[str] = []
    folders = {name: str(path) for name, path in nfs.items()}
    for asked in _near(env["nf"], nfs):
        name = nf.name_of(Path(asked)) if _is_folder(asked) else asked
        if name in names:
            raise UserError(f"nf={asked}: another NF is called {name}, too: build them one after the other")
        names.append(name)
        if _is_folder(asked):
            folders[name] = asked
    env["MAESTRO_FOLDERS"] = folders
    return names


def _near(names: list[str], nfs: Mapping[str, Path]) -> list[str]:
    """For -u and -U: of all, those at or below the folder in which SCons was started, or around it."""
    if GetOption("climb_up") not in (1, 3) or "nf" in ARGUMENTS or COMMAND_LINE_TARGETS:
        return names
    here = Path(_started()).resolve()
    found = [n for n in names if (own := nfs[n].resolve()).is_relative_to(here) or here.is_relative_to(own)]
    if not found:
        raise UserError(f"no network function is in {os.path.relpath(here)} or around it; scons -D builds all")
    return found


def _new_names(text: str) -> list[str]:
    """NFs that are to be written."""
    if text == "all":
        raise UserError("new needs a name: scons new nf=NAME")
    if set(COMMAND_LINE_TARGETS) != {NEW}:
        raise UserError("new is a target by itself; build what it writes afterwards")
    for name in text.split(","):
        try:
            nf.check_name(name)
        except InputError as error:
            raise UserError(f"nf={name}: {error.message}; {error.hint}") from None
    return text.split(",")


def _nics(text: str, configs: Path) -> list[str]:
    """Names (in place of aliases), files, and A+B of them."""
    names = list(profiles.known(configs))
    asked = [profiles.plain(m, configs) for n in text.split(",") if n for m in _cards(n, names)]
    for part in (p for n in asked for p in profiles.split(n)):
        if part.endswith(".yaml") and not Path(part).is_file():
            raise UserError(f"nic={part}: no such file")
    others = [n for n in asked if len(profiles.split(n)) > 1 or n.endswith(".yaml")]
    for name in others:
        _known_cards([p for p in profiles.split(name) if not p.endswith(".yaml")], configs)
    plain = [n for n in asked if n not in others]
    if plain != ["all"]:
        _known_cards(plain, configs)
    return [*(_names("nic", ",".join(plain), names) if plain or not others else []), *dict.fromkeys(others)]


def _known_cards(names: Iterable[str], configs: Path) -> None:
    """UserError with what may be meant if one of the names is no profile's."""
    known = profiles.known(configs)
    for name in names:
        if name not in known:
            raise UserError(f"unknown nic={name}; {profiles.suggestion(name, known)}, all")


def _cards(name: str, known: Iterable[str]) -> list[str]:
    """A profile, or those of a pattern, also of ``A+B``; with names of files from the top folder."""
    known = list(known)
    ports = (
        [typed(p)] if p.endswith(".yaml") else _matching("nic", p, known) if _is_pattern(p) else [p]
        for p in profiles.split(name)
    )
    return ["+".join(cards) for cards in itertools.product(*ports)]


@partial(reported, place=False)
def captures(text: str) -> str:
    """``traffic=`` where it names captures; "" where it is empty or options of `maestro traffic`."""
    if not text or text.startswith("-"):
        return ""
    if not Path(typed(text)).exists():
        raise UserError(f"traffic={text}: no such capture or folder")
    return typed(text)


def strategy(text: str) -> str:
    """``text`` if it is a strategy; raises UserError."""
    if text not in STRATEGIES:
        raise UserError(f"unknown strategy={text}; known: {', '.join(STRATEGIES)}")
    return text


def optimise(text: str) -> str:
    """``text`` if it is one of `choices.OPTIMISE`; raises UserError."""
    if text not in OPTIMISE:
        raise UserError(f"unknown optimise={text}; known: {', '.join(OPTIMISE)}")
    return text


def _explained(text: str) -> str:
    if text not in ("", "rebuild"):
        raise UserError(f"explain={text}: expected explain=rebuild; plans are explained by the target: scons explain")
    return text


def _cache(text: str) -> str:
    return text if not text or "://" in text else typed(text)


def _ports(text: str) -> int | None:
    return port_count("ports", text) if text else None


def port_count(variable: str, text: str) -> int:
    """A number of devices; raises UserError."""
    return _number(variable, text, nf.MAX_PORTS)


def _workers(text: str) -> int:
    return _number("workers", text, MAX_WORKERS)


def _number(variable: str, text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise UserError(f"{variable}={text}: expected a number from 1 to {most}")
    return int(text)


@dataclass(frozen=True)
class Asked:
    """What the command line wants declared: NF -> NICs of parallel programs, and NFs of the other targets."""

    parallel: dict[str, list[str]]
    sequential: list[str]
    run: list[str]
    explain: list[str]
    certify: list[str]
    new: list[str]
    bench: list[str]


@partial(reported, place=False)
def targets(env: Any, nfs: Mapping[str, Path]) -> Asked:
    """Sort the command line's targets; a path below build/ counts as nf= and nic= by itself."""
    words = [str(t) for t in COMMAND_LINE_TARGETS]
    functions, build = _with_folders(env, nfs), env.get("MAESTRO_BUILD", "build")
    parallel: dict[str, list[str]] = {}
    sequential, run, explain, certify, new, bench = (list(functions) if alias in words else [] for alias in _ALIASES)
    if run and "soft" not in env["nic"]:
        raise UserError("run replays captures, which needs no card: nic=soft")
    # Aliases bring what they need along; any other word may mean the programs of nf= and nic=.
    if not words or set(words) - set(_ALIASES):
        parallel = {f: list(env["nic"]) for f in functions}
    for word in words:
        parts = Path(word[1:] if word.startswith("#") else typed(word)).parts
        if len(parts) < 3 or parts[0] != build or parts[2] not in nfs:
            continue
        if parts[1] == "sequential":
            sequential.append(parts[2])
        elif parts[1] in profiles.known(Path(env["MAESTRO_CONFIGS"])):
            nics = parallel.setdefault(parts[2], [])
            nics.extend([parts[1]] if parts[1] not in nics else [])
    return Asked(parallel, list(dict.fromkeys(sequential)), run, explain, certify, new, bench)
