"""Programs that nothing can have changed since SCons found them up to date: they are not declared again.

To find that nothing is to be done, SCons walks over all nodes of all programs, which takes most of a build with nothing
to do.  So at its end a build in which a program was up to date notes (``build/.unchanged.json``) what it depends on, as
SCons knows it: files with their contents, folders with the names in them, all that is built, and digests of commands,
tool and compiler.  The next build looks at sizes and times (`remembered`), and where all is as it was, says of the
program that it is up to date.  Anything else, and whatever an SConstruct says of files in the program's folder, is for
SCons.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from SCons.Errors import UserError
from SCons.Node import executed, up_to_date
from SCons.Node.FS import FileNodeInfo
from SCons.Script import COMMAND_LINE_TARGETS, GetBuildFailures, GetOption
from SCons.Util import flatten, hash_signature

from maestro_tool import canonical, inputs, nf, profiles, remembered
from maestro_tool.scons import compile_commands, lock, outputs, parallelize, places, summary
from maestro_tool.scons.cells import Product
from maestro_tool.scons.environment import compiler, folders_of_headers

NAME: Final = ".unchanged.json"
_SCHEMA: Final = "maestro-unchanged/1"
#: Options of SCons with which it does or says more than that nothing is to be done.
_OPTIONS: Final = ("debug", "tree_printers", "taskmastertrace_file", "cache_force", "clean", "climb_up", "interactive")


class Standing:
    """In place of a node: a file that is up to date."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __str__(self) -> str:
        return self._path

    def get_state(self) -> Any:
        """As of a node."""
        return up_to_date


@dataclass(frozen=True)
class Cell:
    """One NF for one card.  ``folder``: of the program; ``root``: of the sources; ``analysis``: its folder;
    ``question``: digest of all that the program is made of, but for what files say."""

    nf: str
    nic: str
    label: str
    folder: str
    analysis: str
    root: str
    question: str

    @property
    def name(self) -> str:
        """In the file."""
        return f"{self.label}/{self.nf}"

    def product(self) -> Product:
        """What is said of it at the end."""
        plan, program = Standing(f"{self.folder}/plan.json"), Standing(f"{self.folder}/{self.nf}")
        analysis = Standing(f"{self.analysis}/analysis.json")
        return Product(self.nf, self.label, plan, program, analysis=analysis, objects=(program,))


def find(env: Any, parallel: Mapping[str, Sequence[str]], options: Mapping[str, Any]) -> dict[tuple[str, str], Cell]:
    """Programs that need no look, by NF and card as they were asked for; those that were looked at are noted at the
    end.  ``options``: of Parallelize."""
    if not _is_plain(env, options):
        return {}
    asked = time.time_ns()
    cc = compiler(env)
    build = Path(cc["MAESTRO_BUILD"])
    made = [
        {name: str(value) for name, value in sorted(options.items())}, str(folders_of_headers(cc)), cc["MAESTRO_KEEPS"],
        *(str(cc[f"MAESTRO_{name}"]) for name in ("BUILD", "IDENTITY", "RUNTIME_SYMBOL")),
        *(str(cc[f"MAESTRO_{name}"]) for name in ("TOOL", "TOOLCHAIN", "CHANGED")),
    ]  # fmt: skip
    cards = {nic: _cards(env, nic) for nic in {nic for nics in parallel.values() for nic in nics}}
    cells = {(n, nic): _cell(env, build, n, nic, [made, cards[nic]]) for n, nics in parallel.items() for nic in nics}
    memory = Memory(build / NAME)
    is_whole = (build / compile_commands.NAME).exists()
    held = {key: cell for key, cell in cells.items() if is_whole and memory.holds(cell)}
    watched = {cell.name: (cell, _below(cell.root)) for key, cell in cells.items() if key not in held}
    atexit.register(_note, memory, watched, cc["MAESTRO_RUNTIME"], asked)
    return {key: cell for key, cell in held.items() if not _is_named(env, cell)}


