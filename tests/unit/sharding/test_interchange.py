"""R5: packets that bring an index of their own, and compare what they find there - and when that is no reason to trust it."""

from __future__ import annotations

import pytest
from small_nfs import plan_of

#: A source NAT in small.  LAN (port 0): a flow gets an index, which leaves as its source port.  WAN (port 1): the port says
#: which flow, whose remote address must be the sender's.
NAT = """
if (ports == NULL) return device;
{expire}
uint32_t *v, *c; struct IpPort *s; int i;
if (device == 0) {{
  struct IpPort k = {{ ip->src_addr, ports->src_port }};
  if (map_get(ip_port_table.map, &k, &i)) {{
    dchain_rejuvenate_index(ip_port_table.chain, i, now);
    {found}
  }} else {{
    if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;
    vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; map_put(ip_port_table.map, s, i);
    vector_return(ip_port_table.keys, i, s);
    {store}
  }}
  ports->src_port = rte_cpu_to_be_16((uint16_t)(i + 1000));
  return 1;
}}
i = (int)rte_be_to_cpu_16(ports->dst_port) - 1000;
if (i < 0 || i >= 1024) return device;
{asked}
vector_borrow(values, i, (void **)&v); uint32_t remote = *v; vector_return(values, i, v);
{compared}
dchain_rejuvenate_index(ip_port_table.chain, i, now);
vector_borrow(ip_port_table.keys, i, (void **)&s); ip->dst_addr = s->addr; ports->dst_port = s->port;
vector_return(ip_port_table.keys, i, s);
return 0;
"""

EXPIRE = "expire_items_single_map(ip_port_table.chain, ip_port_table.keys, ip_port_table.map, now - 1000);"
FINE = {
    "expire": EXPIRE,
    "found": "",
    "store": "vector_borrow(values, i, (void **)&v); *v = ip->dst_addr; vector_return(values, i, v);",
    "asked": "if (!dchain_is_index_allocated(ip_port_table.chain, i)) return device;",
    "compared": "if (remote != ip->src_addr) return device;",
}
R5 = {(0, 1, (("dst_ip", "src_ip"),))}

#: Cuts the frame's first 14 bytes; no byte is written.
HEADLESS = "nf_return_all_chunks(buffer); nf_borrow_next_chunk(buffer, 14); nf_shrink_chunk(buffer, 0, mbuf);"


def test_what_is_compared_shards_instead_of_the_index(tmp_path):
    # The LAN's own key is finer than what packets of the LAN must agree in anyway if their remote end is one.
    r = plan_of(
        tmp_path, NAT.format(**FINE).replace("{ ip->src_addr, ports->src_port }", "{ ip->dst_addr, ports->src_port }")
    )
    assert r.plan.shardable, r.texts
    assert r.constraints == R5 and {c.rule for c in r.plan.constraints} == {"R5"}
    assert r.ranged == {"ip_port_table.chain"} and r.relaxations == {"capacity-split", "index-choice"}


def test_a_flow_that_does_not_name_its_remote_end_is_r3(tmp_path):
    """Keyed by the inner end only, but checked against the outer: no field tells where both are."""
    r = plan_of(tmp_path, NAT.format(**FINE))
    assert not r.plan.shardable and r.rules == {"R3"}
    assert r.named("shared") == {"ip_port_table.map", "ip_port_table.keys", "ip_port_table.chain", "values"}


def test_what_an_earlier_owner_left_is_read_by_index(tmp_path):
    """Written on later packets of a flow only, and read of the entry that a packet names."""
    found = "vector_borrow(counters, i, (void **)&c); *c = 1; vector_return(counters, i, c);"
    read = "vector_borrow(counters, i, (void **)&c); if (*c) return device;"
    r = plan_of(tmp_path, nat(found=found, compared=FINE["compared"] + read))
    assert not r.plan.shardable and "what an earlier owner left there would be seen" in r.texts
    r = plan_of(tmp_path, nat(found=found, compared=FINE["compared"] + read, store=FINE["store"] + found))
    assert r.plan.shardable, r.texts


def nat(**change: str) -> str:
    return NAT.format(**{**FINE, **change}).replace(
        "{ ip->src_addr, ports->src_port }", "{ ip->dst_addr, ports->src_port }"
    )


