"""The NF's own files laid out as ``gen/`` will have them: what is preprocessed is what is compiled.

Where an ``#include`` leads depends on which files lie beside each other.  Code generation copies the NF's sources, and
the headers that they include from its folder, to ``gen/``; all else is not there.  So the analysis reads them from such
a folder, too, and not from where a header above it, or one that was left lying around, would be found first.

Files that do not exist because they are generated (`key_functions`) are written there only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from maestro_tool.frontend import flags
from maestro_tool.frontend.compiler import Compilation
from maestro_tool.own_files import OwnFiles

_DEPTH = 8  # folders below the temporary one: for names with as many ".."


class Copies:
    """Copies in ``folder`` of an NF's files, below ``base``; ``root`` is the folder of the originals."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = root
        self.base = folder.joinpath(*["d"] * _DEPTH)
        self.base.mkdir(parents=True)
        self._originals: dict[str, str] = {}  # copy -> the original's path
        self._contents: dict[str, str] = {}  # path of an original -> SHA-256 of what was copied
        self._generated: dict[str, str] = {}  # path that a generated file would have -> text
        self._extended: dict[str, str] = {}  # path -> text

    @property
    def generated(self) -> tuple[tuple[str, str], ...]:
        """The files that were written without an original: (path that they would have, text)."""
        return tuple(sorted(self._generated.items()))

    @property
    def extended(self) -> tuple[tuple[str, str], ...]:
        """The files to which something was added: (path, all of the text)."""
        return tuple(sorted(self._extended.items()))

    @property
    def contents(self) -> dict[str, str]:
        """The originals that were copied, each with the SHA-256 (hex) of its content then."""
        return dict(self._contents)

    def texts(self, file: str) -> str:
        """The text of one of the user's files, whether or not it exists."""
        found = self._generated.get(file, self._extended.get(file))
        if found is not None:
            return found
        try:
            return Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:  # named by #line
            return ""

    def add(self, files: Iterable[Path]) -> None:
        """Copy files that exist; their lines keep their names and numbers."""
        for file in files:
            content = file.read_bytes()
            self._contents[str(file)] = hashlib.sha256(content).hexdigest()
            self._write(self.place(file), str(file), content)

    def write(self, path: Path, text: str) -> None:
        """Write a file that has no original, where one called ``path`` would have its copy."""
        self._write(self.place(path), str(path), text.encode())
        self._generated[str(path)] = text

    def append(self, path: Path, text: str) -> None:
        """Write ``text`` behind what the copy of a file says."""
        said = self.place(path).read_bytes().partition(b"\n")[2].decode("utf-8", "surrogateescape")
        self._write(self.place(path), str(path), f"{said}{text}".encode("utf-8", "surrogateescape"))
        self._extended[str(path)] = f"{said}{text}"

    def scratch(self, name: str, text: str) -> Path:
        """Write a file that is no part of the NF; returns what it would be called."""
        path = self.root / name
        self._write(self.base / name, str(path), text.encode())
        return path

    def _write(self, place: Path, path: str, content: bytes) -> None:
        place = Path(os.path.normpath(place))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(line_directive(path).encode("utf-8", "surrogateescape") + content)
        self._originals[str(place)] = path

    def place(self, path: Path) -> Path:
        """Where the copy of a file of the NF's folder is."""
        return Path(os.path.normpath(self.base / os.path.relpath(path, self.root)))

    def real(self, file: str) -> str:
        """The path of what ``file`` is a copy of; other files are their own originals."""
        return self._originals.get(file, file)

    def is_copied(self, file: str) -> bool:
        """Whether ``file`` is the original of a copy."""
        return str(self.place(Path(file))) in self._originals

    def searched(self, compilation: Compilation) -> Compilation:
        """With the copies' folder where the NF's is searched for headers, and before each folder below it."""
        found: list[str] = []
        for flag, argument in flags.words(compilation.flags):
            if flag in flags.FOLDERS:
                found += [f"{flag}{folder}" for folder in self._folders(argument)]
            else:
                found += flags.as_words(flag, argument)
        return replace(compilation, flags=tuple(found))

    def _folders(self, folder: str) -> tuple[str, ...]:
        below = os.path.relpath(folder, self.root)
        if below == ".":
            return (str(self.base),)
        if below.startswith(".."):
            return (folder,)
        return (str(self.base / below), folder)


def copy_of(sources: Sequence[Path], own: OwnFiles, folder: Path) -> Copies:
    """Copies in ``folder`` of ``sources`` and of their headers."""
    copies = Copies(folder, own.folder)
    copies.add((*sources, *own.headers))
    return copies


def line_directive(file: str) -> str:
    """``#line`` for the first line of ``file``, whatever is in its name."""
    name = "".join(c if c not in '\\"' and c.isprintable() else _escaped(c) for c in file)
    return f'#line 1 "{name}"\n'


def _escaped(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
