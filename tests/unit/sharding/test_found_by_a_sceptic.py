"""Programs whose plans differ from the sequential NF; each test says which two packets show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, plan_of
from test_blocks import ERASE, FINE, NF
from test_blocks import PRELUDE as BLOCKS

from maestro_tool.frontend import load_program
from maestro_tool.sharding import confirmed, derive_plan
from maestro_tool.sharding.outcome.sharing import everything_shared, sharing
from maestro_tool.symex import Limits, analyse, conjecture

#: Elements whose keys do not come first; a map and an allocator of their own.
ENTRIES = PRELUDE.replace(
    "static uint32_t total;",
    "static uint32_t total;\nstruct Entry { uint32_t pad; struct Ip key; };\n"
    "static struct Vector *entries; static struct Map *found; static struct DoubleChain *places;",
).replace(
    "bool nf_init(void) {\n  return ",
    "bool nf_init(void) {\n  return map_allocate(Ip_eq, Ip_hash, 1024, &found)"
    " && vector_allocate(sizeof(struct Entry), 65536, null_init, &entries) && dchain_allocate(65536, &places) && ",
)
LOCALS = "struct Ip k = { ip->src_addr }, *s; struct Entry *e; int i, j, q; void *t; uint32_t *x;"
EXPIRE = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 100);"
NEW = """
  if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return device;
  vector_borrow(ip_table.keys, j, (void **)&s);
  *s = k;
  map_put(ip_table.map, s, j);
"""
SIBLING = "struct Ip kk = { ip->src_addr ^ 1 }; int w; if (map_get(ip_table.map, &kk, &w)) {"
VALUE = "vector_borrow(values, j, (void **)&x); *x = ip->dst_addr;"


def test_keys_inside_of_elements_are_treated_as_their_map_is(tmp_path: Path) -> None:
    """The shared map points into a core's own element, which that core changes without the lock (two sources, one source
    port) while any other core looks the first source up."""
    body = """
  if (ports == NULL || map_get(found, &k, &i)) return 5;
  vector_borrow(entries, ports->src_port, (void **)&e);
  e->key.addr = ip->src_addr;
  map_put(found, &e->key, 1);
"""
    result = plan_of(tmp_path, LOCALS + body, prelude=ENTRIES)
    assert result.treatments["entries"] == result.treatments["found"]


def test_keys_inside_of_elements_at_fresh_indices(tmp_path: Path) -> None:
    """Source A on core 0, source B on core 1, A again: B's packet overwrites A's key, but not if each core has an element
    0 of its own."""
    body = """
  if (map_get(found, &k, &i)) return 5;
  if (!dchain_allocate_new_index(places, &i, now)) return device;
  vector_borrow(entries, i, (void **)&e);
  e->key.addr = ip->src_addr;
  map_put(found, &e->key, 1);
  dchain_free_index(places, i);
"""
    result = plan_of(tmp_path, LOCALS + body, prelude=ENTRIES)
    assert result.treatments["entries"] == result.treatments["found"]


AGAIN = """
  if (map_get(ip_table.map, &k, &i)) {
    vector_borrow(values, i, (void **)&x);
    if (*x == ip->dst_addr) return 1;
    map_erase(ip_table.map, &k, &t);
    BEFORE
    if (map_get(ip_table.map, &k, &q) || !dchain_allocate_new_index(ip_table.chain, &j, now)) { OTHERWISE return device; }
    vector_borrow(ip_table.keys, j, (void **)&s);
    *s = k;
    map_put(ip_table.map, s, j);
    vector_borrow(values, j, (void **)&x);
    *x = ip->dst_addr;
    dchain_free_index(ip_table.chain, LAST);
    return 4;
  }
"""
#: The new index is freed, not the old one; the old index is freed twice, and is the new one the second time.
OUT_OF_ORDER = {
    "frees the new index": (("BEFORE", ""), ("OTHERWISE", "dchain_free_index(ip_table.chain, i);"), ("LAST", "j")),
    "frees twice": (("BEFORE", "dchain_free_index(ip_table.chain, i);"), ("OTHERWISE", ""), ("LAST", "i")),
}


def out_of_order(which: str) -> str:
    body = AGAIN
    for name, code in OUT_OF_ORDER[which]:
        body = body.replace(name, code)
    return LOCALS + body + NEW + VALUE


@pytest.mark.parametrize("which", OUT_OF_ORDER)
def test_the_order_of_erasing_putting_and_freeing_counts(tmp_path: Path, which: str) -> None:
    """(A, 10), (A, 20), (B, 30), (A, 20), B on another core: the second packet erases A, puts it at an index, and frees
    that.  B's packet gets the index, and overwrites A's key, but not on another core: the last packet finds A there."""
    assert "ip_table.map" not in plan_of(tmp_path, out_of_order(which)).named("sharded")


@pytest.mark.parametrize("which", OUT_OF_ORDER)
def test_that_order_does_not_bear_out_what_is_trusted(tmp_path: Path, which: str) -> None:
    """Keys do not lie at their values, once each, after such a packet."""
    source = tmp_path / "nf.c"
    source.write_text(PRELUDE + out_of_order(which) + "\n  return 1 - device;\n}\n")
    assert confirmed(conjecture(load_program([source], [], []), (), 2, Limits())) is None


def test_an_index_without_a_key_expires_the_key_that_an_earlier_owner_left(tmp_path: Path) -> None:
    """Source A at 0; UDP of source B at 101; A at 102, 195 and 202: B's packet takes A's first index, where A's key still
    lies; when that index expires, at 202, A is erased though its second is in use.  On two cores it is not."""
    body = """
  if (ip->next_proto_id == 17) return dchain_allocate_new_index(ip_table.chain, &j, now);
  if (map_get(ip_table.map, &k, &i)) { dchain_rejuvenate_index(ip_table.chain, i, now); return 3; }
