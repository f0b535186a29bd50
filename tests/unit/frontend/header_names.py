"""What a header offers to those who include it: its macros, types, enumerators and functions, by its own text."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pycparser.c_generator import CGenerator

from maestro_tool.frontend import spellings
from maestro_tool.frontend.columns import Columns
from maestro_tool.frontend.parse import c_ast, parse
from maestro_tool.frontend.preprocess import HEADERS, without_markers

RUNTIME = HEADERS.parent.parent / "runtime" / "include"

_DEFINE = re.compile(r"#(define|undef) (\w+)(\([^)]*\))?[ \t]*(.*)")
_MARKER = re.compile(r'# \d+ "([^"]*)"')


@dataclass(slots=True)
class Offered:
    """Names -> where they are declared; ``macros``: (parameters or None, text); ``functions`` and ``types``: the
    declaration, in C, of something that is called by the name that is put for ``{}``."""

    macros: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    structs: set[str] = field(default_factory=set)
    enumerators: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)

    def names(self) -> set[str]:
        return set(self.files)


def offered(header: str, flags: Sequence[str], patch: pytest.MonkeyPatch) -> Offered:
    """By the preprocessor and the parser of the analysis; ``flags``: where headers are looked for."""
    words = ["gcc", "-std=gnu11", "-E", "-dD", "-x", "c", *flags, "-include", header, "/dev/null"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    found = Offered()
    file = ""
    for line in done.stdout.splitlines():
        if marker := _MARKER.match(line):
            file = marker[1]
        elif (define := _DEFINE.match(line)) and not file.startswith("<") and file != "/dev/null":
            if define[1] == "undef":
                found.macros.pop(define[2], None)
                found.files.pop(define[2], None)
            else:
                found.macros[define[2]] = (define[3], define[4])
                found.files[define[2]] = file
    source = without_markers(done.stdout, HEADERS / "all.c", Columns(), checked=False)
    patch.setattr(spellings, "prune", lambda source: source.text)
    unit = parse(source)
    for node in unit.tree.ext:
        _add(found, node, unit.source.file(node.coord.line))
    return found


def _add(found: Offered, node: Any, file: str) -> None:
    if isinstance(node, c_ast.FuncDef):
        node = node.decl
    text = CGenerator()
    for inner in _inside(node):
        if isinstance(inner, c_ast.Enum) and inner.values is not None:
            found.enumerators |= {e.name for e in inner.values.enumerators}
            found.files.update((e.name, file) for e in inner.values.enumerators)
        elif isinstance(inner, c_ast.Struct | c_ast.Union) and inner.decls is not None and inner.name is not None:
            tag = f"{'struct' if isinstance(inner, c_ast.Struct) else 'union'} {inner.name}"
            found.structs.add(tag)
            found.files[tag] = file
    if isinstance(node, c_ast.Typedef):
        found.types[node.name] = text._generate_type(node.type, emit_declname=False)
    elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
        found.functions[node.name] = text._generate_type(node.type, emit_declname=False)
    elif isinstance(node, c_ast.Decl) and node.name is not None:
        found.variables.add(node.name)
    else:
        return
    found.files[node.name] = file


def _inside(node: Any) -> list[Any]:
    return [node, *(n for _, child in node.children() for n in _inside(child))]
