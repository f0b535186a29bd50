"""Finding declarations in text as people write it; gcc judges the result."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from maestro_tool.codegen.ctext import declares, external_declarations
from maestro_tool.codegen.mirror import _Edit, _edited
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
    places = [_Edit(n, SourceLocation("f.c", line), None) for n, line in VARIABLES.items()]
    places.append(_Edit("elsewhere", SourceLocation("f.c", 10), None))
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
        _edited(
            "#define STATE(n) static int n\nSTATE(hidden)\n;", [_Edit("visible", SourceLocation("f.c", 2, 7), None)]
        )
    assert error.value.location == SourceLocation("f.c", 2, 7)


LOCALS = """\
#include <stddef.h>
static int outer = 1;
struct pair { int a, b; };
/* static int n; */
int count(int step) { static int n; n += step; return n; }
int several(int x) {
  if (x) { static long first = 3, *second = NULL, third[2] = { 1, 2 }; first += x; second = &third[1]; return *second + first; }
  for (int i = 0; i < 1; i++) { static struct pair p = { .a = 1, .b = 2 }; return p.a++ + p.b; }
  return 0;
}
int (*choose(int x))(int) { static int (*chosen)(int) = count; if (x) chosen = several; return chosen; }
int shadow(int x) { struct { int n; } s = { 1 }; switch (x) { case 1: { static const int t[] = { 1 };
    static unsigned char n __attribute__((aligned(8))) = 7; return n++ + t[0]; } default:; static struct { int v; } q; return q.v++ + s.n; } }
int use(void) { return outer; }
"""

STATIC_LOCALS = {"n": 5, "first": 7, "second": 7, "third": 7, "p": 8, "chosen": 11, "n ": 13, "q": 13}


def test_variables_of_functions_keep_their_values_under_other_names(tmp_path: Path) -> None:
    """Declared per thread and readable from outside of the function; what the functions return does not change."""
    edits = [
        _Edit(n.strip(), SourceLocation("t.c", line), f"sym_{i}") for i, (n, line) in enumerate(STATIC_LOCALS.items())
    ]
    body = "\n".join(
        f'  printf("%d\\n", {call});'
        for call in (
            "count(2)",
            "count(3)",
            "several(1)",
            "several(1)",
            "several(0)",
            "several(0)",
            "choose(0)(4)",
            "choose(1)(0)",
            "shadow(1)",
            "shadow(1)",
            "shadow(2)",
            "shadow(2)",
        )
    )
    main = f"#include <stdio.h>\nint main(void) {{\n{body}\n"
    seen = "".join(f'extern _Thread_local char sym_{i}[1] __asm__("sym_{i}");\n' for i in range(len(edits)))
    prints = '  printf("%d %d\\n", *(int *)sym_0, *(unsigned char *)sym_6);\n'
    outputs = []
    for text, end in ((LOCALS + main, ""), (_edited(LOCALS, edits) + seen + main, prints)):
        source = tmp_path / "t.c"
        source.write_text(text + end + "  return 0; }\n")
        subprocess.run(["gcc", "-std=gnu11", "-O3", "-w", "-o", tmp_path / "t", source], check=True)
        outputs.append(subprocess.run([tmp_path / "t"], check=True, capture_output=True, text=True).stdout)
    assert outputs[1] == outputs[0] + "9 9\n"


def test_a_variable_made_by_a_macro_is_refused() -> None:
    text = "#define COUNTER static int n\nint f(void) { COUNTER; return n++; }\n"
    with pytest.raises(UnsupportedError, match="'n' was not found"):
        _edited(text, [_Edit("n", SourceLocation("t.c", 2), "sym")])
