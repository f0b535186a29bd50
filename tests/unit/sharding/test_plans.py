"""Small NFs and the plans they must get: each rule, and each way in which soundness would be lost."""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE, plan_of, same


def test_no_state_no_constraint(tmp_path):
    r = plan_of(tmp_path, "")
    assert r.plan.shardable and not r.constraints
    assert {d.treatment for d in r.plan.decisions} == {"read-only"}


def test_r1_key_equality(tmp_path):
    r = plan_of(tmp_path, "if (device == 0) touch_ip(ip->src_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}
    assert [x.kind for x in r.plan.relaxations] == ["capacity-split"]


def test_r1_joins_ports(tmp_path):
    r = plan_of(tmp_path, "touch_ip(device == 0 ? ip->src_addr : ip->dst_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 1, (("src_ip", "dst_ip"),))}


BOTH_WAYS = """
struct Pair k = { ip->src_addr, ip->dst_addr }, back = { ip->dst_addr, ip->src_addr }, *s; int i;
if (map_get(ip_table.map, &k, &i) || map_get(ip_table.map, &back, &i)) return 1 - device;
if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;
vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i);
"""
PAIR = """
struct Pair { uint32_t a, b; };
bool Pair_eq(void *a, void *b) { struct Pair *x = a, *y = b; return x->a == y->a && x->b == y->b; }
unsigned Pair_hash(void *a) { struct Pair *x = a; return __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, x->a), x->b); }
void Pair_init(void *a) { struct Pair *x = a; x->a = 0; x->b = 0; }
"""


def test_a_table_that_is_asked_for_both_directions(tmp_path):
    """What packets of one port must agree in follows from the ties between the ports: each absorbs several."""
    prelude = PRELUDE.replace("struct nf_config {", PAIR + "struct nf_config {").replace(
        "&ip_table, Ip_eq, Ip_hash, Ip_init, sizeof(struct Ip)", "&ip_table, Pair_eq, Pair_hash, Pair_init, 8"
    )
    r = plan_of(tmp_path, BOTH_WAYS, prelude=prelude)
    assert r.plan.shardable, r.texts
    assert (0, 1, same("src_ip", "dst_ip")) in r.constraints


def test_r2_the_coarser_key_wins(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device;"
        "touch_ip(ip->src_addr, now); touch_ip_port(ip->src_addr, ports->dst_port, now);",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}
    assert {c.rule for c in r.plan.constraints} == {"R2"}


def test_r3_disjoint_dependencies(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device;"
        "touch_ip(ip->src_addr, now); touch_ip_port(ip->dst_addr, ports->dst_port, now);",
    )
    assert not r.plan.shardable and r.rules == {"R3"}


def test_r3_learn_source_look_up_destination(tmp_path):
    r = plan_of(
        tmp_path,
        "touch_ip(ip->src_addr, now); struct Ip k = { ip->dst_addr }; int i;"
        "if (!map_get(ip_table.map, &k, &i)) return device;",
    )
    assert not r.plan.shardable and "R3" in r.rules


def test_mac_addresses_are_for_software(tmp_path):
    r = plan_of(
        tmp_path,
        "struct Mac k; for (int i = 0; i < 6; i++) k.b[i] = ether->src_addr.addr_bytes[i];"
        "int index; struct Mac *s;"
        "if (!map_get(mac_table.map, &k, &index) && dchain_allocate_new_index(mac_table.chain, &index, now)) {"
        "  vector_borrow(mac_table.keys, index, (void **)&s); *s = k;"
        "  map_put(mac_table.map, s, index); vector_return(mac_table.keys, index, s); }",
    )
    assert r.plan.shardable and {pairs for *_, pairs in r.constraints} == {(("src_mac", "src_mac"),)}
    assert all(c.in_software for c in r.plan.constraints)


def test_r4_one_global_for_all(tmp_path):
    r = plan_of(tmp_path, "total = total * 3 + 1; if (total == 7) return device;")
    assert not r.plan.shardable and r.rules == {"R4"} and "total" in r.texts


def test_read_only_lookup_constrains_nothing(tmp_path):
    r = plan_of(tmp_path, "struct Ip k = { ip->src_addr }; int i; if (!map_get(ip_table.map, &k, &i)) return device;")
    assert r.plan.shardable and not r.constraints


def test_prefix(tmp_path):
    r = plan_of(tmp_path, "if (device == 0) touch_ip(ip->src_addr & 0x00ffffff, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip[31:8]"))}


def test_vector_indexed_by_a_header_field(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; uint32_t *c;"
        "vector_borrow(counters, ports->dst_port, (void **)&c); *c = *c + 1;"
        "vector_return(counters, ports->dst_port, c);",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("dst_port"))}


def test_fields_read_from_frames_that_do_not_have_them(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0 || packet_length < 38) return device; struct tcpudp_hdr *p = (struct tcpudp_hdr *)(ip + 1);"
        "touch_ip_port(ip->src_addr, p->dst_port, now);",
    )
    # SCTP, say, has ports that no card hashes: the addresses will do.
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}


