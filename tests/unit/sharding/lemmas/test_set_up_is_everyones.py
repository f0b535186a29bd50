"""What set-up puts into a table is everyone's: each core would have an entry of its own for what is one entry."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, plan_of

#: What set-up does -> what a packet does.
CASES = {
    "map": (
        "struct Ip *key; vector_borrow(ip_table.keys, 0, (void **)&key); key->addr = 7; map_put(ip_table.map, key, 0);"
        " vector_return(ip_table.keys, 0, key);",
        "struct Ip k = { ip->src_addr }, *s; int i; if (map_get(ip_table.map, &k, &i)) map_erase(ip_table.map, &k, (void **)&s);",
        "ip_table.map",
    ),
    "allocator": (
        "int first; dchain_allocate_new_index(ip_table.chain, &first, 0);",
        "touch_ip(ip->src_addr, now);",
        "ip_table.chain",
    ),
    "sketch": (
        "struct Ip key = { 7 }; sketch_compute_hashes(sketch, &key); sketch_touch_buckets(sketch, 0);",
        "struct Ip k = { ip->src_addr }; sketch_compute_hashes(sketch, &k); if (sketch_fetch(sketch)) return device;"
        " sketch_touch_buckets(sketch, now);",
        "sketch",
    ),
}


def program(set_up: str) -> str:
    return (
        PRELUDE.replace("struct nf_config {", '#include "lib/unverified/sketch.h"\nstatic struct Sketch *sketch;\nstruct nf_config {')
        .replace("bool nf_init(void) {\n  return make(", "static bool start(void) {\n  return make(")
        .replace(
            "static void touch_ip(",
            "bool nf_init(void) {\n  if (!start() || !sketch_allocate(Ip_hash, 64, 9, &sketch)) return false;\n"
            f"  {set_up}\n  return true;\n}}\nstatic void touch_ip(",
        )
    )  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_tables_that_set_up_fills_are_shared(kind: str, tmp_path: Path) -> None:
    set_up, body, concerned = CASES[kind]
    r = plan_of(tmp_path, body, prelude=program(set_up))
    assert r.treatments[concerned] == "shared" and "set-up" in r.texts, (r.treatments, r.texts)


@pytest.mark.parametrize("kind", ["allocator", "sketch"])
def test_the_same_tables_are_sharded_if_they_start_empty(kind: str, tmp_path: Path) -> None:
    _, body, concerned = CASES[kind]
    r = plan_of(tmp_path, body, prelude=program(""))
    assert r.treatments[concerned] == "sharded", r.texts
