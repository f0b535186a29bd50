"""Expressions whose value depends on the compiler's order of evaluation are refused; usual ones are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.frontend import load_program

PRELUDE = """
struct Map; struct Vector;
struct V { int n; int *p; int a[4]; };
struct Row { int *b, used; }; struct Rows { int b[4]; };
enum { LIMIT = 3 };
union U { struct { int *u_items; int u_n; }; int u_other; };
int map_get(struct Map *, void *, int *);
void vector_borrow(struct Vector *, int, void **);
int outside(int);
struct Map *m; struct Vector *vs; int count; int other; int table[4];
static int next(int *n) { return (*n)++; }
static int bump(void) { return count++; }
static int ticket(void) { static int n; return n++; }
static int twice(int x) { int y = x; y += x; return y; }
static int peek(void) { return count; }
static int pick(int a, int b) { return a < b; }
static struct V *ent(int i) { struct V *v; vector_borrow(vs, i, (void **)&v); return v; }
static int *held;
static void hold(int *p) { held = p; }
static int through(void) { return ++*held; }
int hash(void *k) { return *(int *)k + count++; }
int (*callback)(void *) = hash;
"""

REFUSED = {
    "two calls that change one variable": "int n = 0; return pick(@next(&n), next(&n));",
    "operators": "return bump() @- bump();",
    "static local": "return ticket() @- ticket();",
    "global read by the operand": "return count @+ bump();",
    "global read by a function": "return bump() @+ peek();",
    "external functions": "return outside(1) @+ outside(2);",
    "step and read": "int n = 0; return n++ @+ n;",
    "step of the target": "int n = 0; @n = n++ + 1; return n;",
    "place depends on the value": "@table[count] = bump(); return 0;",
    "compound assignment": "@count += bump(); return 0;",
    "initialiser list": "int a[2] = @{bump(), bump()}; return a[0];",
    "subscript": "int n = 0; int a[4] = {0}; return a[n++] @+ a[n];",
    "through a pointer": "int n = 0; int *p = &n; return *p @+ next(&n);",
    "address kept by a function": "int n = 0; hold(&n); return n @+ through();",
    "member by an array's address": "struct V v; v.n = 0; return v.n @+ next(&v.n);",
    "callback of the library": "int k = 0, i; return map_get(m, &k, &i) @+ count;",
    "out argument": "int k = 0, i = 0; return map_get(m, &k, &i) @+ i;",
    "in a condition": "if (bump() @< bump()) return 1; return 0;",
    "member that is another's index": "struct V *v = ent(0); return v->p[*v->p@++] @+ v->n;",
    "member of another struct": "struct V *v = ent(0), *w = ent(1); return v->p@[w->n++];",
    "member that may be a pointer": "struct Rows *v = ent(0); struct Row *w = ent(0); return v->b@[w->used++];",
    "member of a union": "union U *v = (void *)ent(0); return v->u_items@[v->u_n++];",
    "pointer that may be stepped itself": "struct V v0, *v = &v0; held = (int *)&v; return v->p@[v->n++];",
    "nested in a branch": "return other ? bump() @- bump() : 0;",
}
ACCEPTED = {
    "next free element": "struct V *v = ent(0); v->a[v->n++] = 1; v->p[v->n++] = 2; return v->a[--v->n];",
    "place of the next free element": "struct V *v = ent(0); int *p = &v->a[v->n++]; return *p;",
    "element of an array at another's index": "struct V *v = ent(0), *w = ent(1); return v->a[w->n++];",
    "one call": "int a = bump(); return a + other;",
    "pure calls": "return pick(twice(1), twice(2)) + peek() + peek();",
    "built-in swaps": "return __builtin_bswap16(1) + __builtin_bswap16(2);",
    "sequenced": "return bump() && bump() || (bump(), bump()) ? bump() : count;",
    "call and local": "int n = 1; return outside(n) + n;",
    "call and address passed elsewhere": "struct V *v; vector_borrow(vs, 0, (void **)&v); v->n = outside(1); return 0;",
    "entries of a vector": "ent(0)->n = ent(1)->n + other; return ent(0)->n + ent(2)->n;",
    "assigned from a call": "int k = 0, i = 0; int r = 0; r = map_get(m, &k, &i); return r + i;",
    "assigned from its own address": "int n = 0; n = next(&n); return n;",
    "chained": "struct V v; v.n = v.a[0] = 0; table[0] = table[1] = 1; return v.n;",
    "different variables": "int a = 0, b = 0; return a++ + b++;",
    "loop": "int s = 0; for (int i = 0; i < 4; i++) s += table[i]; return s;",
    "nested calls": "return pick(twice(bump()), 3);",
    "statement expressions": "return ({ int t = other; t++; t; }) + ({ int t = 2; t++; t; });",
    "constant beside a call": "return outside(1) != LIMIT;",
    "size": "return sizeof(count++) + count;",
}


def load(tmp_path: Path, body: str) -> tuple[Path, int, int]:
    text = PRELUDE + "int f(void) {\n" + body + "\n}\n"
    path = tmp_path / "a.c"
    at = text.find("@")
    path.write_text(text.replace("@", ""), encoding="utf-8")
    return path, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


@pytest.mark.parametrize("name", REFUSED)
def test_interfering_operands_are_refused(name: str, tmp_path: Path) -> None:
    path, line, _ = load(tmp_path, REFUSED[name])
    with pytest.raises(UnsupportedError, match="evaluated first") as caught:
        load_program([path])
    assert caught.value.location is not None and caught.value.location.line == line
    assert caught.value.hint is not None and "separate statements" in caught.value.hint


@pytest.mark.parametrize(
    ("statement", "apart"),
    [
        ("v->p[v->n++] = *w;", "separate statements: v->p[v->n] = *w; v->n++;"),
        ("v->p[--v->n] = w[1];", "separate statements: --v->n; v->p[v->n] = w[1];"),
        ("v->p[v->n++] = outside(v->n);", "separate statements"),
        ("v->p[v->n++] = w[v->n++];", "separate statements"),
    ],
)
def test_the_hint_writes_an_assignment_apart(statement: str, apart: str, tmp_path: Path) -> None:
    path, _, _ = load(tmp_path, f"struct V *v = ent(0); int *w = v->p; {statement} return 0;")
    with pytest.raises(UnsupportedError, match="evaluated first") as caught:
        load_program([path])
    assert caught.value.hint is not None and caught.value.hint.endswith(apart)


@pytest.mark.parametrize("name", ACCEPTED)
def test_usual_expressions_are_not(name: str, tmp_path: Path) -> None:
    path, _, _ = load(tmp_path, ACCEPTED[name])
    load_program([path])


def test_functions_of_other_units_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int next(void);\nint f(void) { return next() - next(); }\n", encoding="utf-8")
    (tmp_path / "b.c").write_text("static int n;\nint next(void) { return n; }\n", encoding="utf-8")
    load_program([tmp_path / "a.c", tmp_path / "b.c"])
    (tmp_path / "b.c").write_text("static int n;\nint next(void) { return n++; }\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match="evaluated first"):
        load_program([tmp_path / "a.c", tmp_path / "b.c"])
