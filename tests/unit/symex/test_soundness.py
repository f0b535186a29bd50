"""NFs whose state does not live where it seems to: each is refused, or its call paths show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_tool.diagnostics import MaestroError, UnsupportedError
from maestro_tool.frontend import load_program
from maestro_tool.symex import Analysis, analyse, analysis_from_json, analysis_to_json
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
    return [f"{e.key_home} {e.index} {e.span} {e.stored}" for p in analysis.paths for e in p.events if e.op == op]


@pytest.mark.parametrize(("address", "at_home"), [("k", True), ("&k->b", False), ("&copy", False)])
def test_map_put_tells_which_element_keeps_its_key(address: str, at_home: bool, tmp_path: Path) -> None:
    body = f"""
    int index; struct key *k, copy = {{1, 2}};
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&k);
    *k = copy;
    map_put(map, {address}, index);
    return device;"""
    analysis = nf(tmp_path, KEY, ALLOCATE, INIT, process(body))
    (put,) = [e for p in analysis.paths for e in p.events if e.op == "map_put"]
    allocated = next(e.index for p in analysis.paths for e in p.events if e.op == "dchain_allocate" and e.result)
    assert put.key_home == ((1, allocated) if at_home else None)
    data = analysis_to_json(analysis)
    assert analysis_from_json(data) == analysis
    (put_data,) = [e for p in data["paths"] for e in p["events"] if e["op"] == "map_put"]
    put_data["key_home"] = [0, put_data["value"]]  # a map
    with pytest.raises(ValueError, match="home"):
        analysis_from_json(data)


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
