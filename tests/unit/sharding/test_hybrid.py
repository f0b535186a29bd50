"""What can be sharded is, though other state must be shared; and what per-core counters are."""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE, plan_of, same

from maestro_tool.diagnostics import UnsupportedError

IP = {"ip_table.map", "ip_table.keys", "ip_table.chain"}
IP_PORT = {"ip_port_table.map", "ip_port_table.keys", "ip_port_table.chain"}
MAC = {"mac_table.map", "mac_table.keys", "mac_table.chain"}

LEARN_MAC = """
struct Mac mac, *stored; int m;
for (int n = 0; n < 6; n++) mac.b[n] = ether->src_addr.addr_bytes[n];
if (!map_get(mac_table.map, &mac, &m)) {
  if (!dchain_allocate_new_index(mac_table.chain, &m, now)) return device;
  vector_borrow(mac_table.keys, m, (void **)&stored); *stored = mac;
  map_put(mac_table.map, stored, m); vector_return(mac_table.keys, m, stored);
}
"""
WAN_TCP_UDP = "if (ports == NULL || device != 0) return device;"


def test_flows_are_sharded_though_macs_are_shared(tmp_path):
    r = plan_of(tmp_path, WAN_TCP_UDP + "touch_ip(ip->src_addr, now);" + LEARN_MAC)
    assert not r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}
    assert r.named("sharded") == IP and r.named("shared") == MAC
    assert r.rules == {"R3"} and r.relaxations == {"capacity-split"}  # by MAC address, or by source: not both


def test_what_is_shared_splits_no_capacity(tmp_path):
    r = plan_of(tmp_path, LEARN_MAC.replace("addr_bytes[n]", "addr_bytes[n] * 3"))
    assert not r.plan.relaxations and not r.constraints and r.named("shared") == MAC


def test_a_stored_index_of_shared_state_is_in_nobodys_way(tmp_path):
    """As a flow that stores which backend it has: the index is good on all cores."""
    store = (
        "struct Ip k = { ip->src_addr }, *s; int i; uint32_t *v;"
        "if (map_get(ip_table.map, &k, &i)) {"
        "  vector_borrow(values, i, (void **)&v); m = (int)*v; vector_return(values, i, v);"
        "  if (!dchain_is_index_allocated(mac_table.chain, m)) return device;"
        "} else { if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        "  vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i); vector_return(ip_table.keys, i, s);"
        "  vector_borrow(values, i, (void **)&v); *v = (uint32_t)m; vector_return(values, i, v); }"
    )
    r = plan_of(tmp_path, WAN_TCP_UDP + LEARN_MAC + store)
    assert r.named("sharded") == IP | {"values"} and r.named("shared") == MAC
    assert r.constraints == {(0, 0, same("src_ip"))}


def test_entries_that_shared_state_names_are_shared(tmp_path):
    """The other way round: an index of the flows, found under a MAC address, is of no core."""
    body = (
        "touch_ip(ip->src_addr, now); struct Mac mac; int m; uint32_t *v;"
        "for (int n = 0; n < 6; n++) mac.b[n] = ether->src_addr.addr_bytes[n];"
        "if (!map_get(mac_table.map, &mac, &m)) {"
        "  struct Mac *stored; if (!dchain_allocate_new_index(ip_table.chain, &m, now)) return device;"
        "  vector_borrow(mac_table.keys, m, (void **)&stored); *stored = mac;"
        "  map_put(mac_table.map, stored, m); vector_return(mac_table.keys, m, stored); }"
        "vector_borrow(values, m, (void **)&v); *v = *v * 3; vector_return(values, m, v);"
    )
    r = plan_of(tmp_path, WAN_TCP_UDP + body)
    assert r.named("shared") == IP | {"mac_table.map", "mac_table.keys", "values"} and not r.named("sharded")


def test_a_key_with_a_part_from_shared_state_is_sharded_by_the_rest(tmp_path):
    r = plan_of(tmp_path, WAN_TCP_UDP + LEARN_MAC + "touch_ip_port(ip->src_addr, (uint16_t)m, now);")
    assert r.named("sharded") == IP_PORT and r.constraints == {(0, 0, same("src_ip"))}


def test_a_key_from_shared_state_alone_is_shared(tmp_path):
    r = plan_of(tmp_path, WAN_TCP_UDP + LEARN_MAC + "touch_ip((uint32_t)m, now);")
    assert r.named("shared") == IP | MAC


def test_indices_that_shared_state_holds_are_not_those_of_each_core(tmp_path):
    """Each core would put its own index 0 under some MAC address, and packets would tell."""
    body = (
        "struct Mac mac; int m; int i; for (int n = 0; n < 6; n++) mac.b[n] = ether->src_addr.addr_bytes[n] * 3;"
        "if (map_get(mac_table.map, &mac, &m)) { ip->packet_id = (uint16_t)m; return 1; }"
        "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        "struct Mac *stored; int j; if (!dchain_allocate_new_index(mac_table.chain, &j, now)) return device;"
        "vector_borrow(mac_table.keys, j, (void **)&stored); *stored = mac; map_put(mac_table.map, stored, i);"
    )
    r = plan_of(tmp_path, WAN_TCP_UDP + body)
    assert not r.named("sharded") and {"mac_table.map", "ip_table.chain"} <= r.named("shared"), r.texts


