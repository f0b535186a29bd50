"""What is wrong or not supported is said with the place in the user's file and its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import InputError, MaestroError, ToolError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.frontend.columns import Columns
from maestro_tool.frontend.preprocess import without_markers

# source (the place is marked by @), kind, words of the message
CASES = {
    "missing semicolon": ("int f(void) {\n  int x = 1\n  @return x;\n}", InputError, "before 'return'"),
    "end of file": ("int f(void) {\n  return 1;\n", InputError, "end of file"),
    "stray bracket": ("int f(void) {\n  return @];\n}", InputError, "syntax error"),
    "missing header": ('int a;\n#include @"absent.h"\n', InputError, "'absent.h' not found"),
    "unknown system header": ("#include @<signal.h>\n", UnsupportedError, "<signal.h> is not known"),
    "error directive": ("#@error not for you\n", InputError, "not for you"),
    "undeclared variable": ("int f(int a) {\n  return a + @b;\n}", InputError, "'b' is not declared"),
    "undeclared after a comment": ("int f(int a) { /* x */ return a   +   @b; }", InputError, "'b' is not declared"),
    "undeclared in a macro's argument": (
        "#define TWICE(x) ((x) + (x))\nint f(void) { return TWICE(@b); }",
        InputError,
        "'b'",
    ),
    "undeclared inside a macro": (
        "#define BAD (1 + b)\nint f(void) { return @BAD; }",
        InputError,
        "'b' is not declared",
    ),
    "undeclared function": ("int f(void) { return @g(1); }", InputError, "function 'g' is not declared"),
    "builtin beside one's own": (
        "static void *memset(void *p, int b, unsigned long n) { return p; }\n"
        "void f(char *p) { @__builtin_memset(p, 0, 4); }",
        UnsupportedError,
        "'__builtin_memset' is the library's",
    ),
    "unknown type": ("int f(void) { return 0; }\n@flow_t x;", UnsupportedError, "type 'flow_t' is not known"),
    "unknown type of a local": ("int f(void) {\n  @stamp_t when;\n  return 0;\n}", UnsupportedError, "type 'stamp_t'"),
    "unknown type, static": ("static const @stamp_t *when;", UnsupportedError, "type 'stamp_t'"),
    "unknown type of a result": ("static @stamp_t *f(void) { return 0; }", UnsupportedError, "type 'stamp_t'"),
    "unknown type in a typedef": ("typedef @stamp_t other_t;", UnsupportedError, "type 'stamp_t'"),
    "unknown type of a parameter": ("int f(int a, @stamp_t when) { return a; }", UnsupportedError, "type 'stamp_t'"),
    "unknown type pointed to": ("int f(const @stamp_t *when) { return 1; }", UnsupportedError, "type 'stamp_t'"),
    "unknown type of a member": ("struct S { int a; @stamp_t when; };", UnsupportedError, "type 'stamp_t'"),
    "unknown type in a cast": ("int f(int a) { return (@stamp_t)a; }", UnsupportedError, "type 'stamp_t'"),
    "unknown pointer in a cast": ("void *f(void *p) { return (@stamp_t *)p; }", UnsupportedError, "type 'stamp_t'"),
    "unknown type in an expression": ("int f(void) { return sizeof(@stamp_t); }", InputError, "'stamp_t' is not"),
    "unknown macro of a type": ("int *f(void) { return @new_of(int, 3); }", UnsupportedError, "macro 'new_of' is"),
    "unknown macro of a typedef": (
        "typedef int num;\nint *f(void *p) { return p + @of(p, num, x); }",
        UnsupportedError,
        "macro 'of' is not",
    ),
    "unknown loop macro": ("int f(int i) { @EACH(i) { return 1; } return 0; }", UnsupportedError, "macro 'EACH'"),
    "unknown declaring macro": ("@TAILQ_HEAD(list, item);", UnsupportedError, "macro 'TAILQ_HEAD'"),
    "unknown macro of a variable": ("static @LIST_HEAD(list, item) items;", UnsupportedError, "macro 'LIST_HEAD'"),
    "unknown macro of a member": ("struct s { @LIST_ENTRY(s) next; };", UnsupportedError, "macro 'LIST_ENTRY'"),
    "unknown macro without a semicolon": ("@REGISTER(log, nf.my, INFO)\nint n;", UnsupportedError, "macro 'REGISTER'"),
    "unknown loop": ("int f(int i) { @FOREVER { return 1; } }", UnsupportedError, "macro 'FOREVER'"),
    "unknown loop of a statement": ("int f(int i) { @EACH(i) if (i) return 1; }", UnsupportedError, "macro 'EACH'"),
    "unknown format": (
        'int printf(const char *, ...); int f(void) { return printf("%" @PRI "x", 3); }',
        UnsupportedError,
        "macro 'PRI'",
    ),
    "unknown attribute of a variable": ("static int n @__aligned8;", UnsupportedError, "macro '__aligned8'"),
    "unknown attribute of a parameter": ("int f(int n @__unused_) { return 1; }", UnsupportedError, "'__unused_'"),
    "unknown attribute of a function": ("int f(int n) @FORMAT(3);", UnsupportedError, "macro 'FORMAT'"),
    "unknown attribute of a name": ("static int @__hot f(int n) { return n; }", UnsupportedError, "macro '__hot'"),
    "unknown attribute": ("static @__hot int f(void) { return 1; }", UnsupportedError, "macro '__hot'"),
    "no unknown name": ("int g(int);\nint f(int a) { return g(a @g); }", InputError, "syntax error"),
    "unknown member": ("struct S { int a; };\nint f(struct S *s) { return s->@b; }", InputError, "has no member 'b'"),
    "opaque struct": ("struct S;\nint f(struct S *s) { return s->@b; }", InputError, "only declared"),
    "too few arguments": (
        "int g(int, int);\nint f(void) { return @g(1); }",
        InputError,
        "1 arguments for a function that takes 2",
    ),
    "struct as int": (
        "struct S { int a; } s;\nint f(void) { int x = @s; return x; }",
        InputError,
        "cannot be converted",
    ),
    "duplicate case": (
        "int f(int x) { switch (x) { case 1: return 1; @case 1: return 2; } return 0; }",
        InputError,
        "second case",
    ),
    "unknown label": ("int f(void) { @goto out; }", InputError, "label 'out'"),
    "static assertion": (
        'struct S { char c; int i; };\n@_Static_assert(sizeof(struct S) == 5, "packed?");',
        InputError,
        "packed?",
    ),
    "defined twice": ("int x = 1;\nint @x = 2;", InputError, "defined twice"),
    "declared differently": ("extern int x;\nlong @x;", InputError, "declared as 'long' here"),
    "declared twice": ("int f(int a) {\n  long @a = 1;\n  return a;\n}", InputError, "twice in this block"),
    "not a constant": ("int f(void);\nint x = @f();", InputError, "not a constant"),
    "too many initialisers": ("int x[2] = { 1, 2, @3 };", InputError, "more initialisers"),
    "value of void": ("void g(void);\nint f(void) { return @g(); }", InputError, "has none"),
    "incomplete variable": ("struct S;\nstruct S @s;", InputError, "no known size"),
    "array of variable length": ("int f(int n) { int a[@n]; return a[0]; }", UnsupportedError, "variable length"),
    "assembly": ('void f(void) {\n  @__asm__ volatile("nop");\n}', UnsupportedError, "assembly"),
    "128 bits": ("@__int128 x;", UnsupportedError, "128-bit"),
    "long double": ("@long double x;", UnsupportedError, "long double"),
    "complex": ("double @_Complex x;", UnsupportedError, "complex"),
    "label address": ("void f(void) { void *p = @&&here; here: ; }", InputError, "&&label"),
    "nested function": ("int f(int x) {\n  int g(int y) @{ return y; }\n  return g(x);\n}", InputError, "syntax"),
    "range of bits": ("struct S { int a : @1 ... 3; };", InputError, "range"),
    "empty va_start": (
        "#include <stdarg.h>\nvoid f(int n, ...) { va_list l; @va_start(n, l); }",
        InputError,
        "va_list",
    ),
    "va_start without arguments": (
        "#include <stdarg.h>\nvoid f(int n) { va_list l; @va_start(l, n); }",
        InputError,
        "without a variable argument list",
    ),
    "struct from arguments": (
        "#include <stdarg.h>\nstruct S { long a, b; };\n"
        "long f(int n, ...) { va_list l; va_start(l, n); return @va_arg(l, struct S).a; }",
        UnsupportedError,
        "struct S",
    ),
    "auto at file scope": ("__auto_type @x = 1;", UnsupportedError, "__auto_type"),
    "two ranges": (
        "int f(int x) { switch (x) { case 1 ... 5: return 1; @case 5: return 2; } return 0; }",
        InputError,
        "second case",
    ),
    "generic": ("int f(int x) { return @_Generic(x, int: 1); }", UnsupportedError, "_Generic"),
    "thread-local": ("@_Thread_local int x;", UnsupportedError, "thread-local"),
    "atomic": ("@_Atomic int x;", UnsupportedError, "atomic"),
    "atomic builtin": ("int x;\nvoid f(void) { @__sync_fetch_and_add(&x, 1); }", UnsupportedError, "sequential"),
    "K&R": ("int f(@a) int a; { return a; }", UnsupportedError, "K&R"),
    "pragma pack": ("@#pragma pack(3)\nstruct S { char c; int i; };", UnsupportedError, "pack"),
    "bits under pragma pack": ("#pragma pack(1)\nstruct S { char c; int @i : 3; };", UnsupportedError, "bit-field"),
    "packed type": ("struct S { char c; int @__attribute__((packed)) i; };", UnsupportedError, "'packed'"),
    "packed typedef": ("typedef struct { char c; int i; } S @__attribute__((packed));", UnsupportedError, "'packed'"),
    "vector type": ("typedef int v4 @__attribute__((vector_size(16)));", UnsupportedError, "vector_size"),
    "wide string": ('int *p = @L"x";', UnsupportedError, "wide"),
    "128-bit constant": ("unsigned long x = @9223372036854775808;", UnsupportedError, "too large"),
    "flexible initialiser": ("struct S { int n; int a[]; } s = { 1, { @2 } };", UnsupportedError, "flexible"),
    "alloca": ("#include <stddef.h>\nvoid *f(int n) { return @__builtin_alloca(n); }", UnsupportedError, "alloca"),
    "size of a bit-field": (
        "struct S { int a : 3; } s;\nint f(void) { return sizeof(1, @s.a); }",
        UnsupportedError,
        "bit-field",
    ),
    "undecided builtin": (
        "int f(int n) { return @__builtin_constant_p(n); }",
        UnsupportedError,
        "__builtin_constant_p",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_error(tmp_path: Path, name: str) -> None:
    marked, kind, words = CASES[name]
    source = tmp_path / "nf.c"
    source.write_text(marked.replace("@", ""))
    with pytest.raises(MaestroError) as caught:
        load_program([source])
    error = caught.value
    assert type(error) is kind, error
    assert words in error.message
    assert error.hint or kind is not UnsupportedError  # says what to do instead
    assert error.location is not None and error.location.file == str(source)
    if "@" in marked:
        before, after = marked.split("@")
        assert error.location.line == before.count("\n") + 1
        assert error.location.column == len(before) - (before.rfind("\n") + 1) + 1
        # As a compiler would print it: place, message, line.
        line = (before + after).split("\n")[error.location.line - 1]
        assert f"nf.c:{error.location.line}:{error.location.column}: error: " in error.render()
        assert line in error.render()


def test_error_in_an_own_header(tmp_path: Path) -> None:
    (tmp_path / "state.h").write_text("struct State {\n  int n\n};\n")
    source = tmp_path / "nf.c"
    source.write_text('#include "state.h"\nint x;\n')
    with pytest.raises(InputError) as caught:
        load_program([source])
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == (str(tmp_path / "state.h"), 3)


def test_conflicts_between_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.c", tmp_path / "two.c"
    for first, second, words in (
        ("int f(void) { return 1; }", "int f(void) { return 2; }", "defined twice"),
        ("int x;", "int x;", "defined twice"),
        ("int f(int a) { return a; }", "long f(int);\nlong g(void) { return f(1); }", "declared as"),
        ("int x;", "extern long x;\nlong g(void) { return x; }", "declared as"),
    ):
        one.write_text(first)
        two.write_text(second)
        with pytest.raises(InputError, match=words) as caught:
            load_program([one, two])
        assert caught.value.location is not None and caught.value.location.file == str(two)
        assert "one.c:1" in (caught.value.hint or "")


def test_structs_of_one_name_may_differ_between_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.c", tmp_path / "two.c"
    one.write_text("struct S { int a; };\nint f(void) { struct S s = { 1 }; return s.a; }")
    two.write_text("struct S { long b; };\nlong g(void) { struct S s = { 1 }; return s.b; }")
    program = load_program([one, two])
    assert {n: s.size for n, s in program.structs.items()} == {"struct S": 4, "struct S#2": 8}


def test_absent_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_program([tmp_path / "absent.c"])


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "nf.c"
    source.write_text("int x;\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        load_program([source])
    assert "install gcc" in (caught.value.hint or "")


@pytest.mark.parametrize("marker", ["# nonsense", '# 12 "open', "# 99999999999999 x"])
def test_malformed_line_marker(tmp_path: Path, marker: str) -> None:
    with pytest.raises(InputError, match="malformed"):
        without_markers(f'# 1 "nf.c"\nint x;\n{marker}\n', tmp_path / "nf.c", Columns())


def test_line_directives_are_followed(tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    source.write_text('#line 70 "generated from \\"x\\".y"\nint f(void) {\n  return b;\n}\n')
    with pytest.raises(InputError) as caught:
        load_program([source])
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == ('generated from "x".y', 71)
    assert "error: 'b' is not declared" in caught.value.render()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("int *f(void *m) { return rte_pktmbuf_mtod(m, int *); }", "nf_then_get_rte_ether_header"),
        ("int f(void *m) { return rte_pktmbuf_data_len(m); }", "packet_get_unread_length"),
        ("struct rte_mbuf;\nint f(struct rte_mbuf *m) { return m->pkt_len; }", "packet_length"),
        ("#include <rte_fbk_hash.h>\n", "lib/verified/map.h"),
        ("#include <linux/bpf.h>\n#include <linux/if_vlan.h>\n", "include <linux/bpf.h>"),
        ("#include <pthread.h>\n", "sequential"),
        ("#include <signal.h>\n", "docs/c-subset.md"),
        ("struct iphdr x;\n", "rte_ip.h"),
        ("stamp_t x;\n", "docs/c-subset.md"),
    ],
)
def test_what_to_write_instead(tmp_path: Path, text: str, words: str) -> None:
    source = tmp_path / "nf.c"
    source.write_text(text)
    with pytest.raises(MaestroError) as caught:
        load_program([source])
    assert caught.value.location is not None and words in (caught.value.hint or "")
