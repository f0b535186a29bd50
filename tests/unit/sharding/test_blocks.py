"""Entries ``index * stride + offset``: a block for each index - and what is none."""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE as SMALL
from small_nfs import plan_of, same

#: Blocks of four entries for each of 1024 indices.
PRELUDE = SMALL.replace("vector_allocate(size, 1024, init, &t->keys)", "vector_allocate(size, 4096, init, &t->keys)")

TWO_MAPS = PRELUDE.replace("Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac)", "IpPort_eq, IpPort_hash, IpPort_init, 8")

#: Per source (index i, count *v) up to four destination ports, whose keys lie in the source's block.
NF = """
if (ports == NULL || device != 0) return device;
expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);
struct Ip k = {{ ip->src_addr }}, *s; struct IpPort k2, *s2; int i, slot; uint32_t *v;
if (map_get(ip_table.map, &k, &i)) {{
  dchain_rejuvenate_index(ip_table.chain, i, now);
}} else {{
  if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;
  vector_borrow(values, i, (void **)&v);
  {clean}
  *v = 0; vector_return(values, i, v);
  vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);
  vector_return(ip_table.keys, i, s);
}}
vector_borrow(values, i, (void **)&v);
k2 = (struct IpPort){{ ip->src_addr, ports->dst_port }};
if (!map_get(ip_port_table.map, &k2, &slot)) {{
  if ({full}) return device;
  slot = {slot};
  vector_borrow(ip_port_table.keys, slot, (void **)&s2); {key} {put}
  vector_return(ip_port_table.keys, slot, s2);
  *v = *v + 1;
}} else {{ {known} }}
vector_return(values, i, v);
"""

FINE = {
    "clean": "uint32_t n = *v < 4 ? *v : 4;"
    "expire_items_single_map_iteratively(ip_port_table.keys, ip_port_table.map, i * 4, i * 4 + (int)n);",
    "full": "*v >= 4",
    "slot": "i * 4 + (int)*v",
    "key": "*s2 = k2;",
    "put": "map_put(ip_port_table.map, s2, slot);",
    "known": "",
}
ERASE = "expire_items_single_map_iteratively(ip_port_table.keys, ip_port_table.map, {}, {});"


def test_blocks_follow_their_index(tmp_path):
    r = plan_of(tmp_path, NF.format(**FINE), prelude=PRELUDE)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip"))} and {c.rule for c in r.plan.constraints} == {"R2"}
    assert r.ranged == {"ip_table.chain"} and r.relaxations == {"capacity-split", "index-choice"}


def test_what_is_left_in_a_block_need_not_be_erased(tmp_path):
    """Whoever asks for such a key is on the core that put it; how long it stays depends on the choice of indices."""
    r = plan_of(tmp_path, NF.format(**{**FINE, "clean": ""}), prelude=PRELUDE)
    assert r.plan.shardable and r.ranged == {"ip_table.chain"}, r.texts


def test_a_block_with_keys_of_two_maps(tmp_path):
    """What is erased from one may be a key that another core put there itself, under the same name."""
    other = "int t; if (!map_get(mac_table.map, s2, &t)) map_put(mac_table.map, s2, slot);"
    r = plan_of(tmp_path, NF.format(**{**FINE, "put": FINE["put"] + other}), prelude=TWO_MAPS)
    assert not r.plan.shardable and "could not decide which entries" in r.texts


def test_the_number_of_an_entry_may_leave_in_packets(tmp_path):
    r = plan_of(tmp_path, NF.format(**{**FINE, "known": "ip->packet_id = (uint16_t)slot;"}), prelude=PRELUDE)
    assert r.plan.shardable and r.ranged == {"ip_table.chain"}, r.texts


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"full": "0"}, "is one of the n that the index has"),
        ({"full": "*v > 4"}, "is one of the n that the index has"),
        ({"full": "(int)*v >= 4"}, "is one of the n that the index has"),
        ({"slot": "i * 3 + (int)*v"}, "is one of the n that the index has"),
        ({"slot": "i + 4 * (int)*v"}, ""),
        ({"slot": "(int)*v"}, "chosen by what is stored in values"),
        ({"clean": ERASE.format("i * 4", "i * 4 + (int)*v")}, "erased here"),
        ({"clean": ERASE.format("i * 4", "i * 4 + 5")}, "erased here"),
        ({"clean": ERASE.format("i * 4 - 1", "i * 4 + 4")}, "erased here"),
        ({"clean": ERASE.format("0", "4")}, "erased here"),
        ({"clean": ERASE.format("(i + 1) * 4", "(i + 1) * 4 + 4")}, "erased here"),
        ({"clean": ERASE.format("i * 8", "i * 8 + 4")}, "could not decide which entries"),
        ({"clean": FINE["clean"] + "if (n == 4) return 1;"}, "before the packet that allocated it"),
        ({"clean": FINE["clean"] + "ip->time_to_live = (uint8_t)n;"}, "before the packet that allocated it"),
        ({"clean": "if (*v == 2) { dchain_free_index(ip_table.chain, i); return device; }"}, "before the packet"),
        ({"put": ""}, ""),
        ({"put": "if (ip->next_proto_id == 6) " + FINE["put"]}, "changed while a map may hold it"),
        ({"put": "map_put(ip_port_table.map, s2, 7);"}, "another value than the number"),
        ({"put": FINE["put"] + "s2->port = 7;"}, "does not hold the key"),
        ({"key": "s2->addr = k2.addr; s2->port = 0;"}, "not looked up"),
        ({"known": "*v = (uint32_t)slot;"}, "decides what an entry holds"),
        ({"known": "if (slot & 1) return device;"}, "decides what the packet does"),
        ({"known": "vector_borrow(counters, slot, (void **)&v); *v = 1;"}, "not indices freshly allocated"),
        (
            {"known": "vector_borrow(counters, i * 4 + 1, (void **)&v); *v = *v + 1; if (*v > 9) return device;"},
            "could not show that it was written",
        ),
        (
            {"key": "if (s2->port == 7) return device; *s2 = k2;"},
            "could not show that it was written",
        ),
        ({"known": "map_erase(ip_port_table.map, &k2, (void **)&s2);"}, "its index is not freed"),
    ],
    ids=lambda x: "-".join(x.values()) if isinstance(x, dict) else "",
)
def test_what_is_no_block(tmp_path, change, said):
    r = plan_of(tmp_path, NF.format(**{**FINE, **change}), prelude=PRELUDE)
    assert not r.plan.shardable and said in r.texts, r.texts
