"""NFs by name: a folder ``nfs/<nf>/`` with C sources and, where the defaults do not fit, an ``nf.yaml`` (below).

A folder's NF is called as the folder is, with ``_`` in place of what no C name can hold (``a-b``: ``a_b``), whoever
asks for it; a name that somebody chooses must be a C name::

sources: [fw.c, fw_main.c]      # default: NF_FILES of the folder's Makefile, else all .c files of the folder and below
arguments: [--wan, "1"]         # the NF's own options that the analysis assumes; default: none
ports: 2                        # devices; default: 2
limits: {unroll: 64}            # budgets of the analysis: see LIMITS
functions:                      # functions without a definition that the NF calls
  checksum_of: {pure: true}     # it only calculates from its arguments: its result is taken as unknown
xdp: {pass: 1}                  # of a program for XDP: see `xdp`

A program for XDP is an NF by its file, too: ``limiter.xdp.c`` is ``limiter``, and one of several programs of a file is
``all.xdp.c:limit``, called ``limit``.  The nf.yaml beside the file counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_tool import own_files, xdp
from maestro_tool.diagnostics import InputError, SourceLocation
from maestro_tool.xdp import ALONE, Attachment

#: DPDK's compile-time limit is 32 (RTE_MAX_ETHPORTS); so is MAESTRO_MAX_PORTS.
MAX_PORTS = 32

C_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

#: Budgets that can be set, members of `symex.Limits`.
LIMITS = (
    "unroll", "paths", "merge_after", "forks", "steps", "setup_steps", "call_depth", "values", "rlimit", "solver",
    "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetworkFunction:
    """An NF's files; ``description`` is its nf.yaml, if it has one; ``generated``: files that Maestro adds to it."""

    name: str
    sources: tuple[Path, ...]
    headers: tuple[Path, ...]
    generated: tuple[Path, ...] = ()
    arguments: tuple[str, ...] = ()
    ports: int = 2
    limits: tuple[tuple[str, int], ...] = ()
    pure: tuple[str, ...] = ()
    attachment: Attachment = ALONE
    description: Path | None = None

    @property
    def root(self) -> Path:
        """The folder that holds all sources; code generation mirrors what is below it."""
        return own_files.common_folder(self.sources)


def known(folder: Path) -> dict[str, Path]:
    """The NFs below ``folder``, by name; `InputError` if two have one name."""
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.glob("*/") if has_sources(p)):
        other = found.setdefault(fit_for_c(path.name), path)
        if other is not path:
            message = f"{other} and {path} would both be called {fit_for_c(path.name)}"
            raise InputError(message, hint="rename one: NFs are called as their folders, with _ for what C names lack")
    return dict(sorted(found.items()))


def has_sources(folder: Path) -> bool:
    """Whether there is a .c file in the folder or below."""
    return next(folder.rglob("*.c"), None) is not None


def folder_of(name: str, nfs: Path) -> Path:
    """The folder of the NF ``name`` below ``nfs``, whether or not there is one."""
    plain = nfs / name
    return plain if plain.is_dir() else known(nfs).get(fit_for_c(name), plain)


def check_name(name: str) -> None:
    """Raise unless ``name`` can be part of C identifiers and file names."""
    if not C_NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name an NF",
            hint="begin with a letter, and use letters, digits and _: it becomes part of C names",
        )


def name_of(folder: Path) -> str:
    """A name for the NF in any folder: the folder's, fit for C; of a program for XDP, its function's or file's."""
    if (program := xdp.split(str(folder))) is not None:
        file, function = program
        return fit_for_c(function or file.name.removesuffix(xdp.SUFFIX))
    return fit_for_c(folder.resolve().name)


def is_place(name: str) -> bool:
    """Whether this says where an NF is, and not what it is called."""
    return "/" in name or name in (".", "..") or xdp.split(name) is not None


