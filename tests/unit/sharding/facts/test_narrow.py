"""Indices without bits that they never have, and constant indices, name entries like any others."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import plan_of

#: A source's entry has a value, at ``at`` once it is found.
NF = (
    "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"
    "struct Ip k = {{ ip->src_addr }}, *s; uint32_t *v; int i;"
    "if (map_get(ip_table.map, &k, &i)) {{ dchain_rejuvenate_index(ip_table.chain, i, now);"
    "  vector_borrow(values, {at}, (void **)&v); *v = *v + 1; if (*v > 5) return device; return 1; }}"
    "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
    "vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);"
    "vector_borrow(values, {put}, (void **)&v); *v = 0;"
)


@pytest.mark.parametrize(
    ("at", "put", "most"),
    [
        ("i", "i", 0),
        ("i & 1023", "i", 1024),
        ("i", "i & 4095", 4096),
        ("i & 2047", "i & 1023", 1024),
        ("(uint16_t)i", "i", 65536),
        ("(int16_t)i", "i", 32768),
        ("(uint16_t)i & 1023", "i", 1024),
    ],
)
def test_what_is_the_whole_index(at: str, put: str, most: int, tmp_path: Path) -> None:
    """The program has no more indices than that, whatever options say."""
    r = plan_of(tmp_path, NF.format(at=at, put=put))
    assert r.plan.shardable, r.texts
    assert max(d.max_capacity for d in r.plan.decisions) == most


@pytest.mark.parametrize(
    ("at", "put"),
    [
        ("i & 511", "i & 511"),
        ("i & 1022", "i"),
        ("i >> 1", "i"),
        ("(uint32_t)i >> 1", "i"),
        ("((uint32_t)i >> 1) & 4095", "i"),
        ("(int8_t)i", "i"),
        ("(i & 1023) ^ 1", "i"),
        ("i & 1023", "ip->time_to_live"),
        ("(i + 1) & 1023", "i"),
    ],
)
def test_what_is_another_entry(at: str, put: str, tmp_path: Path) -> None:
    """Two indices come to one entry, or to each other's."""
    r = plan_of(tmp_path, NF.format(at=at, put=put))
    assert not r.plan.shardable


COUNTED = (
    "if (ports == NULL) return device; uint32_t *v; {choose} vector_borrow(counters, n, (void **)&v);"
    "if (*v > 9) return device; *v = *v + 1;"
)


@pytest.mark.parametrize(
    ("choose", "shardable"),
    [
        ("uint32_t n = ports->dst_port & 1 ? 1 : ports->dst_port & 15;", True),
        ("uint32_t n = ports->dst_port & 15;", True),
        ("uint32_t n = 3;", False),
        ("uint32_t n = ip->next_proto_id == 6 ? 3 : 4;", False),
        ("uint32_t n = ports->dst_port & 1 ? 1 : total;", False),
    ],
)
def test_constant_indices_are_names(choose: str, shardable: bool, tmp_path: Path) -> None:
    """Who chooses the same one meets; where all choose the same, nothing is left to part them by."""
    r = plan_of(
        tmp_path, "total = total + ip->time_to_live * total;" * ("total" in choose) + COUNTED.format(choose=choose)
    )
    assert r.plan.shardable is shardable, r.texts
