"""Constraints are followed to header fields through arithmetic, prefixes, byte swaps and struct copies, and over all ports."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from small_nfs import plan_of, same

from maestro_tool.sharding.plan import Constraint, FieldBits
from maestro_tool.sharding.rules.subsumption import subsume

FROM_LAN = "if (ports == NULL || device != 0) return device;"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr), now);", same("src_ip")),
        ("touch_ip(__builtin_bswap32(__builtin_bswap32(ip->src_addr)), now);", same("src_ip")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) >> 8, now);", same("src_ip[31:8]")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) & 0xFFF0FF00, now);", same("src_ip[31:20]", "src_ip[15:8]")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) << 4, now);", same("src_ip[27:0]")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) / 256, now);", same("src_ip[31:8]")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) % 65536, now);", same("src_ip[15:0]")),
        ("touch_ip(rte_be_to_cpu_32(ip->src_addr) * 1, now);", same("src_ip")),
        ("touch_ip(~ip->src_addr, now);", same("src_ip")),
        ("touch_ip(ip->src_addr ^ 0x01020304, now);", same("src_ip")),
        ("touch_ip((ip->src_addr | 0xFF) * 4 / 2, now);", same("src_ip[23:8]", "src_ip[5:0]")),
        ("touch_ip(ports->src_port | (uint32_t)ports->dst_port << 16, now);", same("src_port", "dst_port")),
        ("uint32_t a; memcpy(&a, &ip->src_addr, 4); touch_ip(a, now);", same("src_ip")),
        ("struct rte_ipv4_hdr copy = *ip; touch_ip(copy.dst_addr, now);", same("dst_ip")),
        ("struct { uint8_t b[4]; } p; memcpy(&p, &ip->src_addr, 4); touch_ip(p.b[0] | p.b[1] << 8, now);", same("src_ip[31:16]")),
        ("struct IpPort k = { ip->src_addr, ports->dst_port }, l = k; touch_ip_port(l.addr, l.port, now);", same("src_ip", "dst_port")),
        ("uint8_t *p = (uint8_t *)ip; touch_ip(p[12] + 256u * p[13], now);", same("src_ip[31:16]")),
    ],
)  # fmt: skip
def test_fields(tmp_path, body, expected):
    r = plan_of(tmp_path, FROM_LAN + body)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, expected)}


@pytest.mark.parametrize(
    "key",
    [
        "ip->src_addr + 1",
        "ip->src_addr * 3",
        "ip->src_addr ^ ip->dst_addr",
        "ip->src_addr - ip->dst_addr",
        "ports->src_port % 10",
    ],
)
def test_arithmetic_stays_a_relation(tmp_path, key):
    """What is no equality of bits is left to the solver of keys, as it is."""
    r = plan_of(tmp_path, FROM_LAN + f"touch_ip({key}, now);")
    assert r.plan.shardable and [c.relation is not None for c in r.plan.constraints] == [True]


@pytest.mark.parametrize("key", ["ip->src_addr + total", "ip->src_addr + packet_length", "(uint32_t)now"])
def test_arithmetic_with_what_no_nic_hashes_is_r4(tmp_path, key):
    r = plan_of(tmp_path, FROM_LAN + f"touch_ip({key}, now);" + ("total = total * 3;" if "total" in key else ""))
    assert not r.plan.shardable and "R4" in r.rules


def test_three_ports(tmp_path):
    """Ports 0 and 1 look their destination up, port 2 its source: each pair of ports gets its constraint."""
    r = plan_of(tmp_path, "touch_ip(device == 2 ? ip->src_addr : ip->dst_addr, now);", ports=3)
    assert r.plan.shardable, r.texts
    assert r.constraints == {
        (0, 1, same("dst_ip")),
        (0, 2, (("dst_ip", "src_ip"),)),
        (1, 2, (("dst_ip", "src_ip"),)),
    }


def test_each_of_many_ports_is_tied_to_each_other(tmp_path):
    r = plan_of(tmp_path, "touch_ip(ip->src_addr, now);", ports=5)
    assert r.constraints == {(a, b, same("src_ip")) for a, b in combinations(range(5), 2)}


def test_a_port_that_touches_nothing_is_free(tmp_path):
    r = plan_of(tmp_path, "if (device != 3) touch_ip(ip->src_addr, now);", ports=4)
    assert {p for a, b, _ in r.constraints for p in (a, b)} == {0, 1, 2}


def test_r3_between_ports(tmp_path):
    """Ports 0 and 1 agree on the source, 1 and 2 on source = destination, and 0 and 2 would need both."""
    body = (
        "if (device == 2) { touch_ip(ip->dst_addr, now); touch_ip_port(ip->src_addr, 0, now); }"
        "else { touch_ip(ip->src_addr, now); touch_ip_port(ip->src_addr, 0, now); }"
    )
    r = plan_of(tmp_path, body, ports=3)
    assert not r.plan.shardable and r.rules == {"R3"} and "ip_table.map" in r.named("sharded")


def test_a_field_and_its_complement_are_equal_in_no_bit(tmp_path):
    r = plan_of(tmp_path, "touch_ip(device == 0 ? ip->src_addr : ~ip->src_addr, now);")
    assert r.plan.shardable
    [between] = [c for c in r.plan.constraints if c.ports == (0, 1)]
    assert between.relation is not None and not between.equal


MIN_MAX = "uint32_t s = ports->src_port, d = ports->dst_port; touch_ip_port({}, {}, now);"


@pytest.mark.parametrize(
    ("low", "high"),
    [("s < d ? s : d", "s > d ? s : d"), ("s < d ? s : d", "s < d ? d : s"), ("s > d ? d : s", "d > s ? d : s")],
)
def test_sorted_keys(tmp_path, low, high):
    """RTE_MIN and RTE_MAX each name the same field where both have one value: then the other has it, too."""
    r = plan_of(tmp_path, FROM_LAN + MIN_MAX.format(low, high))
    assert r.plan.shardable, r.texts
    assert r.constraints == {
        (0, 0, same("src_port", "dst_port")),
        (0, 0, (("src_port", "dst_port"), ("dst_port", "src_port"))),
    }


def test_fields_that_may_differ_are_not_tied(tmp_path):
    """One of two fields alone is in the key, though they are compared."""
    r = plan_of(tmp_path, FROM_LAN + MIN_MAX.format("s <= d ? s : d", "0"))
    assert not r.plan.shardable and r.rules == {"R3"}


def test_a_port_that_meets_only_packets_with_equal_addresses_ties_no_others(tmp_path):
    """Port 1 stands between packets of port 0 from a host to itself, but not between those from one to another."""
    a, b = (FieldBits(name, 31, 0) for name in ("src_ip", "dst_ip"))
    own = Constraint((0, 0), ((a, a), (b, b)), (("udp4",), ("udp4",)), "R1", (0,), (1,))
    turned = Constraint((0, 1), ((a, b), (b, a)), (("udp4",), ("udp4",)), "R1", (1,), (2,))
    alike = replace(turned, equal=((a, b), (b, b)))
    assert [c.equal for c in subsume([own, turned])] == [turned.equal]
    assert {c.equal for c in subsume([own, alike])} == {own.equal, alike.equal}