def test_expiry_that_shared_state_decides(tmp_path):
    expire = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"
    r = plan_of(tmp_path, WAN_TCP_UDP + LEARN_MAC + f"if (m > 5) {{ {expire} }}" + "touch_ip(ip->src_addr, now);")
    assert r.named("shared") == IP | MAC


R3 = "touch_ip(ip->{}, now); touch_ip_port(ip->{}, ports->dst_port, now);"


def test_of_two_that_cannot_both_be_sharded_the_first_allocated_is(tmp_path):
    for one, other in (("src_addr", "dst_addr"), ("dst_addr", "src_addr")):
        r = plan_of(tmp_path, WAN_TCP_UDP + R3.format(one, other))
        assert r.named("sharded") == IP and r.named("shared") == IP_PORT
        assert r.constraints == {(0, 0, same(one.replace("addr", "ip")))}
        [o], [said] = r.plan.obstacles, r.said
        assert o.rule == "R3" and {"src_ip", "dst_ip"} <= set(said.fields) and len(o.locs) >= 2 and said.remedy


def test_or_the_one_with_more_objects(tmp_path):
    """`values` goes with the second table."""
    more = (
        "struct IpPort q = { ip->dst_addr, ports->dst_port }; int j; uint32_t *v;"
        "if (map_get(ip_port_table.map, &q, &j)) {"
        "  vector_borrow(values, j, (void **)&v); *v = 1; vector_return(values, j, v); }"
    )
    r = plan_of(tmp_path, WAN_TCP_UDP + R3.format("src_addr", "dst_addr") + more)
    assert r.named("sharded") == IP_PORT | {"values"} and r.named("shared") == IP


@pytest.mark.parametrize(
    ("count", "treatment"),
    [
        ("total++;", "per-core"),
        ("total += packet_length;", "per-core"),
        ("total++; total += 2;", "per-core"),
        ("total = total * 3;", "shared"),
        ("total += total;", "shared"),
        ("total++; if (total == 7) return device;", "shared"),
        ("total++; ip->packet_id = (uint16_t)total;", "shared"),
        ("total++; touch_ip(total, now);", "shared"),
        ("total = 7;", "shared"),
        ("total = packet_length + 1;", "shared"),
        ("total |= 1;", "shared"),
    ],
)
def test_counters(tmp_path, count, treatment):
    r = plan_of(tmp_path, WAN_TCP_UDP + "touch_ip_port(ip->src_addr, ports->dst_port, now);" + count)
    assert r.treatments["total"] == treatment
    # A variable that must be shared takes everything else along.
    assert {r.treatments[name] for name in IP_PORT} == {"shared" if treatment == "shared" else "sharded"}
    assert r.plan.shardable == (treatment == "per-core") and (treatment == "per-core" or not r.constraints)


COUNT = "uint32_t *c; vector_borrow(values, {0}, (void **)&c); {1} vector_return(values, {0}, c);"


@pytest.mark.parametrize(
    ("index", "change", "treatment"),
    [
        ("ip->next_proto_id", "*c += packet_length;", "per-core"),
        ("3", "*c += 1;", "per-core"),
        ("device", "*c += 1;", "per-core"),
        ("3", "*c = *c * 3;", "shared"),
        ("3", "*c += 1; if (*c > 9) return device;", "shared"),
        ("3", "*c += 1; *c += *c;", "shared"),
        ("3", "*c = (uint32_t)now;", "shared"),
    ],
)
def test_vectors_of_counters(tmp_path, index, change, treatment):
    r = plan_of(tmp_path, WAN_TCP_UDP + "touch_ip(ip->src_addr, now);" + COUNT.format(index, change))
    assert r.treatments["values"] == treatment and r.named("sharded") == IP


def test_a_counter_does_not_part_what_else_could_be_sharded(tmp_path):
    """Alone it would be sharded by its own field; against flows of another it is not worth it."""
    count = COUNT.format("ports->dst_port", "*c += 1;").replace("values", "counters")
    assert plan_of(tmp_path, WAN_TCP_UDP + count).constraints == {(0, 0, same("dst_port"))}
    r = plan_of(tmp_path, WAN_TCP_UDP + "touch_ip(ip->src_addr, now);" + count)
    assert r.plan.shardable and r.treatments["counters"] == "per-core" and r.named("sharded") == IP


def test_a_counter_out_of_range_is_no_counter(tmp_path):
    r = plan_of(tmp_path, WAN_TCP_UDP + COUNT.format("ports->dst_port", "*c += 1;"))
    assert r.treatments["values"] == "shared" and "none of its 1024" in r.texts


def test_memory_that_configuration_made_is_no_counter_of_each_core(tmp_path):
    """nf_config_init runs once: all cores have its memory in common."""
    prelude = PRELUDE.replace("static uint32_t total;", "static uint32_t total, *common;").replace(
        "(void)argc; (void)argv; }", "(void)argc; (void)argv; common = calloc(1, 4); }"
    )
    with pytest.raises(UnsupportedError, match="which nf_config_init made once for all cores"):
        plan_of(tmp_path, "*common += 1;", prelude=prelude)
