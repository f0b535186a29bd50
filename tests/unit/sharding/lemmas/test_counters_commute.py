"""What is no counter, though each packet adds to something: the sum of the cores' would not be the sequential NF's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import plan_of

BORROW = "vector_borrow(counters, ip->next_proto_id, (void **)&a);"


def test_adding_to_an_entry_is_counting(tmp_path: Path) -> None:
    r = plan_of(tmp_path, f"uint32_t *a; {BORROW} *a = *a + 1; vector_return(counters, ip->next_proto_id, a);")
    assert r.treatments["counters"] == "per-core", r.texts


def test_a_variable_counts_what_packets_say(tmp_path: Path) -> None:
    r = plan_of(tmp_path, "total = total + packet_length;")
    assert r.treatments["total"] == "per-core", r.texts


@pytest.mark.parametrize(
    ("body", "concerned"),
    [
        # What it adds to was read of another entry, or of another vector.
        (f"{BORROW} uint32_t old = *a; vector_borrow(counters, ip->time_to_live, (void **)&b); *b = old + 1;", "counters"),
        (f"{BORROW} uint32_t old = *a; *a = old + 1; vector_borrow(values, ip->next_proto_id, (void **)&b); *b = old + 1;", "values"),
        (f"{BORROW} uint32_t old = *a; vector_borrow(values, ip->next_proto_id, (void **)&b); *b = old + 1;", "values"),
        # Other bytes of the entry.
        (f"{BORROW} uint16_t *h = (uint16_t *)a; h[1] = h[0] + 1;", "counters"),
        (f"{BORROW} uint16_t *h = (uint16_t *)a; h[0] = h[1] + 1;", "counters"),
        # Something else than the sum with what was there.
        (f"{BORROW} *a = *a ^ ip->src_addr;", "counters"),
        (f"{BORROW} uint32_t old = *a; (void)old; *a = ip->src_addr + packet_length;", "counters"),
        # It says which entry is counted.
        (f"{BORROW} uint32_t old = *a; *a = old + 1; vector_borrow(counters, old & 255, (void **)&b); *b = *b + 1;", "counters"),
        # What is added comes from state, or what was there goes elsewhere, too.
        (f"{BORROW} *a = *a + *a;", "counters"),
        (f"{BORROW} vector_borrow(counters, 7, (void **)&b); *a = *b + 1;", "counters"),
        (f"{BORROW} *a = *a + 1; total = *a;", "counters"),
        (f"{BORROW} *a = *a + 1; ip->packet_id = (uint16_t)*a;", "counters"),
    ],
)  # fmt: skip
def test_what_is_no_counter(body: str, concerned: str, tmp_path: Path) -> None:
    r = plan_of(tmp_path, "uint32_t *a, *b = NULL; (void)b; " + body)
    assert r.treatments[concerned] in ("shared", "sharded"), r.treatments


def test_entries_of_indices_are_no_counters(tmp_path: Path) -> None:
    """Which flow an index is, differs between cores: the sum over cores would be of different flows."""
    count = "uint32_t *v; vector_borrow(values, {}, (void **)&v); *v = *v + 1; vector_return(values, {}, v);"
    flow = (
        "struct Ip k = { ip->src_addr }; int i; touch_ip(ip->src_addr, now); if (map_get(ip_table.map, &k, &i)) { %s }"
    )
    of_time = "{" + count.format("now & 7", "now & 7") + "}"
    r = plan_of(tmp_path, flow % count.format("i", "i") + of_time)
    assert r.treatments["values"] == "shared", r.treatments


def test_entries_of_fresh_indices_are_no_counters(tmp_path: Path) -> None:
    count = "{{ uint32_t *v; vector_borrow(values, {0}, (void **)&v); *v = *v + 1; vector_return(values, {0}, v); }}"
    fresh = "int i; if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
    r = plan_of(tmp_path, fresh + count.format("i") + count.format("now & 7"))
    assert r.treatments["values"] == "shared", r.treatments