def test_index_that_leaves_in_a_packet(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; struct IpPort k = { ip->src_addr, ports->src_port }, *s;"
        "int i; if (!map_get(ip_port_table.map, &k, &i)) {"
        "  if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;"
        "  vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k;"
        "  map_put(ip_port_table.map, s, i); vector_return(ip_port_table.keys, i, s); }"
        "ports->src_port = (uint16_t)i;",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip", "src_port"))}
    [ranged] = [d.object for d in r.plan.decisions if d.ranged]
    assert [x.object for x in r.plan.relaxations if x.kind == "index-choice"] == [ranged]


SENTINEL = (
    "if (device != 0) return device; struct Ip k = {{ ip->src_addr }}, *s; int i = -1;"
    "if (!map_get(ip_table.map, &k, &i)) {{"
    "  if (!dchain_allocate_new_index(ip_table.chain, &i, now)) i = -1;"
    "  else {{ vector_borrow(ip_table.keys, i, (void **)&s); *s = k;"
    "    map_put(ip_table.map, s, i); vector_return(ip_table.keys, i, s); }} }}"
    "if ({}) return device;"
)


def test_an_index_may_be_told_from_not_found(tmp_path):
    r = plan_of(tmp_path, SENTINEL.format("i < 0"))
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}


@pytest.mark.parametrize("test", ["i & 1", "i > 5", "i < 0 || i == 3"])
def test_but_nothing_else_may_depend_on_it(tmp_path, test):
    r = plan_of(tmp_path, SENTINEL.format(test))
    assert not r.plan.shardable and "decides what the packet does" in r.texts


def test_freed_index_that_stays_in_a_map(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0) return device; touch_ip(ip->src_addr, now);"
        "struct Ip k = { ip->src_addr }; int i;"
        "if (map_get(ip_table.map, &k, &i)) dchain_free_index(ip_table.chain, i);",
    )
    assert not r.plan.shardable and "stays in" in r.texts


EXPIRE = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"


def test_expiry_first_is_fine(tmp_path):
    r = plan_of(tmp_path, EXPIRE + "if (device == 0) touch_ip(ip->src_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}


@pytest.mark.parametrize(
    "body",
    [
        "if (device == 0) touch_ip(ip->src_addr, now);" + EXPIRE,
        "if (device == 1) { " + EXPIRE + " } else touch_ip(ip->src_addr, now);",
    ],
)
def test_expiry_too_late_or_elsewhere_cannot_be_decided(tmp_path, body):
    r = plan_of(tmp_path, body)
    assert not r.plan.shardable and "before old entries" in r.texts


@pytest.mark.parametrize("first", ["", EXPIRE])
def test_a_key_changed_in_place_cannot_be_decided(tmp_path, first):
    r = plan_of(
        tmp_path,
        first
        + "if (device != 0) return device; touch_ip(ip->src_addr, now); struct Ip k = { ip->src_addr }, *s; int i;"
        "if (map_get(ip_table.map, &k, &i)) {"
        "  vector_borrow(ip_table.keys, i, (void **)&s); s->addr = ip->dst_addr; vector_return(ip_table.keys, i, s); }",
    )
    assert not r.plan.shardable and "changed while a map may hold it" in r.texts


def test_another_key_in_the_vector_than_in_the_map(tmp_path):
    r = plan_of(
        tmp_path,
        EXPIRE + "if (device != 0) return device; struct Ip k = { ip->src_addr }, *s; int i;"
        "if (!map_get(ip_table.map, &k, &i) && dchain_allocate_new_index(ip_table.chain, &i, now)) {"
        "  vector_borrow(ip_table.keys, i, (void **)&s); s->addr = ip->dst_addr;"
        "  map_put(ip_table.map, s, i); vector_return(ip_table.keys, i, s); s->addr = 7; }",
    )
    assert not r.plan.shardable and "does not hold the key" in r.texts


def test_map_value_that_is_no_index(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0) return device; struct Ip k = { ip->src_addr }, *s; int i; uint32_t *c;"
        "if (map_get(ip_table.map, &k, &i)) {"
        "  vector_borrow(counters, i, (void **)&c); *c = *c + 1; vector_return(counters, i, c); return 1; }"
        "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        "vector_borrow(ip_table.keys, i, (void **)&s); *s = k;"
        "map_put(ip_table.map, s, i / 2); vector_return(ip_table.keys, i, s);",
    )
    assert not r.plan.shardable and "not indices freshly allocated" in r.texts


def test_two_ways_to_one_vector_are_not_related_by_guessing(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; touch_ip(ip->src_addr, now);"
        "struct Ip k = { ip->src_addr }; int i; uint32_t *c;"
        "if (map_get(ip_table.map, &k, &i)) { vector_borrow(counters, i, (void **)&c); *c = 1; vector_return(counters, i, c); }"
        "vector_borrow(counters, ports->dst_port, (void **)&c); *c = 2; vector_return(counters, ports->dst_port, c);",
    )
    assert not r.plan.shardable and "could not be related" in r.texts


def test_arithmetic_on_a_field_becomes_a_relation(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; struct Ip k = { ports->src_port * 5 + ports->dst_port }; (void)k;"
        "touch_ip(ports->src_port * 5 + ports->dst_port, now);",
    )
    assert r.plan.shardable and [c.relation is not None for c in r.plan.constraints] == [True]
