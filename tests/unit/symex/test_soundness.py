"""NFs whose state does not live where it seems to: each is refused, or its call paths show it."""

from __future__ import annotations

from pathlib import Path

import pytest

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
