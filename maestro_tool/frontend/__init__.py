"""C sources -> the typed program (`ir.Program`).

flags        which of the compiler's flags may be there, and which the preprocessor gets
compiler     the compiler, and what it says that it makes programs for
copies       the NF's files laid out as they are compiled
preprocess   run the compiler's preprocessor over our small headers, keep a table of lines
conditionals refuses ``#if`` on what only the real headers define
spellings    GNU keywords and attributes that the parser does not know
parse        text -> syntax tree (pycparser)
generated    key functions that the NF leaves to be generated (key_functions) join its sources
ordering     refuses what depends on C's unspecified order of evaluation
link         units -> program: names, linkage, globals; calls the lowering
functions, statements, expressions, calls, conversions, initialisers, declarations
             the lowering: C's implicit rules made explicit
c_types, layout, literals, fold, builder
             what the lowering builds on
texts        which texts are only printed
show         the program as text
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_tool.frontend import texts
from maestro_tool.frontend.assumed import constants, records
from maestro_tool.frontend.compiler import DEFAULT, DEFAULT_FLAGS, Compilation, find
from maestro_tool.frontend.flags import meaningful
from maestro_tool.frontend.generated import Units, units
from maestro_tool.frontend.ir import Assumed, Program
from maestro_tool.frontend.link import ProgramBuilder
from maestro_tool.frontend.ordering import check_order
from maestro_tool.frontend.uncommented import uncommented
from maestro_tool.made_of import MadeOf
from maestro_tool.xdp import ALONE, Attachment

__all__ = ["Compilation", "compilation", "fingerprint", "load_program", "made_of", "read_program"]


def compilation(compiler: Sequence[str], flags: Sequence[str], headers: Sequence[str] = ()) -> Compilation:
    """How a build compiles; without a ``compiler``, the default one with the default flags before ``flags``."""
    return Compilation(tuple(compiler), (*(() if compiler else DEFAULT_FLAGS), *flags), tuple(headers))


def load_program(
    sources: Sequence[Path],
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    compilation: Compilation = DEFAULT,
) -> Program:
    """Read an NF's C files.  ``defines``: ``NAME`` or ``NAME=VALUE``, as after ``-D``; ``compilation``: the compiler
    and all other flags.

    Raises `InputError` for what no C compiler would take, `UnsupportedError` for what this frontend cannot follow, both
    with the place in the user's file; `ToolError` if there is no C compiler to preprocess with.
    """
    return read_program(sources, compilation.with_more(include_dirs, defines)).program


@dataclass(frozen=True, slots=True)
class Read:
    """A program, and the files that it was read from, each with the SHA-256 (hex) of its content then; None if some
    were read where they are, and not from a copy."""

    program: Program
    contents: dict[str, str] | None


def read_program(sources: Sequence[Path], compilation: Compilation, attachment: Attachment = ALONE) -> Read:
    """As `load_program`, which says what is raised.  ``attachment``: of programs for XDP."""
    read = units([Path(s) for s in sources], compilation, attachment)
    builder = ProgramBuilder(read.units)
    program = builder.build()
    check_order(read.units)  # last: it takes for granted that the units are well-formed
    program = replace(
        program,
        generated=read.generated,
        extended=read.extended,
        in_place=read.in_place,
        units=tuple(os.path.normpath(unit.source.path) for unit in read.units),
        assumed=_assumed(read, builder),
        first_macros=read.first_macros,
        dialect=read.dialect.name,
        defines=tuple(read.defines.items()),
    )
    return Read(program, None if read.in_place else read.contents)


def _assumed(read: Units, builder: ProgramBuilder) -> tuple[Assumed, ...]:
    sources = [unit.source for unit in read.units]
    code = {file: uncommented(text) for file, text in read.texts.items()}
    numbers = [Assumed(file, name, value=text) for file, name, text in constants(sources, code.__getitem__)]
    return (*records(builder.contexts, code.__getitem__), *numbers)


def made_of(program: Program, compilation: Compilation) -> MadeOf:
    """What a build of ``program`` is made of."""
    compiler = find(compilation)
    return MadeOf(fingerprint(program), compiler.version, compiler.target, meaningful(compilation.flags))


def fingerprint(program: Program) -> str:
    """SHA-256 (hex) of what the program means: everything but files, lines and columns, and texts that are only
    printed; also a renamed file hits.

    Numbers of locations count: results that are cached under this hash hold them.
    """
    h = hashlib.sha256(program.dialect.encode())
    for function in program.functions.values():
        h.update(repr(function).encode())
    for found in texts.without(program).values():
        h.update(repr(replace(found, file="", declarations=())).encode())
    for layout in program.structs.values():
        h.update(repr(layout).encode())
    h.update(repr(program.externals).encode())
    return h.hexdigest()