def declare(env: Any, alias: str, cells: Mapping[tuple[str, str], Cell], make: Callable[[str, str], Any]) -> Any:
    """An alias for programs that need no look.  Where an SConstruct turns out to say something of their files, ``make``
    declares them after all: before SCons looks at what the alias needs."""
    [node] = env.Alias(alias, env.File(f"#{places.build(env)}/{NAME}"))
    usual, pending = node.children, dict(cells)

    def children(scan: int = 1) -> Any:
        for key, cell in [*pending.items()]:
            del pending[key]
            if _is_named(env, cell):
                env.Alias(alias, make(*key))
        return usual(scan)

    node.children = children
    return node


def _is_plain(env: Any, options: Mapping[str, Any]) -> bool:
    """Whether programs are all that is asked for, of sources in their folders, and nothing is to be explained."""
    asks = bool(COMMAND_LINE_TARGETS) or env["verbose"] or env["trace"] or env["explain"] == "rebuild"
    more = any(GetOption(option) for option in _OPTIONS) or bool(options.get("TABLES_FOR"))
    return lock.writes() and not asks and not more and not outputs.is_of_user(env, places.build(env))


def _cards(env: Any, nic: str) -> list[str]:
    """The files that a card's name means; none if SCons has to say what is wrong with it."""
    try:
        return [str(card) for card in parallelize.cards(env, places.card(env, nic))]
    except UserError:
        return []


def _cell(env: Any, build: Path, name: str, nic: str, made: Any) -> Cell:
    folder = env.get("MAESTRO_FOLDERS", {}).get(name)
    root = str(folder or nf.folder_of(name, Path(str(env["MAESTRO_NFS"]).lstrip("#"))))
    label = profiles.label(places.card(env, nic))
    question = canonical.digest([name, root, nic, made])
    return Cell(name, nic, label, f"{build}/{label}/{name}", f"{build}/analysis/{name}", root, question)


def _is_named(env: Any, cell: Cell) -> bool:
    """Whether anything has asked SCons for a file of the program."""
    try:
        folder = env.fs.Dir(f"#{cell.folder}", create=False)
    except (UserError, TypeError):
        return False
    return any(name not in (".", "..") for name in folder.entries)


# --------------------------------------------------------------------------- what is noted


@dataclass(frozen=True)
class Known:
    """Files and folders as `remembered` keeps them: ``seen`` were there before a build began at ``asked``; ``made``, by
    it or one before, were as it left them at ``left``.  ``question``: of the program."""

    question: str
    asked: int
    seen: Mapping[str, list[Any]]
    left: int
    made: Mapping[str, list[Any]]