@pytest.mark.parametrize(
    "compared",
    [
        "if (remote != ip->src_addr | ports->src_port != ports->src_port) return device;",
        "if (remote == ip->src_addr) {} else return device;",
        "if (!(remote == ip->src_addr && ip->next_proto_id == 6)) return device;",
        "if (memcmp(&remote, &ip->src_addr, 4)) return device;",
        "if (rte_be_to_cpu_32(remote) != rte_be_to_cpu_32(ip->src_addr)) return device;",
        "if ((remote == ip->src_addr) + (ip->time_to_live > 9) != 2) return device;",
    ],
)
def test_ways_to_compare(tmp_path, compared):
    r = plan_of(tmp_path, nat(compared=compared))
    assert r.plan.shardable and r.constraints == R5, r.texts


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"compared": ""}, "without comparing"),
        ({"compared": "if (remote != ip->src_addr) return 0;"}, "without comparing"),
        ({"compared": "if (remote != ip->src_addr) { ip->time_to_live = 1; return device; }"}, "without comparing"),
        ({"compared": "if (remote != ip->src_addr) { " + HEADLESS + " return device; }"}, "without comparing"),
        ({"compared": "if (remote == ip->src_addr) return device;"}, "without comparing"),
        ({"compared": "if (remote == 7) return device;"}, "without comparing"),
        ({"compared": "if (remote < ip->src_addr) return device;"}, "without comparing"),
        ({"compared": "if (remote != 7) return device;"}, "without comparing"),
        ({"compared": "if (ip->time_to_live != 9) return device;"}, "without comparing"),
        ({"compared": "if (ip->src_addr != ip->dst_addr) return device;"}, "without comparing"),
        ({"compared": "if ((remote ^ ip->dst_addr) != ip->src_addr) return device;"}, "without comparing"),
        ({"compared": "if (remote != (uint32_t)config.unused) return device;"}, "without comparing"),
        ({"compared": "if (remote != ip->src_addr + config.unused) return device;"}, "without comparing"),
        (
            {
                "compared": "if (remote != ip->src_addr) { dchain_rejuvenate_index(ip_port_table.chain, i, now); return device; }"
            },
            "that does not match",
        ),
        ({"compared": "if (remote != ip->src_addr) { total = total * 3; return device; }"}, "that does not match"),
        ({"compared": "if (remote != ip->src_addr) { if (remote > 9) return 0; return device; }"}, "without comparing"),
        ({"asked": ""}, "not checked first"),
        # Refreshes what belongs to others; does not look at the answer.
        ({"asked": "if (!dchain_rejuvenate_index(ip_port_table.chain, i, now)) return device;"}, "not checked first"),
        (
            {
                "asked": "dchain_is_index_allocated(ip_port_table.chain, i);",
                "compared": FINE["compared"] + "return 0;",
            },
            "not checked first",
        ),
        ({"asked": "if (!dchain_is_index_allocated(ip_port_table.chain, i)) abort();"}, "no path"),
        ({"asked": "if (!dchain_is_index_allocated(ip_port_table.chain, i)) return 0;"}, "without comparing"),
        (
            {"asked": "if (!dchain_is_index_allocated(ip_port_table.chain, i)) { total = total * 3; return device; }"},
            "more happens",
        ),
        ({"asked": "if (!dchain_is_index_allocated(ip_port_table.chain, i ^ 1)) return device;"}, "different indices"),
        ({"asked": "if (!dchain_is_index_allocated(mac_table.chain, i)) return device;"}, ""),
        ({"store": ""}, "not stored whenever"),
        ({"store": "if (ip->next_proto_id == 6) { " + FINE["store"] + " }"}, "not stored whenever"),
        ({"found": FINE["store"].replace("ip->dst_addr", "ip->src_addr")}, "keyed by"),
        ({"store": FINE["store"].replace("ip->dst_addr", "(uint32_t)now")}, "keyed by"),
        ({"expire": ""}, None),
        ({"expire": "if (device == 0) " + EXPIRE}, "before old entries"),
    ],
)
def test_refusals(tmp_path, change, said):
    r = plan_of(tmp_path, nat(**change))
    if said is None:  # without expiry flows live for ever, on all cores
        assert r.plan.shardable and r.constraints == R5
        return
    assert not r.plan.shardable and said in r.texts, r.texts
    assert {"ip_port_table.map", "ip_port_table.keys", "ip_port_table.chain"} <= r.named("shared") and not r.ranged


def test_an_outcome_that_differs_by_a_checksum_is_another(tmp_path):
    """Two values of a function that is not followed must not be taken for one because they have the same number."""
    ignored, sent = "unsigned x = __builtin_ia32_crc32si(1, ip->src_addr); (void)x;", "return 0;"
    miss = "ip->packet_id = (uint16_t)__builtin_ia32_crc32si(2, ip->dst_addr);"
    none = ignored + "ip->packet_id = (uint16_t)__builtin_ia32_crc32si(3, ip->dst_addr);"
    r = plan_of(
        tmp_path,
        nat(
            compared=f"if (remote != ip->src_addr) {{ {miss} {sent} }}",
            asked=f"if (!dchain_is_index_allocated(ip_port_table.chain, i)) {{ {none} {sent} }}",
        ),
    )
    assert not r.plan.shardable and "without comparing" in r.texts


def test_a_packet_that_fills_two_entries(tmp_path):
    """Which of them is meant by what the tables of contents say is not told apart."""
    twice = FINE["store"] + "int j; if (!dchain_allocate_new_index(ip_port_table.chain, &j, now)) return device;"
    r = plan_of(tmp_path, nat(store=twice))
    assert not r.plan.shardable and "allocates more than one index" in r.texts
