"""NFs whose state does not live where it seems to: each is refused, or its call paths show it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_tool import forms
from maestro_tool.diagnostics import MaestroError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.symex import Analysis, analyse
from tests.unit.symex.test_nfs import PROCESS

HEADERS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
struct key { uint32_t a, b; };
static struct Map *map;
static struct Vector *keys;
static struct DoubleChain *chain;
"""

KEY = """
static bool key_eq(void *x, void *y) { return ((struct key *)x)->a == ((struct key *)y)->a; }
static unsigned key_hash(void *x) { return ((struct key *)x)->a; }
"""

ALLOCATE = """
static void init_key(void *x) { memset(x, 0, sizeof(struct key)); }
static bool allocate(void) {
  return map_allocate(key_eq, key_hash, 64, &map) && vector_allocate(sizeof(struct key), 64, init_key, &keys)
    && dchain_allocate(64, &chain);
}
"""

INIT = "bool nf_init(void) { return allocate(); }"


def nf(folder: Path, *parts: str, ports: int = 1) -> Analysis:
    source = folder / "nf.c"
    source.write_text("\n".join((HEADERS, *parts)))
    return analyse(load_program([source], [folder], []), (), ports)


def process(body: str) -> str:
    return f"{PROCESS} {{ {body} }}"


def events(analysis: Analysis, op: str) -> list[str]:
    return [f"{e.key_home} {e.index} {e.span} {e.stored}" for p in analysis.paths for e in p.events if e.op.name == op]


@pytest.mark.parametrize(("address", "offset"), [("k", 0), ("&k->b", 4), ("&copy", None)])
def test_map_put_tells_which_element_keeps_its_key(address: str, offset: int | None, tmp_path: Path) -> None:
    body = f"""
    int index; struct key *k, copy = {{1, 2}};
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&k);
    *k = copy;
    map_put(map, {address}, index);
    return device;"""
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, process(body))
    (put,) = [e for p in analysis.paths for e in p.events if e.op.name == "map_put"]
    allocated = next(e.index for p in analysis.paths for e in p.events if e.op.name == "dchain_allocate" and e.result)
    assert put.key_home == (None if offset is None else (1, allocated)) and put.key_offset == (offset or 0)
    assert forms.read(Analysis, forms.write(analysis)) == analysis
    assert put.value is not None
    wrong = replace(put, key_home=(0, put.value))  # a map
    paths = tuple(replace(p, events=tuple(wrong if e is put else e for e in p.events)) for p in analysis.paths)
    with pytest.raises(ValueError, match="home"):
        forms.read(Analysis, forms.write(replace(analysis, paths=paths)))


def test_what_set_up_put_in_is_counted(tmp_path: Path) -> None:
    init = """
    bool nf_init(void) {
      static struct key k[2] = {{1, 0}, {2, 0}};
      int i;
      if (!allocate()) return false;
      map_put(map, &k[0], 0); map_put(map, &k[1], 1);
      for (int n = 0; n < 3; n++) dchain_allocate_new_index(chain, &i, 0);
      dchain_free_index(chain, 1);
      return true;
    }"""
    analysis = nf(tmp_path, KEY, ALLOCATE, init, process("return device;"))
    assert [(o.kind, o.filled) for o in analysis.objects] == [("map", 2), ("vector", 0), ("dchain", 2)]


def refused(folder: Path, *parts: str) -> MaestroError:
    with pytest.raises(MaestroError) as caught:
        nf(folder, *parts)
    assert caught.value.location is not None
    assert caught.value.location.file.endswith("nf.c") and caught.value.hint
    return caught.value


@pytest.mark.parametrize("narrow", ["0", "1"])
def test_equality_that_a_variable_decides_is_unknown(narrow: str, tmp_path: Path) -> None:
    key = f"""
    static int narrow = {narrow};
    static bool key_eq(void *x, void *y) {{
      struct key *p = x, *q = y;
      return p->a == q->a && (narrow || p->b == q->b);
    }}
    static unsigned key_hash(void *x) {{ return ((struct key *)x)->a; }}"""
    analysis = nf(tmp_path, key, ALLOCATE, INIT, process("return device;"))
    assert analysis.objects[0].key is None and analysis.notes


def test_equality_may_read_constants(tmp_path: Path) -> None:
    key = KEY.replace("static bool", "static const int wide[2] = {0, 1}; static bool").replace(
        "->a ==", "->a + wide[0] =="
    )
    (field,) = nf(tmp_path, key, ALLOCATE, INIT, process("return device;")).objects[0].key or ()
    assert (field.offset, field.size) == (0, 4)


