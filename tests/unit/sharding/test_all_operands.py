"""What an operation is given is seen by every analysis: programs whose plans once let state leak between cores."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, plan_of

#: Keys that are equal if a third of their address is: no conjunction of fields.
ODD = """
struct Odd { uint32_t addr; };
bool Odd_eq(void *a, void *b) { return ((struct Odd *)a)->addr / 3 == ((struct Odd *)b)->addr / 3; }
unsigned Odd_hash(void *a) { (void)a; return 7; }
static struct Map *odd;
static struct Vector *odd_keys;
static uint32_t n;
"""
PAIRS = """
#include "lib/verified/double-map.h"
struct pair { uint32_t a, b; };
bool a_eq(void *x, void *y) { return *(uint32_t *)x == *(uint32_t *)y; }
unsigned a_hash(void *x) { return *(uint32_t *)x; }
void pair_copy(char *to, void *from) { *(struct pair *)to = *(struct pair *)from; }
void pair_destroy(void *pair) { (void)pair; }
void pair_extract(void *pair, void **a, void **b) { *a = &((struct pair *)pair)->a; *b = &((struct pair *)pair)->b; }
void pair_pack(void *pair, void *a, void *b) { (void)pair; (void)a; (void)b; }
static struct DoubleMap *pairs;
static uint32_t n;
"""
FILLED = """
static bool fill(void) {
  if (!map_allocate(Odd_eq, Odd_hash, 1024, &odd) || !vector_allocate(sizeof(struct Odd), 1024, null_init, &odd_keys)) return false;
  for (int i = 0; i < 1024; i++) { struct Odd *o; vector_borrow(odd_keys, i, (void **)&o); o->addr = 3 * i; vector_return(odd_keys, i, o); }
  return true;
}
"""
PROBE = "struct Odd q = { ip->dst_addr }; int v; if (map_get(odd, &q, &v)) return device;"


def program(declared: str, init: str) -> str:
    """The prelude with more objects, which ``init`` makes."""
    include, declarations = declared, ""
    if "#include" in declared:
        include, declarations = declared.split("struct", 1)[0], "struct" + declared.split("struct", 1)[1]
    text = PRELUDE.replace("struct nf_config {", f"{include}{declarations}\nstruct nf_config {{")
    return text.replace("  return make(&ip_table,", f"  if (!({init})) return false;\n  return make(&ip_table,")


ODD_NF = program(ODD + FILLED, "fill()")
PAIRS_NF = program(
    PAIRS,
    "dmap_allocate(a_eq, a_hash, a_eq, a_hash, sizeof(struct pair), pair_copy, pair_destroy, pair_extract, pair_pack,"
    " 64, 64, &pairs)",
)

#: name -> (prelude, what a packet does, an object that must not be each core's own)
LEAKS = {
    "a variable chooses where a key lies": (
        ODD_NF,
        "touch_ip(ip->src_addr, now); struct Odd *k; vector_borrow(odd_keys, n & 1023, (void **)&k); map_put(odd, k, 1);"
        f" vector_return(odd_keys, n & 1023, k); n++; {PROBE}",
        "n",
    ),
    "a fresh index chooses where a key lies": (
        ODD_NF,
        "int i; struct Odd *o; struct Ip key = { ip->src_addr }, *stored;"
        " if (!map_get(ip_table.map, &key, &i)) { if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        " vector_borrow(ip_table.keys, i, (void **)&stored); *stored = key; map_put(ip_table.map, stored, i);"
        f" vector_borrow(odd_keys, i, (void **)&o); map_put(odd, o, 1); }} {PROBE}",
        "ip_table.chain",
    ),
    "a variable is part of a double map's value": (
        PAIRS_NF,
        "touch_ip(ip->src_addr, now); n++; struct pair p = { n, ip->dst_addr }, q; dmap_put(pairs, &p, 5);"
        " dmap_get_value(pairs, 5, &q); dmap_erase(pairs, 5); if (q.a & 1) return device;",
        "n",
    ),
    "a variable is a key that is not understood": (
        ODD_NF,
        f"touch_ip(ip->src_addr, now); n++; struct Odd k = {{ n }}; int w; if (map_get(odd, &k, &w)) return device; {PROBE}",
        "n",
    ),
    "a fresh index is a key that is not understood": (
        ODD_NF,
        "struct Ip key = { ip->src_addr }, *stored; int i, w;"
        " if (!map_get(ip_table.map, &key, &i)) { if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        " vector_borrow(ip_table.keys, i, (void **)&stored); *stored = key; map_put(ip_table.map, stored, i); }"
        " struct Odd k = { i }, *o; if (map_get(odd, &k, &w)) return device;"
        " vector_borrow(odd_keys, 3, (void **)&o); map_put(odd, o, 1);",
        "ip_table.chain",
    ),
    "a variable is a key of a double map": (
        PAIRS_NF,
        "touch_ip(ip->src_addr, now); n++; int w; if (dmap_get_a(pairs, &n, &w)) return device;"
        " struct pair p = { ip->dst_addr, 1 }; dmap_put(pairs, &p, 5);",
        "n",
    ),
    "an index leads to a double map's value": (
        PAIRS_NF,
        "struct Ip key = { ip->src_addr }, *stored; int i;"
        " if (!map_get(ip_table.map, &key, &i)) { if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        " vector_borrow(ip_table.keys, i, (void **)&stored); *stored = key; map_put(ip_table.map, stored, i); }"
        " struct pair q; dmap_get_value(pairs, i & 3, &q); if (q.a & 1) return device; dmap_erase(pairs, 2);",
        "ip_table.chain",
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_what_decides_elsewhere_is_not_each_cores_own(name: str, tmp_path: Path) -> None:
    prelude, body, concerned = LEAKS[name]
    found = plan_of(tmp_path, body, prelude=prelude)
    assert found.treatments[concerned] == "shared"
