"""Units of an NF some of whose files do not exist: they are written to a folder of their own, and read from there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maestro_tool import own_files
from maestro_tool.diagnostics import MaestroError
from maestro_tool.frontend import key_functions
from maestro_tool.frontend.ir import Program
from maestro_tool.frontend.link import ProgramBuilder
from maestro_tool.frontend.parse import Unit, parse
from maestro_tool.frontend.preprocess import Source, preprocess
from maestro_tool.own_files import KeyTypes

_DEPTH = 8  # folders below the temporary one: for names with as many ".."


def units(
    sources: Sequence[Path], include_dirs: Sequence[Path], defines: Sequence[str]
) -> tuple[list[Unit], tuple[tuple[str, str], ...]]:
    """The parsed sources, and the files that were generated for them: (path that they would have, text)."""
    existing = [s for s in sources if s.is_file()]
    missing = own_files.find(existing).key_types if existing else ()
    if not missing:
        return [parse(s) for s in preprocess(sources, include_dirs, defines)], ()
    with tempfile.TemporaryDirectory() as temporary:
        overlay = _Overlay(Path(temporary), own_files.common_folder(existing))
        folders = [*include_dirs, overlay.base, overlay.root]
        for key_types in missing:
            overlay.write_declarations(key_types, key_functions.declarations(key_types, None, overlay.name(key_types)))
        for key_types in missing:
            structs = _structs_of(overlay, key_types, folders, defines)
            overlay.write_declarations(
                key_types, key_functions.declarations(key_types, structs, overlay.name(key_types))
            )
            text = key_functions.definitions(key_types, structs, overlay.name(key_types))
            overlay.write(overlay.place(key_types.definitions), key_types.definitions, text)
        made = [overlay.place(k.definitions) for k in missing if k.functions]
        found = preprocess([*sources, *made], folders, defines)
        return [parse(overlay.renamed(s)) for s in found], overlay.generated


def _structs_of(overlay: _Overlay, key_types: KeyTypes, folders: Sequence[Path], defines: Sequence[str]) -> Program:
    unit = overlay.base / "structs.c"
    unit.write_text(f'#include "{overlay.name(key_types)}"\n', encoding="utf-8")
    try:
        return ProgramBuilder([parse(overlay.renamed(s)) for s in preprocess([unit], folders, defines)]).build()
    except MaestroError as error:
        functions = ", ".join(key_types.functions)
        error.hint = (
            f"to generate {functions}, {key_types.header.name} is read by itself: let it include what it needs "
            "(<stdint.h> ...), or define them in a source file"
        )
        raise


class _Overlay:
    """Files of the NF's folder ``root`` that exist only in ``folder``."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = root
        self.base = folder.joinpath(*["d"] * _DEPTH)
        self.base.mkdir(parents=True)
        self._names: dict[str, str] = {}  # real file -> the path that it would have
        self._texts: dict[str, str] = {}

    @property
    def generated(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self._texts.items()))

    def name(self, key_types: KeyTypes) -> str:
        """How generated files include the header: from the NF's folder."""
        return os.path.relpath(key_types.header, self.root)

    def place(self, path: Path) -> Path:
        return self.base / os.path.relpath(path, self.root)

    def write(self, place: Path, path: Path, text: str) -> None:
        place = Path(os.path.normpath(place))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        self._names[str(place)] = str(path)
        self._texts[str(path)] = text

    def write_declarations(self, key_types: KeyTypes, text: str) -> None:
        if key_types.declarations is not None:
            for spelling in key_types.spellings:
                self.write(self.base / spelling, key_types.declarations, text)

    def renamed(self, source: Source) -> Source:
        """With the paths that the files would have."""
        files = tuple(self._names.get(f, f) for f in source.files)
        return replace(source, path=Path(self._names.get(str(source.path), str(source.path))), files=files)
