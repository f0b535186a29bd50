"""The NF's own files, found by text as build tools do: its headers, and the key functions left to be generated.

NFs of the Vigor family name the functions of a key type after it: ``FlowId_eq``, ``FlowId_hash``, ``FlowId_allocate``
for ``struct FlowId``.  Some keep them beside the struct, others have them generated (``flow.h.gen.h`` and
``flow.h.gen.c`` from ``flow.h``).  Where they are missing, Maestro makes them: here is found which, and
``frontend.key_functions`` writes them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from maestro_tool import dialects, runtime
from maestro_tool.dialects import Dialect

#: What there is for each key type.
ROLES = ("eq", "hash", "allocate")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
_SEARCHED = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_STRUCT = re.compile(
    r"\bstruct\s+(?:__attribute__\s*\(\(.*?\)\)\s*)?([A-Za-z_]\w*)\s*(?:__attribute__\s*\(\(.*?\)\)\s*)?\{"
)
_GENERATED = ".gen.h"
_OF_LIBRARY = re.compile(r"(\.\./)*(lib|libvig|klee)/")


@dataclass(frozen=True, slots=True)
class KeyTypes:
    """Key types of one header.  ``functions`` lack a definition, by name and sorted; ``declarations``: the header that
    declares them, if sources include one that does not exist; ``definitions``: the file to be made."""

    header: Path
    functions: tuple[str, ...]
    declarations: Path | None
    definitions: Path
    unused: tuple[str, ...] = ()  # those of `functions` that no file names: made as well, where that can be done


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """What an NF has beside its sources: headers, and structs whose key functions are generated.

    ``folder``: see `common_folder`; ``searched``: that one and those below it, where headers are looked for.
    """

    folder: Path
    searched: tuple[Path, ...]
    headers: tuple[Path, ...]
    key_types: tuple[KeyTypes, ...]
    texts: dict[Path, str]  # of sources and headers

    @property
    def generated(self) -> tuple[Path, ...]:
        """Files that do not exist, but are compiled with the NF as if they did."""
        made = [f for k in self.key_types for f in (k.declarations, k.definitions) if f is not None]
        return tuple(sorted(made))


def common_folder(sources: Sequence[Path]) -> Path:
    """The folder that holds all sources, and the headers that they reach by ``../``; code generation mirrors what is
    below it.

    ``../nf-log.h`` and the like are the library's, even where a copy of it lies above the NF.
    """
    return _common_folder(sources, _text)


def _common_folder(sources: Sequence[Path], text: Callable[[Path], str]) -> Path:
    root = Path(os.path.commonpath([s.parent for s in sources]))
    seen: set[Path] = set()
    todo = list(sources)
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in _INCLUDE.findall(text(file)):
            if _OF_LIBRARY.match(name) or (runtime.INCLUDE / name.replace("../", "")).is_file():
                continue
            target = Path(os.path.normpath(file.parent / name))
            for header in (target, target.with_name(target.name.removesuffix(_GENERATED))):
                if header.is_file():
                    todo.append(header)
                    if name.startswith("..") and not _below(header, root):
                        root = _common(root, header.parent)
    return root


def _common(first: Path, second: Path) -> Path:
    """The folder that holds both; relative if the first one is."""
    found = os.path.commonpath([os.path.abspath(first), os.path.abspath(second)])
    return Path(found if first.is_absolute() else os.path.relpath(found))


def _text(file: Path) -> str:
    """What it says; empty if it cannot be read: the phases say so."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def find(sources: Sequence[Path], include_dirs: Sequence[Path] = ()) -> OwnFiles:
    """What belongs to an NF besides its sources: files below their common folder that these include, under any
    condition.  ``include_dirs``: where else headers are looked for; those below that folder count.

    What is found too much costs a copy, and a name made by a macro is an error later.
    """
    text = cache(_text)  # each file is read once
    root = _common_folder(sources, text)
    texts: dict[Path, str] = {}
    missing: set[Path] = set()
    searched = (root, *(d for d in include_dirs if _below(d, root)))
    todo = list(sources)
    while todo:
        file = todo.pop()
        if file in texts:
            continue
        texts[file] = text(file)
        for name in _INCLUDE.findall(texts[file]):
            found = _existing(name, (file.parent, *searched), root)
            todo += found
            target = Path(os.path.normpath(file.parent / name))
            if not found and name.endswith(_GENERATED) and _below(target, root):
                missing.add(target)
                todo += [h for h in (target.with_name(target.name.removesuffix(_GENERATED)),) if h.is_file()]
        for name in _SEARCHED.findall(texts[file]):
            todo += _existing(name, searched, root)
    headers = tuple(sorted(texts.keys() - set(sources)))
    # Most NFs keep their key functions: no look at structs then.
    types = tuple(_key_types({f: _COMMENT.sub(" ", t) for f, t in texts.items()}, headers, missing))
    return OwnFiles(root, searched, headers, types, texts)


def dialect(own: OwnFiles) -> Dialect:
    """Which dialect the NF is written in; InputError if it includes headers of two."""
    return dialects.of_texts(
        own.texts, lambda file, name: bool(_existing(name, (file.parent, *own.searched), own.folder))
    )


def _existing(name: str, folders: Sequence[Path], root: Path) -> list[Path]:
    places = dict.fromkeys(Path(os.path.normpath(folder / name)) for folder in folders)
    return [p for p in places if p.is_file() and _below(p, root)]


def _below(path: Path, root: Path) -> bool:
    return not os.path.relpath(path, root).startswith("..")


def _key_types(texts: dict[Path, str], headers: tuple[Path, ...], missing: set[Path]) -> list[KeyTypes]:
    everything = "\n".join(texts.values())
    result: list[KeyTypes] = []
    for header in headers:
        structs = list(dict.fromkeys(_STRUCT.findall(texts[header])))
        declarations = Path(f"{header}{_GENERATED}")
        wanted = declarations in missing
        names = [f"{s}_{role}" for s in structs for role in ROLES]
        needed = [n for n in names if (wanted or _is_used(n, everything)) and not _is_defined(n, everything)]
        if wanted or needed:
            result.append(
                KeyTypes(
                    header,
                    tuple(sorted(needed)),
                    declarations if wanted else None,
                    Path(f"{header}.gen.c"),
                    tuple(sorted(n for n in needed if not _is_used(n, everything))),
                )
            )
    return result


def _is_used(name: str, text: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def _is_defined(name: str, text: str) -> bool:
    return re.search(rf"\b{name}\s*\([^;{{}}()]*\)\s*\{{|#\s*define\s+{name}\b", text) is not None