@pytest.mark.parametrize(
    ("where", "what", "message"),
    [
        ("key_eq", "looked++;", "writes to 'looked'"),
        ("key_hash", "looked++;", "writes to 'looked'"),
        ("key_eq", "((struct key *)x)->b = 1;", "writes to 'a key'"),
        ("key_hash", "((struct key *)x)->b = 1;", "writes to 'a key'"),
        ("key_hash", "if (looked) return 1;", "reads 'looked'"),
        ("key_hash", "map_put(map, x, 1);", "from bytes that are not known"),
        ("key_eq", "map_put((struct Map *)x, x, 1);", "'map_put' is neither defined"),
        ("key_hash", "struct key k[1]; memcpy(&other, x, 8); memset(k, 0, 8);", "writes to 'other'"),
    ],
)
def test_functions_of_keys_must_be_pure(where: str, what: str, message: str, tmp_path: Path) -> None:
    variables = "static uint32_t looked; static struct key other;"
    before, name, after = KEY.partition(where)
    key = before + name + after.replace("{ return", f"{{ {what} return", 1)
    error = refused(tmp_path, variables, key, ALLOCATE, INIT, process("return looked + other.a ? device : 0;"))
    assert isinstance(error, UnsupportedError)
    assert where in error.message and message in error.message


@pytest.mark.parametrize(
    "use", ["if (saved->a) return 1;", "saved->a = 1;", "struct holder h = held; if (!h.key) return 1;"]
)
def test_element_that_set_up_borrowed_is_not_followed(use: str, tmp_path: Path) -> None:
    init = """
    static struct key *saved; static struct holder { int n; struct key *key; } held;
    bool nf_init(void) {
      if (!allocate()) return false;
      vector_borrow(keys, 0, (void **)&saved);
      saved->a = 7;
      held.key = saved;
      return true;
    }"""
    assert not nf(tmp_path, KEY, ALLOCATE, init, process("return device;")).notes
    assert "that set-up borrowed" in refused(tmp_path, KEY, ALLOCATE, init, process(f"{use} return device;")).message


@pytest.mark.parametrize(
    ("configure", "initialise", "message"),
    [
        ("", "made->a = 1;", "nf_init writes to 'allocated memory'"),
        ("", "memset(made, 0, 4);", "nf_init writes to 'allocated memory'"),
        ("", "free(made);", "nf_init frees memory"),
        ("if (!allocate()) exit(1);", "", "allocates a map in nf_config_init"),
    ],
)
def test_memory_of_configuration_is_shared(configure: str, initialise: str, message: str, tmp_path: Path) -> None:
    def parts(first: str, then: str) -> tuple[str, ...]:
        made = "static struct key *made; static int number;"
        config = f"void nf_config_init(int argc, char **argv) {{ made = calloc(1, sizeof *made); {first} }}"
        init = f"bool nf_init(void) {{ number = made->a; {then} return true; }}"
        return made, KEY, ALLOCATE, config, init, process("return device;")

    assert not nf(tmp_path, *parts("", "")).notes
    assert message in refused(tmp_path, *parts(configure, initialise)).message


def test_unwritten_bytes_that_are_copied_to_state_are_a_write(tmp_path: Path) -> None:
    body = """
    struct key k, *element; k.a = 1;
    vector_borrow(keys, 0, (void **)&element);
    *element = k;
    last = k;
    return element->b ? 1 : 2;"""
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, "static struct key last;", process(body))
    for path in analysis.paths:
        unknown = [e.value for e in path.events if e.op.name == "opaque"]
        writes = [(e.op.name, offset, v) for e in path.events for offset, v in e.stored]
        assert [(op, offset) for op, offset, _ in writes] == [
            ("vector_write", 0), ("vector_write", 4), ("global_write", 0), ("global_write", 4),
        ]  # fmt: skip
        assert len(set(unknown)) == 2
        assert not any(e.op.name == "vector_read" for e in path.events)
    assert len(analysis.paths) == 2


def test_a_function_that_the_nf_defines_itself_is_followed(tmp_path: Path) -> None:
    """Unless others would call it, too: gcc makes putchar of their printf("x")."""
    own = "static uint32_t count; static int putchar(int c) { count++; return c; }"
    body = process("putchar('x'); return device;")
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, own, body)
    assert [e.op.name for p in analysis.paths for e in p.events] == ["global_read", "global_write"]
    error = refused(tmp_path, KEY, ALLOCATE, INIT, own.replace("static int", "int"), body)
    assert "putchar" in error.message


