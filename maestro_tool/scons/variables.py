"""The variables of the command line, and the help that explains them and the targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from SCons.Errors import UserError
from SCons.Script import ARGUMENTS, COMMAND_LINE_TARGETS, Help
from SCons.Variables import BoolVariable, Variables

from maestro_tool import nf, profiles
from maestro_tool.choices import MAX_WORKERS, OPTIMISE, STRATEGIES
from maestro_tool.diagnostics import InputError
from maestro_tool.scons.mistakes import told

#: The target that takes names of NFs which are not there yet.
NEW = "new"
#: Targets that are names of actions, not of files.
_ALIASES = ("sequential", "run", "explain", "certify", NEW, "bench")

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

Of SCons' own options, -j N, -k (go on after errors), -n (only show), -c (remove) and --debug=explain are useful.
"""


@partial(told, place=False)
def read(env: Any, nfs: Path, configs: Path) -> None:
    """Read nf=, nic= ... into ``env``; raise UserError for what is unknown; set the text of ``scons -h``."""
    functions, nics = list(nf.known(nfs)), list(profiles.known(configs))
    # SCons would substitute $ in values, and evaluate ${...}: it gets them without, and converters what was typed.
    variables = Variables(args={name: text.replace("$", "$$") for name, text in ARGUMENTS.items()})
    for name, text, default, convert in (
        ("nf", "network functions, separated by commas, or all; or folders: a name with a / in it. "
         f"Known: {', '.join(functions)}", "all",
         lambda text: _functions(text, functions, nfs)),
        ("nic", f"NIC profiles, separated by commas, or all; A+B: for port 0, port 1; or FILE.yaml. "
         f"Known: {', '.join(nics)}", "soft", lambda text: _nics(text, nics)),
        ("strategy", f"how state is kept apart or shared: {', '.join(STRATEGIES)}", "auto", strategy),
        ("optimise", f"what makes packets cost less: {', '.join(OPTIMISE)} (the plain path, to compare with)",
         OPTIMISE[0], optimise),
        ("ports", "number of devices the analysis assumes; default: the NF's nf.yaml, else 2", "", _ports),
        ("args", "the NF's own options the analysis assumes, e.g. args='--expire 10'; default: its nf.yaml", "",
         lambda text: text.split() if text else None),
        ("workers", f"run: number of workers, 1 to {MAX_WORKERS}", "2", _workers),
        ("traffic", "a capture, or a folder with port0.pcap, port1.pcap ...: the tables are balanced for it; "
         "run: such a folder, or options of `maestro traffic`, as '--flows 50'", "", str),
    ):  # fmt: skip
        variables.Add(name, text, default, converter=_converter(name, convert))
    variables.Add(BoolVariable("full_hash", "related packets agree in the whole hash, not only in the index", False))
    variables.Add(BoolVariable("verbose", "show whole command lines", False))
    variables.Update(env)
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


def _functions(text: str, known: Iterable[str], nfs: Path) -> list[str]:
    """Names of NFs and folders of others; a folder without sources is told from one that does not exist."""
    if NEW in COMMAND_LINE_TARGETS:
        return _new_names(text)
    folders = [n for n in text.split(",") if _is_folder(n)]
    text = ",".join(_known_name(n, known) for n in text.split(",") if not _is_folder(n))
    for folder in folders:
        if not Path(folder).is_dir():
            raise UserError(f"nf={folder}: no such folder")
    if folders and not text:
        return list(dict.fromkeys(folders))
    for name in text.split(","):
        if name and name != "all" and name not in known and (nfs / name).is_dir():
            raise UserError(f"nf={name}: no C sources in {nfs / name}")
    return [*_names("nf", text, known), *dict.fromkeys(folders)]


def _known_name(name: str, known: Iterable[str]) -> str:
    """The name of the NF in the folder of that name, if there is such an NF."""
    return plain if (plain := nf.fit_for_c(name)) in known else name


def _is_folder(name: str) -> bool:
    return "/" in name or name in (".", "..")


def _with_folders(env: Any) -> list[str]:
    """The names of nf=, where a folder is called by its own; $MAESTRO_FOLDERS remembers which."""
    names: list[str] = []
    folders: dict[str, str] = {}
    for asked in env["nf"]:
        name = nf.name_of(Path(asked)) if _is_folder(asked) else asked
        if name in names:
            raise UserError(f"nf={asked}: another NF is called {name}, too: build them one after the other")
        names.append(name)
        if _is_folder(asked):
            folders[name] = asked
    env["MAESTRO_FOLDERS"] = folders
    return names


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


def _nics(text: str, known: Iterable[str]) -> list[str]:
    """Names, files, and A+B of them."""
    names = list(known)
    asked = [n for n in text.split(",") if n]
    for part in (p for n in asked for p in profiles.split(n)):
        if part.endswith(".yaml") and not Path(part).is_file():
            raise UserError(f"nic={part}: no such file")
    others = [n for n in asked if len(profiles.split(n)) > 1 or n.endswith(".yaml")]
    for name in others:
        plain = [p for p in profiles.split(name) if not p.endswith(".yaml")]
        _names("nic", ",".join(plain) or names[0], names)
    plain = [n for n in asked if n not in others]
    return [*(_names("nic", ",".join(plain), names) if plain or not others else []), *dict.fromkeys(others)]


@partial(told, place=False)
def captures(text: str) -> str:
    """``traffic=`` where it names captures; "" where it is empty or options of `maestro traffic`."""
    if not text or text.startswith("-"):
        return ""
    if not Path(text).exists():
        raise UserError(f"traffic={text}: no such capture or folder")
    return text


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


@partial(told, place=False)
def targets(env: Any) -> Asked:
    """Sort the command line's targets; a path below build/ counts as nf= and nic= by itself."""
    words = [str(t) for t in COMMAND_LINE_TARGETS]
    functions, build = _with_folders(env), env.get("MAESTRO_BUILD", "build")
    parallel: dict[str, list[str]] = {}
    sequential, run, explain, certify, new, bench = (list(functions) if alias in words else [] for alias in _ALIASES)
    if run and "soft" not in env["nic"]:
        raise UserError("run replays captures, which needs no card: nic=soft")
    # Aliases bring what they need along; any other word may mean the programs of nf= and nic=.
    if not words or set(words) - set(_ALIASES):
        parallel = {f: list(env["nic"]) for f in functions}
    for word in words:
        parts = Path(word).parts
        if len(parts) < 3 or parts[0] != build or parts[2] not in nf.known(Path(env["MAESTRO_NFS"])):
            continue
        if parts[1] == "sequential":
            sequential.append(parts[2])
        elif parts[1] in profiles.known(Path(env["MAESTRO_CONFIGS"])):
            nics = parallel.setdefault(parts[2], [])
            nics.extend([parts[1]] if parts[1] not in nics else [])
    return Asked(parallel, list(dict.fromkeys(sequential)), run, explain, certify, new, bench)
