"""The NF's own files, as they are compiled: the user's text plus ``_Thread_local``, below a few macros for our headers.

Each worker has its own copy of every variable with static storage that is not ``const``, unless all is shared; that
is all a shared-nothing program needs.  Thread-local storage costs what a global costs (one access relative to the
thread pointer), keeps names and lines for debuggers, and leaves every use of the variable untouched.

Code outside of a function cannot name its ``static`` variables, but must, when a worker moves to another thread: they
get names in the assembler (`symbol`), by which what is appended to the file declares them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from maestro_tool.codegen.ctext import declares, external_declarations, static_local
from maestro_tool.diagnostics import SourceLocation, UnsupportedError
from maestro_tool.frontend.copies import line_directive
from maestro_tool.frontend.ir import Global, GlobalAddress, Program

PER_WORKER = "_Thread_local"


def per_worker_globals(program: Program) -> list[Global]:
    """The variables of which each worker needs its own; in order of name."""
    return [
        g
        for _, g in sorted(program.globals.items())
        if g.defined and not g.const and g.scope in ("file", "static_file", "static_local")
    ]


def symbol(program: Program, variable: Global) -> str:
    """The C name by which appended code knows a variable."""
    if variable.scope != "static_local":
        return variable.c_name
    locals_ = sorted(name for name, g in program.globals.items() if g.scope == "static_local")
    return f"maestro_static_{locals_.index(variable.name)}"


def mirror_files(
    program: Program, root: Path, defines: dict[str, str], *, per_worker: bool, named: bool
) -> dict[str, str]:
    """File name (relative to ``root``, the NF's folder) -> text to compile, after ``defines`` in each ``.c`` file.

    ``named``: variables of functions get the names by which appended code knows them.

    Raises UnsupportedError where a declaration cannot be found in the text (made by a macro), an initialiser has
    the address of a variable of each worker's own, or a file does not exist.
    """
    if per_worker:
        _check_initialisers(program)
    edits: dict[str, list[_Edit]] = defaultdict(list)
    for g in per_worker_globals(program):
        if not per_worker and not (named and g.scope == "static_local"):
            continue
        for place in g.declarations or (program.locations[g.loc],):
            edits[place.file].append(_Edit(g.c_name, place, symbol(program, g) if g.scope == "static_local" else None))
    result: dict[str, str] = {}
    checked, defined = _checked(program), "".join(f"#define {m} {v}\n" for m, v in defines.items())
    generated = dict((*program.generated, *program.extended))
    for file in program.files:
        name = os.path.relpath(file, root)
        if name.startswith("..") or file in program.in_place:
            # A header outside the NF's folder, or of -include, is read from where it is: it may declare nothing
            # per-worker.
            if edits.get(file):
                edit = edits[file][0]
                raise UnsupportedError(
                    f"'{edit.name}' is declared outside the NF's folder, or where the build cannot follow",
                    edit.place,
                    hint=f"declare it in a file below {root}, which sources include by its name",
                )
            continue
        text = generated.get(file)
        if text is None:
            text = _text(file)
        macros = defined if name.endswith(".c") else ""
        if file in program.units:
            macros = f"{checked}{macros}"
        edited = _edited(text, edits.get(file, []), per_worker=per_worker)
        result[name] = f"{macros}{line_directive(file)}{edited}"
    return result


def _checked(program: Program) -> str:
    """Lines that end the compile where a macro that conditions test is not what it was for the analysis."""
    lines: list[str] = []
    for name, value in program.first_macros:
        test = f"!defined {name}" if value == "" else f"defined {name}"
        if value:
            test = f"!defined {name} || {name} != {value}"
        lines += [f"#if {test}", f'#error "{name} is not what it was when the program was analysed"', "#endif"]
    return "".join(f"{line}\n" for line in lines)


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        raise UnsupportedError(f"there is no file '{file}', which #line names", hint="remove #line") from None


def _check_initialisers(program: Program) -> None:
    """The address of what each worker has for itself is no constant."""
    own = {g.name for g in per_worker_globals(program)}
    for _, g in sorted(program.globals.items()):
        for value in (initial.value for initial in g.initial):
            if isinstance(value, GlobalAddress) and value.name in own:
                variable = program.globals[value.name].c_name
                raise UnsupportedError(
                    f"'{g.c_name}' is initialised with the address of '{variable}', of which each core has its own",
                    program.locations[g.loc],
                    hint="set it in nf_init; or use strategy=locks, where there is one for all",
                )


@dataclass(frozen=True, slots=True)
class _Edit:
    """A variable to be made per worker; ``symbol``: its name in the assembler, of one inside a function."""

    name: str
    place: SourceLocation
    symbol: str | None


def _edited(text: str, edits: list[_Edit], *, per_worker: bool = True) -> str:
    if not edits:
        return text
    declarations = external_declarations(text)
    insertions: dict[int, str] = {}
    for edit in edits:
        if edit.symbol is not None:
            variable = static_local(text, edit.name, edit.place.line)
            start = None if variable is None else variable.start
            if variable is not None:
                insertions[variable.end] = f' __asm__("{edit.symbol}") __attribute__((used))'
        else:
            found = (d.tokens[0].offset for d in declarations if declares(d, edit.name, edit.place.line))
            start = next(found, None)
        if start is None:
            raise UnsupportedError(
                f"the declaration of '{edit.name}' was not found in the text, so it cannot be made per core",
                edit.place,
                hint="declare it without a macro",
            )
        if per_worker:
            insertions[start] = f"{PER_WORKER} "
    for offset, word in sorted(insertions.items(), reverse=True):
        text = text[:offset] + word + text[offset:]
    return text