def test_a_function_of_the_library_cannot_be_defined(tmp_path: Path) -> None:
    own = "void vector_return(struct Vector *v, int i, void *x) { exit(1); }"
    error = refused(tmp_path, KEY, ALLOCATE, own, INIT, process("vector_return(keys, 0, 0); return device;"))
    assert "'vector_return' is a function of the library" in error.message


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ('printf("x%n", &n);', "%n"), ('printf("%%%-5lln", &n);', "%n"), ('fprintf(stderr, "%d %hhn", 1, &n);', "%n"),
        ("printf(format);", "no constant"), ("printf((char *)*buffer);", "no constant"),
    ],
)  # fmt: skip
def test_output_that_writes_is_refused(output: str, message: str, tmp_path: Path) -> None:
    common = (KEY, ALLOCATE, INIT, 'static char format[8] = "x"; static int n;')
    harmless = process('printf("%%n %d n %s", n, "n"); return format[0] ? device : 1;')
    nf(tmp_path, *common, harmless)
    error = refused(tmp_path, *common, process(f"{output} return format[0] ? device : 1;"))
    assert message in error.message


def test_counts_of_expiry_are_symbols_of_a_fixed_name(tmp_path: Path) -> None:
    body = "return expire_items_single_map(chain, keys, map, now) > 3 ? device : 1;"
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, process(body))
    assert all("expire.0.count" in str(p.condition) for p in analysis.paths) and len(analysis.paths) == 2


def test_what_a_pure_function_reads_through_pointers_is_an_operand(tmp_path: Path) -> None:
    source = tmp_path / "nf.c"
    body = """
    int index; struct { int a; int *b; } s; if (!dchain_allocate_new_index(chain, &index, now)) return device;
    s.a = 1; s.b = &index;
    return spread(&s) & 1 ? device : 0xffff;"""
    declared = "unsigned spread(const void *);"
    source.write_text("\n".join((HEADERS, declared, KEY, ALLOCATE, INIT, process(body))))
    analysis = analyse(load_program([source], [tmp_path], []), (), 1, pure=("spread",))
    allocated = {e.index for p in analysis.paths for e in p.events if e.op.name == "dchain_allocate" and e.result}
    assert {e.operands for p in analysis.paths for e in p.events if e.op.name == "opaque"} == {tuple(allocated)}


TIMES = "#include <time.h>\n#include <sys/time.h>\nstatic unsigned salt;\nstatic struct Vector *more;\n"


@pytest.mark.parametrize(
    "use",
    [
        "salt = (unsigned)rand();",
        "salt = (unsigned)time(NULL);",
        "unsigned n = rand(); salt = n % 5;",
        "if (rand() & 1) salt = 1;",
        "static time_t now; time(&now);",
        "struct timespec t; clock_gettime(CLOCK_REALTIME, &t); salt = t.tv_nsec;",
        "unsigned *p = malloc(4); *p = random();",
        "struct key *k; vector_borrow(keys, 0, (void **)&k); k->a = rand(); vector_return(keys, 0, k);",
        "int i; dchain_allocate_new_index(chain, &i, 0); if (!map_allocate(key_eq, key_hash, 1 << rand(), &map)) return 0;",
        "vector_allocate(4, 8, fill, &more);",
        "return rand() & 1;",
    ],
)
def test_numbers_of_this_run_would_differ_between_workers(use: str, tmp_path: Path) -> None:
    fill = "static unsigned some(void) { return rand(); }\nstatic void fill(void *x) { *(unsigned *)x = some(); }"
    body = f"(void)salt; (void)fill; (void)more; if (!allocate()) return 0; {use} return 1;"
    init = f"{fill} bool nf_init(void) {{ {body} }}"
    error = refused(tmp_path, TIMES, KEY, ALLOCATE, init, process("return device;"))
    assert "they would get different numbers" in error.message and "option" in (error.hint or "")


@pytest.mark.parametrize(
    "use", ["srand(time(NULL));", "unsigned s = (unsigned)time(NULL) ^ 7; srand(s);", "(void)rand();"]
)
def test_seeding_is_harmless(use: str, tmp_path: Path) -> None:
    init = f"bool nf_init(void) {{ (void)salt; (void)more; {use} return allocate(); }}"
    nf(tmp_path, TIMES, KEY, ALLOCATE, init, process("return device;"))


def test_nf_config_init_runs_once(tmp_path: Path) -> None:
    config = "void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; (void)more; salt = rand(); }"
    analysis = nf(
        tmp_path, TIMES, config, KEY, ALLOCATE, INIT, process("if (salt & 1 & length) return device; return 0xffff;")
    )
    assert any("cfg.salt" in str((p.condition, p.verdict)) for p in analysis.paths)


def test_a_hash_that_reads_more_than_is_compared(tmp_path: Path) -> None:
    """Two keys that count as equal have different hashes: which of them is found depends on the map's other entries."""
    more = KEY.replace("return ((struct key *)x)->a; }", "return ((struct key *)x)->a + ((struct key *)x)->b; }")
    analysis = nf(tmp_path, more, ALLOCATE, INIT, process("return device;"))
    assert analysis.objects[0].key is None
    assert any("'key_hash' reads bytes_0_7, which 'key_eq' does not compare" in n.words for n in analysis.notes)