class Memory:
    """The file: for each program what it depends on, and what all of them do (``common``)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cells: dict[str, Known] = {}
        self._common = _NOTHING
        self._is_new = False
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, IndexError):
            known = json.loads(file.read_text(encoding="utf-8"))
            common = self._still(Known(**known["common"])) if known["schema"] == _SCHEMA else None
            if common is not None:
                self._common, self._cells = common, {name: Known(**cell) for name, cell in known["cells"].items()}

    def holds(self, cell: Cell) -> bool:
        """Whether all that the program is made of is as it was; what is otherwise is forgotten."""
        known = self._cells.pop(cell.name, None)
        with contextlib.suppress(OSError, ValueError, TypeError, IndexError):
            now = self._still(known) if known is not None and known.question == cell.question else None
            if now is not None:
                self._cells[cell.name] = now
                return True
        self._is_new = self._is_new or known is not None
        return False

    def _still(self, known: Known) -> Known | None:
        """What is known, if files are as they were; such as only have another time are noted with that."""
        now = time.time_ns()
        seen = remembered.touched(known.seen, known.asked)
        made = remembered.touched(known.made, known.left)
        if seen is None or made is None:
            return None
        if not seen and not made:
            return known
        self._is_new = True
        return Known(known.question, now, {**known.seen, **seen}, now, {**known.made, **made})

    def note(self, cells: Mapping[str, Known], common: Known) -> None:
        """Add programs, and write what is new."""
        if cells:
            seen, made = {**self._common.seen, **common.seen}, {**self._common.made, **common.made}
            self._common = replace(common, seen=seen, made=made)
            self._cells |= cells
        if cells or self._is_new:
            all_cells = {name: asdict(self._cells[name]) for name in sorted(self._cells)}
            document = {"schema": _SCHEMA, "common": asdict(self._common), "cells": all_cells}
            with contextlib.suppress(OSError):
                canonical.write_files({self._file: canonical.compact(document)})


_NOTHING: Final = Known("", 0, {}, 0, {})


def _note(memory: Memory, watched: Mapping[str, tuple[Cell, Any]], runtime: Sequence[Any], asked: int) -> None:
    """At the end of a build: note the programs that are up to date now, as far as SCons has looked at them."""
    left = time.time_ns()
    common = _of_nodes(runtime, asked, left) if watched and not list(GetBuildFailures()) else None
    cells: dict[str, Known] = {}
    for name, (cell, before) in watched.items() if common else ():
        product = summary.declared(cell.folder.split("/")[0], cell.nf, cell.label)
        own = None if product is None or common is None else _of(cell, product, before, common, (asked, left))
        if own is not None:
            cells[name] = own
    memory.note(cells, common or _NOTHING)


def _of(cell: Cell, product: Product, before: Any, common: Known, times: tuple[int, int]) -> Known | None:
    """What the program is made of besides what is ``common``; None if it is not up to date, or that cannot be known."""
    found = _of_nodes(product.nodes(), *times)
    record, built = Path(cell.analysis) / inputs.INPUTS, (_below(cell.folder), _below(cell.analysis))
    if found is None or before is None or _below(cell.root) != before or None in built:
        return None
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        searched = {os.path.join(place, os.path.dirname(n)) for place in known["places"] for n in known["names"]}
        folders = {os.path.normpath(place) for place in searched if os.path.isdir(place)}
        seen = remembered.seen([*known["files"], *folders, *before])
        made = remembered.seen(name for names in built for name in names or ())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if inputs.changed(record):
        return None
    made = {**made, **found.made}
    shared = common.seen.keys() | common.made.keys()
    return replace(
        found,
        question=cell.question,
        seen={n: entry for n, entry in {**seen, **found.seen}.items() if n not in shared and n not in made},
        made={n: entry for n, entry in made.items() if n not in shared},
    )


def _of_nodes(nodes: Iterable[Any], asked: int, left: int) -> Known | None:
    """The files of nodes, and those that they were made of, if all say what SCons knows."""
    signatures: dict[str, str] = {}
    made: set[str] = set()
    for node in flatten([*nodes]):
        known = node.get_stored_info()
        if node.get_state() not in (executed, up_to_date):
            return None
        made.add(str(node))
        try:
            inputs_of = list(_children(known.binfo))
        except (AttributeError, TypeError, ValueError):  # another version of SCons
            return None
        for name, signature in ((str(node), known.ninfo), *inputs_of):
            if isinstance(signature, FileNodeInfo):
                content = getattr(signature, "csig", None)
                if content is None or signatures.setdefault(name, content) != content:
                    return None
    entries = remembered.seen(signatures)
    for name, signature in signatures.items():
        try:
            if hash_signature(Path(name).read_bytes(), outputs.FORMATS.get(len(signature))) != signature:
                return None
        except OSError:
            return None
    build = {name: entry for name, entry in entries.items() if name in made}
    return Known("", asked, {name: entry for name, entry in entries.items() if name not in made}, left, build)


def _children(info: Any) -> Iterator[tuple[str, Any]]:
    """Names of what a file was made of, each with what SCons knows of it."""
    for names, signatures in (
        (info.bsources, info.bsourcesigs),
        (info.bdepends, info.bdependsigs),
        (info.bimplicit, info.bimplicitsigs),
    ):
        yield from zip(map(str, names), signatures, strict=True)


def _below(folder: str) -> dict[str, list[int]] | None:
    """All files and folders in a folder, and itself, with sizes and times; None if links may lead elsewhere."""
    found: dict[str, list[int]] = {}
    for place, folders, names in os.walk(folder):
        if any(os.path.islink(os.path.join(place, name)) for name in (*folders, *names)):
            return None
        found[place] = remembered.stamp(place)
        found.update((path, remembered.stamp(path)) for path in (os.path.join(place, name) for name in names))
    return found or None
