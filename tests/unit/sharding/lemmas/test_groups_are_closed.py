"""What belongs together is in the scope together: the lemma says so by itself, whatever made the groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE

from maestro_tool.frontend import load_program
from maestro_tool.sharding.facts.access import collect
from maestro_tool.sharding.facts.blocks import Prover
from maestro_tool.sharding.facts.key_places import key_places
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.facts.scope import Scope
from maestro_tool.sharding.lemmas import groups_are_closed
from maestro_tool.sharding.lemmas.question import Question
from maestro_tool.symex import Limits, analyse

#: Flows of the first table have a value each, which packets change; `counters` is only read.
NF = """
touch_ip(ip->src_addr, now);
struct Ip k = { ip->src_addr }; int i; uint32_t *v, *c;
if (!map_get(ip_table.map, &k, &i)) return device;
vector_borrow(values, i, (void **)&v); *v = *v + 1; vector_return(values, i, v);
vector_borrow(counters, i, (void **)&c); if (*c == 7) return device; vector_return(counters, i, c);
"""
EXPIRE = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"
TABLE = {"ip_table.map", "ip_table.keys", "ip_table.chain"}


def named(tmp_path: Path, body: str, sharded: set[str]) -> set[frozenset[str]]:
    """The objects of each obstacle if just ``sharded`` were in the scope."""
    source = tmp_path / "nf.c"
    source.write_text(PRELUDE + body + "\n  return 1 - device;\n}\n")
    analysis, prover = analyse(load_program([source], [], []), (), 2, Limits()), Prover()
    objects = frozenset(o.id for o in analysis.objects if o.name in sharded)
    assert len(objects) == len(sharded)
    touched = tuple(a for a in collect(analysis, prover) if a.object in objects)
    scope = Scope(analysis, key_places(analysis, prover), objects, touched)
    found = groups_are_closed.obstacles(Question(scope, Reach(analysis), prover))
    return {frozenset(analysis.objects[obj].name for obj in o.objects) for o in found}


@pytest.mark.parametrize("body", [NF, EXPIRE + NF])
def test_a_whole_group_is_closed(body: str, tmp_path: Path) -> None:
    assert named(tmp_path, body, TABLE | {"values"}) == set()


@pytest.mark.parametrize("left_out", sorted(TABLE))
def test_a_table_without_a_part_is_not(left_out: str, tmp_path: Path) -> None:
    found = named(tmp_path, NF, TABLE - {left_out} | {"values"})
    assert frozenset(TABLE - {left_out}) in found


def test_entries_without_what_leads_to_them_are_not(tmp_path: Path) -> None:
    assert named(tmp_path, NF, {"values"}) == {frozenset({"values"})}


def test_what_leads_to_entries_without_them_is_not(tmp_path: Path) -> None:
    """Each core would find its own flows' indices, all in one vector."""
    assert named(tmp_path, NF, TABLE) == {frozenset({"ip_table.chain"})}


def test_what_one_operation_changes_is_not_parted(tmp_path: Path) -> None:
    """Expiry of a table in whose map no packet puts anything, so that nothing else ties the three."""
    body = EXPIRE + "int i; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
    assert named(tmp_path, body, {"ip_table.chain"}) == {frozenset({"ip_table.chain"})}


def test_blocks_without_their_index_are_not(tmp_path: Path) -> None:
    block = "vector_borrow(counters, i * 4 + 1, (void **)&c); *c = *c + 1; vector_return(counters, i * 4 + 1, c);"
    by_blocks_only = NF.replace(NF.splitlines()[-1], block)
    assert named(tmp_path, by_blocks_only, {"counters"}) == {frozenset({"counters"})}


def test_a_map_without_the_place_of_its_keys_is_not(tmp_path: Path) -> None:
    """Though the map has no index: its key is put without having been looked up."""
    put = (
        "struct Ip *s; int i; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        "vector_borrow(ip_table.keys, i, (void **)&s); s->addr = ip->src_addr; map_put(ip_table.map, s, i);"
    )
    assert named(tmp_path, put, {"ip_table.map"}) == {frozenset({"ip_table.map"})}
