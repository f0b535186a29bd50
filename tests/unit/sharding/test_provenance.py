"""What a value that is not known was calculated from: an index stays visible behind a checksum."""

from __future__ import annotations

import pytest
from small_nfs import plan_of

#: An entry per address, whose index is ``i``.
TOUCH = """
struct Ip k = { ip->src_addr }, *s; int i;
int n = expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000); (void)n;
if (ports == NULL) return device;
if (map_get(ip_table.map, &k, &i)) { dchain_rejuvenate_index(ip_table.chain, i, now); }
else {
  if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;
  vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);
  vector_return(ip_table.keys, i, s);
}
struct rte_ipv4_hdr h = { .version_ihl = 0x45 }; (void)h;
"""

DECIDES = [
    "ip->packet_id = (uint16_t)i; uint16_t c = rte_ipv4_cksum(ip); ip->packet_id = 0; if (c & 1) return device;",
    "h.packet_id = (uint16_t)i; if (rte_ipv4_cksum(&h) & 1) return device;",
    "if (rte_raw_cksum(&i, sizeof i) & 1) return device;",
    "h.total_length = (uint16_t)i; if (rte_ipv4_udptcp_cksum(&h, ports) & 1) return device;",
    "ip->src_addr = (uint32_t)i; nf_set_rte_ipv4_udptcp_checksum(ip, ports, *buffer); "
    "if (ip->hdr_checksum & 1) return device;",
    "ports->src_port = (uint16_t)i; nf_set_rte_ipv4_udptcp_checksum(ip, ports, *buffer); "
    "if (ip->next_proto_id == 17 && ((struct rte_udp_hdr *)ports)->dgram_cksum & 1) return device;",
]


@pytest.mark.parametrize("decides", DECIDES)
def test_a_checksum_of_an_index_may_decide_nothing(tmp_path, decides):
    r = plan_of(tmp_path, TOUCH + decides)
    assert not r.plan.shardable and "an index of ip_table" in r.texts, r.texts


@pytest.mark.parametrize("decides", DECIDES)
def test_a_checksum_of_the_packet_may(tmp_path, decides):
    r = plan_of(tmp_path, TOUCH + decides.replace("(uint16_t)i", "7").replace("(uint32_t)i", "7").replace("i,", "k,"))
    assert r.plan.shardable and not r.ranged, r.texts


def test_an_index_that_leaves_in_a_checksum_is_shown(tmp_path):
    r = plan_of(tmp_path, TOUCH + "h.packet_id = (uint16_t)i; ports->src_port = rte_ipv4_cksum(&h);")
    assert r.plan.shardable and r.ranged == {"ip_table.chain"} and "index-choice" in r.relaxations


def test_the_count_of_expired_entries_behind_a_checksum(tmp_path):
    r = plan_of(tmp_path, TOUCH + "h.packet_id = (uint16_t)n; if (rte_ipv4_cksum(&h) == 0xffff) return device;")
    assert not r.plan.shardable and "how many entries expired" in r.texts
