"""Constraints are told in header fields and C, whatever the solver makes of them."""

from __future__ import annotations

import pytest
from small_nfs import plan_of

from maestro_tool.expr.symbols import packet_byte
from maestro_tool.sharding.outcome.constraint_words import expression, sentence

FROM_LAN = "if (ports == NULL || device != 0) return device;"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("ip->src_addr ^ ip->dst_addr", "port 0: equal (src_ip ^ dst_ip)"),
        ("rte_be_to_cpu_16(ports->src_port) + 3", "port 0: equal (src_port + 3)"),
        ("ports->src_port + 3", "port 0: equal (htons(src_port) + 3)"),
        ("rte_be_to_cpu_16(ports->src_port) % 10", "port 0: equal (src_port % 10)"),
        ("(rte_be_to_cpu_32(ip->src_addr) ^ rte_be_to_cpu_32(ip->dst_addr)) >> 8", "port 0: equal ((src_ip >> 8) ^ (dst_ip >> 8))"),
        ("rte_be_to_cpu_32(ip->src_addr) & 0xFFFFFF00", "port 0: equal (src_ip/24)"),
        ("rte_be_to_cpu_32(ip->src_addr) & 0x0000FF00", "port 0: equal (src_ip >> 8 & 0xff)"),
    ],
)  # fmt: skip
def test_what_one_port_agrees_in(tmp_path, key, said):
    [c] = plan_of(tmp_path, FROM_LAN + f"touch_ip({key}, now);").plan.constraints
    assert sentence(c) == said
    assert (c.relation is None) == (expression(c) is None)


def test_two_ports_and_the_expression(tmp_path):
    body = (
        "if (ports == NULL) return device;"
        "touch_ip(device == 0 ? ip->src_addr - ip->dst_addr : ip->dst_addr - ip->src_addr, now);"
    )
    by_ports = {c.ports: c for c in plan_of(tmp_path, body).plan.constraints}
    assert sentence(by_ports[0, 1]) == "port 0 (htonl(src_ip) - htonl(dst_ip)) = port 1 (htonl(dst_ip) - htonl(src_ip))"
    assert expression(by_ports[0, 1]) == "htonl(a.src_ip) - htonl(a.dst_ip) == htonl(b.dst_ip) - htonl(b.src_ip)"


def test_a_relation_that_is_no_equality_of_sides(tmp_path):
    """Packets that have something equal among themselves are not parted into sides."""
    from dataclasses import replace

    from maestro_tool.expr.nodes import eq, lnot, lor

    [c] = plan_of(tmp_path, FROM_LAN + "touch_ip(ip->src_addr ^ ip->dst_addr, now);").plan.constraints
    assert c.relation is not None
    other = replace(c, relation=lor(c.relation, lnot(eq(packet_byte(26, "a"), packet_byte(30, "b")))))
    assert sentence(other) == (
        "packets a on port 0 and b on port 0: ((a.src_ip ^ a.dst_ip) == (b.src_ip ^ b.dst_ip)) || "
        "(a.src_ip >> 24 != b.dst_ip >> 24)"
    )


def test_prefixes_in_conflicts(tmp_path):
    body = (
        "if (ports == NULL || device != 0) return device;"
        "touch_ip(rte_be_to_cpu_32(ip->src_addr) >> 8, now); touch_ip_port(ip->dst_addr, ports->dst_port, now);"
    )
    r = plan_of(tmp_path, body)
    [said] = [said for said, o in zip(r.said, r.plan.obstacles, strict=True) if o.rule == "R3"]
    assert "(src_ip/24) = port 0 (src_ip/24)" in said.text
