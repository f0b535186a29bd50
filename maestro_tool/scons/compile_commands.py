"""``compile_commands.json`` in the build folder, for editors: how the NF's own files, and the generated ones, compile.

An own file stands there as if it were compiled where it is, with the flags of the first program that it is part of.
The file is written where a build has run anything, or where it is missing; so it costs a build with nothing to do
nothing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SCons.Node import executed, failed, no_state
from SCons.Subst import SUBST_CMD
from SCons.Util import flatten

from maestro_tool import canonical
from maestro_tool.scons import compilation

NAME = "compile_commands.json"


@dataclass(frozen=True)
class Unit:
    """A unit that is compiled in the environment ``cc``: nodes.  ``own``: if it is not generated, the file that people
    edit, and where that looks for headers."""

    cc: Any
    object: Any
    source: Any
    own: tuple[Any, Sequence[Any]] | None = None


def declare(folder: str, objects: Iterable[Any], units: Callable[[], Iterable[Unit]]) -> None:
    """Have the units, which are compiled to these objects, in the file of the build folder."""
    _declared().setdefault(folder, []).append((list(flatten([*objects])), units))


def write(folder: str, place: Path, *, failures: bool) -> None:
    """Write the file of the build folder ``folder``, which is ``place``, if this build may have changed it."""
    declared = _declared().get(folder, [])
    changed = (executed, failed, *([no_state] if failures else []))
    touched = [units for objects, units in declared if any(node.get_state() in changed for node in objects)]
    file = place / NAME
    if not declared or (not touched and file.exists()):
        return
    known = _read(file)
    # Of an own file, the first program that it is part of says how it compiles.
    wanted = touched if known else [units for _, units in declared]
    found = {e["file"]: e for units in reversed(wanted) for unit in units() for e in _entries(unit)}
    entries = {name: e for name, e in {**known, **found}.items() if os.path.exists(os.path.join(e["directory"], name))}
    with contextlib.suppress(OSError):
        canonical.write_files({file: json.dumps([entries[n] for n in sorted(entries)], indent=1) + "\n"})


def remove(place: Path) -> None:
    """Remove the file of a build folder whose files are removed."""
    with contextlib.suppress(OSError):
        (place / NAME).unlink(missing_ok=True)


def _entries(unit: Unit) -> Iterator[dict[str, Any]]:
    yield _entry(unit.cc, unit.object, unit.source)
    if unit.own is not None:
        file, folders = unit.own
        yield _entry(unit.cc.Override({"CPPPATH": list(folders)}), unit.object, file)


def _entry(cc: Any, made: Any, source: Any) -> dict[str, Any]:
    (line,) = cc.subst_list("$CCCOM", SUBST_CMD, target=[made], source=[source])
    return {
        "directory": cc.Dir("#").get_abspath(),
        "file": source.get_path(),
        "output": made.get_path(),
        "arguments": [compilation.word(w) for w in line],
    }


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """What stands there, by file; nothing if that is not of here."""
    try:
        return {e["file"]: e for e in json.loads(file.read_text(encoding="utf-8")) if e["arguments"] and e["directory"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@functools.cache
def _declared() -> dict[str, list[tuple[list[Any], Callable[[], Iterable[Unit]]]]]:
    """By build folder; of this process, which is one build."""
    return {}
