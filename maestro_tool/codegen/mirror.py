"""The NF's own files, as they are compiled: the user's text plus ``_Thread_local``, below a few macros for our headers.

Each worker has its own copy of every variable with static storage that is not ``const``, unless all is shared; that
is all a shared-nothing program needs.  Thread-local storage costs what a global costs (one access relative to the
thread pointer), keeps names and lines for debuggers, and leaves every use of the variable untouched.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from maestro_tool.codegen.ctext import declares, external_declarations
from maestro_tool.diagnostics import SourceLocation, UnsupportedError
from maestro_tool.frontend.ir import Global, Program

PER_WORKER = "_Thread_local"


def per_worker_globals(program: Program) -> list[Global]:
    """The variables of which each worker needs its own; in order of name."""
    return [
        g
        for _, g in sorted(program.globals.items())
        if g.defined and not g.const and g.scope in ("file", "static_file")
    ]


def mirror_files(program: Program, root: Path, defines: dict[str, str], *, per_worker: bool) -> dict[str, str]:
    """File name (relative to ``root``, the NF's folder) -> text to compile, after ``defines`` in each ``.c`` file.

    Raises UnsupportedError where a declaration cannot be found in the text (made by a macro) and for
    ``static`` locals that are not const.
    """
    if per_worker:
        _refuse_static_locals(program)
    edits: dict[str, list[tuple[str, SourceLocation]]] = defaultdict(list)
    for g in per_worker_globals(program) if per_worker else []:
        for place in g.declarations:
            edits[place.file].append((g.c_name, place))
    result: dict[str, str] = {}
    for file in program.files:
        text = Path(file).read_text(encoding="utf-8", errors="surrogateescape")
        name = os.path.relpath(file, root)
        if name.startswith(".."):
            # A header outside the NF's folder is included from where it is; it may declare nothing per-worker.
            if edits.get(file):
                variable, place = edits[file][0]
                raise UnsupportedError(
                    f"'{variable}' is declared outside the NF's folder",
                    place,
                    hint=f"declare it in a file below {root}",
                )
            continue
        macros = "".join(f"#define {m} {v}\n" for m, v in defines.items()) if name.endswith(".c") else ""
        result[name] = macros + f'#line 1 "{_quoted(file)}"\n' + _edited(text, edits.get(file, []))
    return result


def _edited(text: str, variables: list[tuple[str, SourceLocation]]) -> str:
    if not variables:
        return text
    declarations = external_declarations(text)
    places: set[int] = set()
    for name, where in variables:
        for d in declarations:
            if declares(d, name, where.line):
                places.add(d.tokens[0].offset)
                break
        else:
            raise UnsupportedError(
                f"the declaration of '{name}' was not found in the text, so it cannot be made per core",
                where,
                hint="declare it without a macro",
            )
    for offset in sorted(places, reverse=True):
        text = f"{text[:offset]}{PER_WORKER} {text[offset:]}"
    return text


def _refuse_static_locals(program: Program) -> None:
    for _, g in sorted(program.globals.items()):
        if g.scope == "static_local" and not g.const:
            raise UnsupportedError(
                f"'static' variable '{g.c_name}' inside a function cannot be made per core",
                program.locations[g.loc],
                hint="move it to file scope, or make it const",
            )


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"')
