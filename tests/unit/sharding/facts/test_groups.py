"""What belongs together: all of it is each core's own, or all of it is shared."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_blocks
from small_nfs import PRELUDE
from test_remedies import prelude as more_objects

from maestro_tool.frontend import load_program
from maestro_tool.sharding.facts.access import collect
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.groups import groups
from maestro_tool.symex import Limits, analyse

FRESH = (
    "int i; struct Ip k = { ip->src_addr }, *s; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
)
TABLE = {"ip_table.map", "ip_table.keys", "ip_table.chain"}
SET_UP = PRELUDE.replace(
    "bool nf_init(void) {\n  return ",
    "static bool fill(void) { struct Ip *k; vector_borrow(ip_table.keys, 0, (void **)&k); k->addr = 7;"
    " map_put(ip_table.map, k, 0); return true; }\nbool nf_init(void) {\n  return ",
).replace("null_init, &values);", "null_init, &values) && fill();")


def group_of(tmp_path: Path, body: str, name: str, prelude: str = PRELUDE) -> set[str]:
    """The names of what is in the group of the object ``name``."""
    source = tmp_path / "nf.c"
    source.write_text(prelude + body + "\n  return 1 - device;\n}\n")
    analysis = analyse(load_program([source], [], []), (), 2, Limits())
    accesses = collect(analysis, Prover())
    found = groups(analysis, {a.object for a in accesses if a.write}, accesses)
    [number] = [o.id for o in analysis.objects if o.name == name]
    assert all(found[x] == group for group in found.values() for x in group)
    return {analysis.objects[x].name for x in found[number]}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_table(tmp_path: Path, name: str) -> None:
    both = "touch_ip(ip->src_addr, now); touch_ip_port(ip->src_addr, 0, now);"
    assert group_of(tmp_path, both, name) == TABLE


def test_blocks_of_entries_and_their_index(tmp_path: Path) -> None:
    body = test_blocks.NF.format(**test_blocks.FINE)
    together = TABLE | {"values", "ip_port_table.map", "ip_port_table.keys"}
    assert group_of(tmp_path, body, "ip_port_table.map", test_blocks.PRELUDE) == together


def test_what_one_operation_changes(tmp_path: Path) -> None:
    """Expiry, of a table that no packet puts keys into."""
    expire = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"
    assert group_of(tmp_path, expire + FRESH, "ip_table.map") == TABLE - {"ip_table.keys"}


def test_a_key_and_where_it_lies_though_it_is_not_kept_there(tmp_path: Path) -> None:
    """The key is put at an entry that packets choose, without having been looked up."""
    put = "vector_borrow(ip_table.keys, ip->time_to_live, (void **)&s); *s = k; map_put(ip_table.map, s, 5);"
    body = "struct Ip k = { ip->src_addr }, *s;" + put
    assert group_of(tmp_path, body, "ip_table.map") == {"ip_table.map", "ip_table.keys"}


def test_keys_of_set_up_and_where_they_lie(tmp_path: Path) -> None:
    change = "struct Ip *s; vector_borrow(ip_table.keys, ip->time_to_live, (void **)&s); s->addr = ip->src_addr;"
    assert group_of(tmp_path, change, "ip_table.map", SET_UP) == {"ip_table.map", "ip_table.keys"}


@pytest.mark.parametrize(
    ("put", "map_name"),
    [
        ("struct Pair p = { { ip->src_addr }, { ip->dst_addr } }; dmap_put(pairs, &p, i);", "pairs"),
        ("map_put(ip_table.map, &k, i);", "ip_table.map"),
    ],
)
def test_indices_that_are_put_where_no_vector_has_the_keys(tmp_path: Path, put: str, map_name: str) -> None:
    body = FRESH.replace(", *s", "") + put
    assert group_of(tmp_path, body, map_name, more_objects()) == {map_name, "ip_table.chain"}


def test_indices_that_are_put_into_another_table_do_not_tie_it(tmp_path: Path) -> None:
    """It may be sharded though they may not."""
    put = "vector_borrow(mac_table.keys, j, (void **)&m); m->b[0] = ip->time_to_live; map_put(mac_table.map, m, i);"
    body = (
        FRESH.replace(", *s", "")
        + "struct Mac *m; int j; if (!dchain_allocate_new_index(mac_table.chain, &j, now)) return 1;"
    )
    assert group_of(tmp_path, body + put, "mac_table.map") == {"mac_table.map", "mac_table.keys", "mac_table.chain"}


def test_an_index_that_is_taken_for_a_time_ties_nothing(tmp_path: Path) -> None:
    body = FRESH.replace(", *s", "") + "dchain_rejuvenate_index(mac_table.chain, ip->time_to_live, i);"
    assert group_of(tmp_path, body, "mac_table.chain") == {"mac_table.chain"}


def test_what_an_operation_only_reads_together_is_no_group(tmp_path: Path) -> None:
    chosen = FRESH.replace(", *s", "") + "vector_borrow(values, ip->time_to_live, (void **)&v); *v = 1;"
    body = "uint32_t *v; int c; " + chosen
    prelude = PRELUDE.replace("struct nf_config {", '#include "lib/verified/cht.h"\nstruct nf_config {')
    choose = "cht_find_preferred_available_backend(ip->src_addr, values, ip_table.chain, 32, 32, &c);"
    assert group_of(tmp_path, body + choose, "values", prelude) == {"values"}
