"""Units of an NF: its files copied as they are compiled (`copies`), those that do not exist written, all preprocessed
and parsed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maestro_tool import own_files
from maestro_tool.diagnostics import InputError, MaestroError
from maestro_tool.dialects import Dialect
from maestro_tool.frontend import flags, key_functions, xdp
from maestro_tool.frontend.compiler import Compilation
from maestro_tool.frontend.copies import Copies, copy_of
from maestro_tool.frontend.ir import Program
from maestro_tool.frontend.link import ProgramBuilder
from maestro_tool.frontend.parse import Unit, parse
from maestro_tool.frontend.preprocess import own_files_of, preprocess
from maestro_tool.own_files import KeyTypes
from maestro_tool.xdp import ALONE, Attachment


@dataclass(frozen=True, slots=True)
class Units:
    """The parsed sources.  ``generated``: the files that were written for them: (path that they would have, text).
    ``extended``: files to which something was added: (path, all of the text).

    ``in_place``: the user's files that are compiled from where they are, and not from a copy; ``texts`` of all of them;
    ``contents``: SHA-256 (hex) of those that were copied.  ``first_macros``: what conditions test must be defined so
    before a unit's first line.
    """

    units: list[Unit]
    generated: tuple[tuple[str, str], ...]
    extended: tuple[tuple[str, str], ...]
    in_place: tuple[str, ...]
    texts: dict[str, str]
    contents: dict[str, str]
    first_macros: tuple[tuple[str, str | None], ...]
    dialect: Dialect
    defines: dict[str, str]


def units(sources: Sequence[Path], compilation: Compilation, attachment: Attachment = ALONE) -> Units:
    """Preprocess and parse ``sources``; what is wrong with them is raised.

    ``attachment``: of programs for XDP.
    """
    for path in sources:
        if not path.is_file():
            raise InputError(f"source '{path}' does not exist")
    include_dirs = [Path(argument) for flag, argument in flags.words(compilation.flags) if flag in flags.FOLDERS]
    files = own_files.find(sources, include_dirs)
    dialect = own_files.dialect(files)
    defines = dialect.defines | (xdp.defines(files.texts.values()) if dialect.macro else {})
    if defines:
        compilation = compilation.with_more([], [f"{name}={text}" for name, text in defines.items()])
    with tempfile.TemporaryDirectory() as temporary:
        copies = copy_of(sources, files, Path(temporary))
        made = _generate(copies, files.key_types, compilation)
        if made:
            compilation = compilation.with_more([copies.base], [])
        if dialect.macro:
            _attach(copies, sources, compilation.with_more([], [xdp.SECTION]), attachment)
        found, first = preprocess([*sources, *made], compilation, copies)
        own = own_files_of(found)
        in_place = tuple(f for f in own if not copies.is_copied(f))
        texts = {file: copies.texts(file) for file in own}
        parsed = [parse(source) for source in found]
        return Units(
            parsed, copies.generated, copies.extended, in_place, texts, copies.contents, first, dialect, defines
        )


def _generate(copies: Copies, missing: Sequence[KeyTypes], compilation: Compilation) -> list[Path]:
    """Write the files of key types that do not exist; returns the sources among them."""
    compilation = compilation.with_more([copies.base], [])
    for key_types in missing:
        _write_declarations(copies, key_types, key_functions.declarations(key_types, None, _name(copies, key_types)))
    for key_types in missing:
        structs = _structs_of(copies, key_types, compilation)
        _write_declarations(copies, key_types, key_functions.declarations(key_types, structs, _name(copies, key_types)))
        text = key_functions.definitions(key_types, structs, _name(copies, key_types))
        copies.write(key_types.definitions, text)
    return [k.definitions for k in missing if k.functions]


def _attach(copies: Copies, sources: Sequence[Path], compilation: Compilation, attachment: Attachment) -> None:
    """Write behind the program for XDP what makes an NF of it."""
    source, text = xdp.added(preprocess(sources, compilation, copies)[0], attachment)
    copies.append(source.path, text)


def _structs_of(copies: Copies, key_types: KeyTypes, compilation: Compilation) -> Program:
    unit = copies.scratch("structs.c", f'#include "{_name(copies, key_types)}"\n')
    try:
        return ProgramBuilder([parse(source) for source in preprocess([unit], compilation, copies)[0]]).build()
    except MaestroError as error:
        functions = ", ".join(key_types.functions)
        error.hint = (
            f"to generate {functions}, {key_types.header.name} is read by itself: let it include what it needs "
            "(<stdint.h> ...), or define them in a source file"
        )
        raise


def _name(copies: Copies, key_types: KeyTypes) -> str:
    """How generated files include the header: from the NF's folder."""
    return os.path.relpath(key_types.header, copies.root)


def _write_declarations(copies: Copies, key_types: KeyTypes, text: str) -> None:
    if key_types.declarations is not None:
        copies.write(key_types.declarations, text)
