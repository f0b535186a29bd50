"""NFs by name: a folder ``nfs/<nf>/`` with C sources and, where the defaults do not fit, an ``nf.yaml`` (below).

A folder's NF is called as the folder is, with ``_`` in place of what no C name can hold (``a-b``: ``a_b``), whoever
asks for it; a name that somebody chooses must be a C name::

sources: [fw.c, fw_main.c]      # default: all .c files of the folder and below
arguments: [--wan, "1"]         # the NF's own options that the analysis assumes; default: none
ports: 2                        # devices; default: 2
limits: {unroll: 64}            # budgets of the analysis: see LIMITS
functions:                      # functions without a definition that the NF calls
  checksum_of: {pure: true}     # it only calculates from its arguments: its result is taken as unknown
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool import own_files
from maestro_tool.diagnostics import InputError, SourceLocation

#: DPDK's compile-time limit is 32 (RTE_MAX_ETHPORTS); so is MAESTRO_MAX_PORTS.
MAX_PORTS = 32

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MEMBERS = ("sources", "arguments", "ports", "limits", "functions")

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
    description: Path | None = None

    @property
    def root(self) -> Path:
        """The folder that holds all sources; code generation mirrors what is below it."""
        return own_files.common_folder(self.sources)


def known(folder: Path) -> dict[str, Path]:
    """The NFs below ``folder``, by name; `InputError` if two have one name."""
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.glob("*/") if next(p.rglob("*.c"), None)):
        other = found.setdefault(fit_for_c(path.name), path)
        if other is not path:
            message = f"{other} and {path} would both be called {fit_for_c(path.name)}"
            raise InputError(message, hint="rename one: NFs are called as their folders, with _ for what C names lack")
    return dict(sorted(found.items()))


def folder_of(name: str, nfs: Path) -> Path:
    """The folder of the NF ``name`` below ``nfs``, whether or not there is one."""
    plain = nfs / name
    return plain if plain.is_dir() else known(nfs).get(fit_for_c(name), plain)


def check_name(name: str) -> None:
    """Raise unless ``name`` can be part of C identifiers and file names."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name an NF",
            hint="begin with a letter, and use letters, digits and _: it becomes part of C names",
        )


def name_of(folder: Path) -> str:
    """A name for the NF in any folder: the folder's, fit for C."""
    return fit_for_c(folder.resolve().name)


def fit_for_c(name: str) -> str:
    """``name`` with _ for what C names cannot hold, and before a digit at its start."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "nf"
    return f"_{plain}" if plain[0].isdigit() else plain


def load(folder: Path, name: str | None = None) -> NetworkFunction:
    """The NF in ``folder``, called ``name`` or as the folder; raises `InputError` with the place in nf.yaml."""
    name = name or name_of(folder)
    check_name(name)
    description = folder / "nf.yaml"
    values = _read(description) if description.is_file() else {}
    sources = _sources(folder, values, description)
    own = own_files.find(sources)
    return NetworkFunction(
        name=name,
        sources=sources,
        headers=own.headers,
        generated=own.generated,
        arguments=values.get("arguments", (None, ()))[1],
        ports=values.get("ports", (None, 2))[1],
        limits=values.get("limits", (None, ()))[1],
        pure=values.get("functions", (None, ()))[1],
        description=description if values else None,
    )


def _sources(folder: Path, values: dict[str, Any], description: Path) -> tuple[Path, ...]:
    if "sources" not in values:
        found = tuple(sorted(p for p in folder.rglob("*.c") if not _elsewhere(p.relative_to(folder))))
        if not found:
            raise InputError(f"no C sources in {folder}")
        return found
    place, names = values["sources"]
    if not names:
        raise InputError("'sources' names no file", place, hint="leave it out: then all .c files of the folder count")
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"source '{name}' does not exist", place)
    return tuple(folder / name for name in names)


def _elsewhere(path: Path) -> bool:
    """Whether a file of the folder is what a build made, or a tool that keeps its files in ``.venv`` or so."""
    return any(part == "build" or part.startswith(".") for part in path.parts[:-1])


def _read(path: Path) -> dict[str, tuple[SourceLocation, Any]]:
    """Members of nf.yaml with where they are, checked."""
    import yaml  # most NFs have no nf.yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = SourceLocation(str(path), mark.line + 1, mark.column + 1) if mark else None
        raise InputError(f"not YAML: {error.problem}", place) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML: {error}", SourceLocation(str(path), 1)) from error
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode) or root.tag != "tag:yaml.org,2002:map":
        raise InputError("expected a mapping", _place(path, root), hint=f"members: {', '.join(_MEMBERS)}")
    result: dict[str, tuple[SourceLocation, Any]] = {}
    for key, value in root.value:
        if key.value not in _MEMBERS:
            raise InputError(f"unknown member '{key.value}'", _place(path, key), hint=f"known: {', '.join(_MEMBERS)}")
        if key.value in result:
            raise InputError(f"'{key.value}' is given twice", _place(path, key))
        result[key.value] = (_place(path, value), _value(path, key.value, value))
    return result


def _value(path: Path, member: str, node: Any) -> Any:
    import yaml

    if member in ("limits", "functions"):
        return _limits(path, node) if member == "limits" else _pure(path, node)
    if member == "ports":
        if node.tag == "tag:yaml.org,2002:int" and node.value.isdecimal() and 1 <= int(node.value) <= MAX_PORTS:
            return int(node.value)
        raise InputError(f"'ports' must be a number from 1 to {MAX_PORTS}", _place(path, node))
    if not isinstance(node, yaml.SequenceNode):
        raise InputError(f"'{member}' must be a list", _place(path, node))
    for item in node.value:
        if not isinstance(item, yaml.ScalarNode):
            raise InputError(f"'{member}' must be a list of strings", _place(path, item))
    return tuple(str(item.value) for item in node.value)


def _entries(path: Path, node: Any, what: str) -> list[tuple[Any, Any]]:
    """Keys and values of a mapping, each key once."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"'{what}' must be a mapping", _place(path, node))
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise InputError(f"'{key.value}' is given twice", _place(path, key))
        seen.add(key.value)
    return list(node.value)


def _limits(path: Path, node: Any) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for key, value in _entries(path, node, "limits"):
        if key.value not in LIMITS:
            raise InputError(f"unknown limit '{key.value}'", _place(path, key), hint=f"known: {', '.join(LIMITS)}")
        if value.tag != "tag:yaml.org,2002:int" or not value.value.isdecimal():
            raise InputError(f"the limit '{key.value}' must be a number", _place(path, value))
        found[key.value] = int(value.value)
    return tuple(sorted(found.items()))


def _pure(path: Path, node: Any) -> tuple[str, ...]:
    names = []
    for key, value in _entries(path, node, "functions"):
        said = [(k.value, v.value) for k, v in _entries(path, value, key.value)]
        if not _NAME.fullmatch(key.value) or said != [("pure", "true")]:
            hint = "functions that change state cannot be declared: add their sources"
            raise InputError(
                f"'{key.value}' must be a function's name with {{pure: true}}", _place(path, key), hint=hint
            )
        names.append(key.value)
    return tuple(sorted(names))


def _place(path: Path, node: Any) -> SourceLocation:
    return SourceLocation(str(path), node.start_mark.line + 1, node.start_mark.column + 1)