def fit_for_c(name: str) -> str:
    """``name`` with _ for what C names cannot hold, and before a digit at its start."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "nf"
    return f"_{plain}" if plain[0].isdigit() else plain


def load(folder: Path, name: str | None = None) -> NetworkFunction:
    """The NF in ``folder``, called ``name`` or as the folder; raises `InputError` with the place in nf.yaml.

    ``folder`` may be the file of a program for XDP (`xdp.split`).
    """
    name = name or name_of(folder)
    check_name(name)
    file, function = xdp.split(str(folder)) or (None, "")
    if file is not None:
        if not file.is_file():
            raise InputError(f"no file '{file}'", hint="a program for XDP is named by its file, FILE.xdp.c")
        folder = file.parent
    description = folder / "nf.yaml"
    if not description.is_file():
        sources = _sources(folder) if file is None else (file,)
        return replace(_function(name, sources), attachment=Attachment(function))
    from maestro_tool import nf_yaml  # most NFs have none

    said, place = nf_yaml.read(description)
    sources = _sources(folder) if said.sources is None else _named(folder, said.sources, place)
    if file is not None:  # besides, only what is named
        others = () if said.sources is None else (s for s in sources if xdp.split(str(s)) is None)
        sources = (file, *others)
    ways = (None, ()) if said.xdp is None else (said.xdp.passes, tuple(sorted(said.xdp.redirect.items())))
    return replace(
        _function(name, sources),
        attachment=Attachment(function, *ways),
        arguments=said.arguments,
        ports=said.ports,
        limits=tuple(sorted(said.limits.items())),
        pure=tuple(sorted(said.functions)),
        description=description,
    )


def _function(name: str, sources: tuple[Path, ...]) -> NetworkFunction:
    own = own_files.find(sources)
    return NetworkFunction(name, sources, own.headers, own.generated)


def _sources(folder: Path) -> tuple[Path, ...]:
    """What NF_FILES of the folder's Makefile lists; all .c files below the folder if it says nothing of the kind."""
    listed = _listed(folder)
    if listed:
        return listed
    found = tuple(sorted(p for p in folder.rglob("*.c") if not _elsewhere(p.relative_to(folder))))
    if not found:
        raise InputError(f"no C sources in {folder}")
    return found


def _listed(folder: Path) -> tuple[Path, ...]:
    """The files of NF_FILES, but for those that are generated where they do not exist; () without a plain list of them.

    libVig's NFs have one, so that copies of files that lie beside them do no harm.
    """
    makefile = folder / "Makefile"
    try:
        text = makefile.read_text(encoding="utf-8", errors="replace") if makefile.is_file() else ""
    except OSError:
        return ()
    assignments = list(_NF_FILES.finditer(text.replace("\\\n", "  ")))
    if len(assignments) != 1 or re.search(r"[$*?\[%\"']", assignments[0][1]):
        return ()  # make's own functions and patterns are not followed
    found: list[Path] = []
    for name in assignments[0][1].partition("#")[0].split():
        if (folder / name).is_file():
            found.append(folder / name)
        elif not name.endswith(".gen.c"):
            line = text.count("\n", 0, assignments[0].start()) + 1
            raise InputError(f"NF_FILES lists '{name}', which does not exist", SourceLocation(str(makefile), line))
    return tuple(found)


_NF_FILES = re.compile(r"^[ ]*NF_FILES[ \t]*[:+?]?:?=(.*)$", re.MULTILINE)


def _named(folder: Path, names: tuple[str, ...], place: SourceLocation) -> tuple[Path, ...]:
    if not names:
        raise InputError("'sources' names no file", place, hint="leave it out: then all .c files of the folder count")
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"source '{name}' does not exist", place)
    return tuple(folder / name for name in names)


def _elsewhere(path: Path) -> bool:
    """Whether a file of the folder is what a build made, or a tool that keeps its files in ``.venv`` or so."""
    return any(part == "build" or part.startswith(".") for part in path.parts[:-1])
