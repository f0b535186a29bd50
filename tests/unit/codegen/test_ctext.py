"""Finding declarations in text as people write it; gcc judges the result."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maestro_tool.codegen.ctext import declares, external_declarations
from maestro_tool.codegen.mirror import _edited
from maestro_tool.diagnostics import SourceLocation, UnsupportedError

SOURCE = """\
#include <stddef.h>
#define OPEN {   /* an unbalanced brace in a macro */
/* static int commented; */ // static int also;
typedef struct { int a; } pair_t;
static struct State *state = NULL, *other;
struct __attribute__((packed)) packed { char c; int i; } packed_value;
struct packed initialised = { .c = '}', .i = 2 };
int function(struct packed *p) { int state = p->i; return state; }
struct packed by_value(void) { return packed_value; }
extern int elsewhere;
int elsewhere = 3;
const char *text = "static int quoted; {";
static int (*callback)(int a, int b);
static int table[3] = { 1, 2, 3 }
  , second_line;
enum kind { A, B } kind = B;
int use(void) { return state != other && callback && table[0] + second_line + kind + elsewhere + (text != NULL); }
"""

VARIABLES = {
    "state": 5, "other": 5, "packed_value": 6, "initialised": 7, "elsewhere": 11, "text": 12, "callback": 13,
    "table": 14, "second_line": 15, "kind": 16,
}  # fmt: skip


def test_every_variable_is_found_once():
    declarations = external_declarations(SOURCE)
    for name, line in VARIABLES.items():
        assert sum(declares(d, name, line) is not None for d in declarations) == 1, name


def test_functions_and_locals_are_not_variables():
    declarations = external_declarations(SOURCE)
    assert [d.function for d in declarations].count(True) == 3
    assert not any(declares(d, "state", 8) for d in declarations)


def test_made_thread_local_gcc_agrees(tmp_path: Path):
    """Every variable becomes TLS (and nothing else changes): gcc compiles it and nm shows TLS symbols only."""
    places = [(n, SourceLocation("f.c", line)) for n, line in VARIABLES.items()]
    places.append(("elsewhere", SourceLocation("f.c", 10)))
    text = _edited(SOURCE, places)
    assert text.replace("_Thread_local ", "") == SOURCE
    file = tmp_path / "f.c"
    file.write_text(text)
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-c", file, "-o", tmp_path / "f.o"], check=True)
    symbols = subprocess.run(["nm", tmp_path / "f.o"], check=True, capture_output=True, text=True).stdout
    kinds = {line.split()[-1]: line.split()[-2] for line in symbols.splitlines()}
    types = subprocess.run(["readelf", "-sW", tmp_path / "f.o"], check=True, capture_output=True, text=True).stdout
    tls = {line.split()[-1] for line in types.splitlines() if " TLS " in line}
    assert set(VARIABLES) <= tls, kinds


def test_declared_by_a_macro_is_refused_with_its_place():
    with pytest.raises(UnsupportedError) as error:
        _edited("#define STATE(n) static int n\nSTATE(hidden)\n;", [("visible", SourceLocation("f.c", 2, 7))])
    assert error.value.location == SourceLocation("f.c", 2, 7)