@pytest.mark.parametrize("arguments", ["buffer[0], buffer[0] + 6, 6", '"b", "a", 1'])
def test_memcmp_promises_no_more_than_a_sign(arguments: str, tmp_path: Path) -> None:
    body = f"int c = memcmp({arguments}); if (c == 0) return 0xffff; if (c & 1) return 0; return 1;"
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, process(body.replace("buffer[0]", "(*buffer)")), ports=2)
    assert {p.verdict for p in analysis.paths if p.port == 0} >= {"drop", 1}


@pytest.mark.parametrize(("order", "less"), [('"a", "b"', True), ('"b", "a"', False)])
def test_memcmp_of_constants_has_a_sign(order: str, less: bool, tmp_path: Path) -> None:
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, process(f"if (memcmp({order}, 1) < 0) return 0; return 0xffff;"))
    assert {p.verdict for p in analysis.paths} == {"drop" if less else "flood"}


def test_a_device_is_no_file_to_read(tmp_path: Path) -> None:
    init = 'bool nf_init(void) { FILE *f = fopen("/dev/zero", "rb"); return f != NULL && allocate(); }'
    with pytest.raises(UnsupportedError, match="no regular file") as caught:
        nf(tmp_path, KEY, ALLOCATE, init, process("return device;"))
    assert caught.value.location is not None


def test_a_pipe_is_no_file_to_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    init = f'bool nf_init(void) {{ FILE *f = fopen("{tmp_path}/pipe", "r"); return f != NULL && allocate(); }}'
    with pytest.raises(UnsupportedError, match="no regular file"):
        nf(tmp_path, KEY, ALLOCATE, init, process("return device;"))


TWO_ELEMENTS = """
struct key *s, *t;
vector_borrow(keys, (int) (*buffer)[0] & 63, (void **) &s);
vector_borrow(keys, (int) (*buffer)[1] & 63, (void **) &t);
"""


@pytest.mark.parametrize("same", ["s == t", "!(s != t)", "(uintptr_t) &s->b == (uintptr_t) &t->b"])
def test_two_borrowed_elements_may_be_one(same: str, tmp_path: Path) -> None:
    found = nf(tmp_path, KEY, ALLOCATE, INIT, process(f"{TWO_ELEMENTS} return {same} ? 1 : device;"), ports=2)
    decided = {p.verdict: str(p.condition) for p in found.paths if p.port == 0}
    assert decided == {1: "((pkt[0][5:0] == pkt[1][5:0]),)", "drop": "((pkt[0][5:0] != pkt[1][5:0]),)"}


def test_parts_of_elements_are_one_at_one_offset_only(tmp_path: Path) -> None:
    found = nf(tmp_path, KEY, ALLOCATE, INIT, process(f"{TWO_ELEMENTS} return &s->a == &t->b ? 1 : device;"), ports=2)
    assert {p.verdict for p in found.paths if p.port == 0} == {"drop"}


def test_an_erased_key_is_an_element_of_some_vector(tmp_path: Path) -> None:
    erase = (
        "struct key k = { 0, 0 }; int i; if (!map_get(map, &k, &i)) return device; map_erase(map, &k, (void **) &t);"
    )
    with pytest.raises(UnsupportedError, match="compares an address that is not known"):
        nf(tmp_path, KEY, ALLOCATE, INIT, process(f"{TWO_ELEMENTS} {erase} return s == t;"))


@pytest.mark.parametrize(("write", "known"), [("", False), ("s.rest = 4;", True)])
def test_bits_beside_a_bit_field_may_be_any_until_they_are_written(write: str, known: bool, tmp_path: Path) -> None:
    """Not zero, that is: what memory happens to hold there sends a packet either way."""
    body = f"struct {{ unsigned a : 3, rest : 5; }} s; s.a = length; {write} if (s.rest == 0) return 1; return 0;"
    found = nf(tmp_path, "bool nf_init(void) { return true; }", process(body))
    assert len(found.paths) == (1 if known else 2)


def test_bits_beside_a_bit_field_of_set_up(tmp_path: Path) -> None:
    """Packets that read the bit-field know it, whatever lies beside it."""
    init = """static struct { unsigned a : 3; } *s;
      bool nf_init(void) { s = malloc(sizeof *s); if (s == NULL) return false; s->a = 5; return true; }"""
    found = nf(tmp_path, init, process("if (s->a == 5) return 1; return 0;"))
    assert [p.verdict for p in found.paths] == [1]