"""
    result = plan_of(tmp_path, EXPIRE + LOCALS + body + NEW)
    assert "ip_table.map" not in result.named("sharded")


def test_indices_of_a_later_core_fit_vectors(tmp_path: Path) -> None:
    """Of two cores, the second hands out 1024 .. 2047: all of its flows get the vector's spare element.  The sequential NF
    has no index above 1023 before it has 1025 flows."""
    larger = PRELUDE.replace("dchain_allocate(1024, &t->chain)", "dchain_allocate(2048, &t->chain)")
    body = "if (!map_get(ip_table.map, &k, &j)) {" + NEW + "} ip->packet_id = j;"
    result = plan_of(tmp_path, LOCALS + body, prelude=larger)
    assert "ip_table.chain" not in result.ranged


def test_programs_know_what_their_ranges_must_fit(tmp_path: Path) -> None:
    """Options may say another ratio of vector and allocator than the analysis saw: the program compares at its start."""
    body = "if (!map_get(ip_table.map, &k, &j)) {" + NEW + VALUE + "} ip->packet_id = j;"
    result = plan_of(tmp_path, LOCALS + body)
    number = {o.name: o.id for o in result.analysis.objects}
    assert {d.object: d.led_by for d in result.plan.decisions if d.led_by} == {
        number["ip_table.keys"]: (number["ip_table.chain"], 1),
        number["values"]: (number["ip_table.chain"], 1),
    }


def test_a_time_limit_that_wraps_is_no_age(tmp_path: Path) -> None:
    """Source A at 1, source B at 15, A at 20: at 15 the limit is far ahead, and B's packet ends A's entry; at 20 it has
    wrapped, and A's own packet does not."""
    wraps = EXPIRE.replace("now - 100", "(vigor_time_t)((uint64_t)now + 0x7ffffffffffffff0ull)")
    result = plan_of(tmp_path, wraps + LOCALS + "if (map_get(ip_table.map, &k, &i)) return 3;" + NEW)
    assert "ip_table.map" not in result.named("sharded")


def test_keys_inside_of_elements_are_looked_at_where_they_are_changed(tmp_path: Path) -> None:
    """Locks: a reader changes its copy of the element, looks the old key up, which the map finds in the original, and
    changes it back: nothing tells that the packet must run again as a writer."""
    body = """
  if (ports == NULL) return device;
  vector_borrow(entries, ports->src_port, (void **)&e);
  if (ports->dst_port == 9) {
    uint32_t old = e->key.addr;
    e->key.addr = ip->dst_addr;
    j = map_get(found, &k, &i);
    e->key.addr = old;
    return j ? 5 : 6;
  }
  if (map_get(found, &k, &i)) return 5;
  e->key.addr = ip->src_addr;
  map_put(found, &e->key, 1);
"""
    source = tmp_path / "nf.c"
    source.write_text(ENTRIES + LOCALS + body + "\n  return 1 - device;\n}\n")
    analysis = analyse(load_program([source], [], []), (), 2, Limits())
    assert sharing(analysis, everything_shared(derive_plan(analysis))).always_write


@pytest.mark.parametrize(
    "change",
    [
        {"known": ERASE.format("i * 4", "i * 4 + (i & 3)")},
        {"slot": "i * 4 + (int)(*v & (uint32_t)i & 3)"},
        {"known": SIBLING + ERASE.format("w * 4", "w * 4 + (i & 3)") + "}"},
    ],
    ids=["keys erased", "key overwritten", "keys erased of another index"],
)
def test_the_number_of_an_index_does_not_decide_which_entries_of_a_block_are_meant(
    tmp_path: Path, change: dict[str, str]
) -> None:
    """Source B, then source A's port 7 nine times: A's index is 1, so each packet that finds the port erases it, and the
    last one finds neither it nor room.  On a core of its own A's index is 0 (or 512), and nothing is erased."""
    assert not plan_of(tmp_path, NF.format(**{**FINE, **change}), prelude=BLOCKS).plan.shardable


def test_what_an_earlier_owner_left_does_not_decide_about_blocks_of_others(tmp_path: Path) -> None:
    """How many keys of a live source are erased depends on who had the fresh index of another."""
    left = "uint32_t n = *v < 4 ? *v : 4;" + SIBLING + ERASE.format("w * 4", "w * 4 + (int)n") + "}"
    assert not plan_of(tmp_path, NF.format(**{**FINE, "clean": left}), prelude=BLOCKS).plan.shardable


def test_what_an_earlier_owner_left_does_not_decide_whose_block_is_cleaned(tmp_path: Path) -> None:
    """Either the fresh index's own block, or that of another source, which then loses its keys."""
    whose = SIBLING + "int b; if (*v < 4) b = i; else b = w;" + ERASE.format("b * 4", "b * 4 + 4") + "}"
    assert not plan_of(tmp_path, NF.format(**{**FINE, "clean": whose}), prelude=BLOCKS).plan.shardable
