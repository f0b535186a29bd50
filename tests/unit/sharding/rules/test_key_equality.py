"""R1: which fields of packets that name one entry are equal, and that the frames have those fields."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_frames import INSIDE, RAW
from small_nfs import plan_of, question_of

from maestro_tool.sharding.facts.bits import show_field
from maestro_tool.sharding.plan import Code, Constraint
from maestro_tool.sharding.rules.key_equality import Side, key_equality

#: What lies at the ports of frames that may be anything over IPv4.
UNCHECKED = "uint8_t *chunk = nf_borrow_next_chunk(buffer, 4); struct tcpudp_hdr *p = (struct tcpudp_hdr *)chunk;"


@pytest.mark.parametrize("named", ["src_port", "dst_port"])
def test_fields_that_a_packet_must_have_equal_name_each_other(tmp_path: Path, named: str) -> None:
    """Either port says what the other is, and nothing about the address."""
    body = "if (ports == NULL || device != 0 || ports->src_port != ports->dst_port) return device;"
    r = plan_of(tmp_path, body + f"touch_ip_port(ip->src_addr, ports->{named}, now);")
    assert r.plan.shardable, r.texts
    [c] = r.plan.constraints
    of_ports = {(a, b) for a in ("src_port", "dst_port") for b in ("src_port", "dst_port")}
    assert {(show_field(a), show_field(b)) for a, b in c.equal} == of_ports | {("src_ip", "src_ip")}


@pytest.mark.parametrize("key", ["p->dst_port * 3", "(p->dst_port & 0xFF) * 3"])
def test_what_a_computed_key_reads_are_ports_only_in_frames_that_have_them(tmp_path: Path, key: str) -> None:
    """Cards hash no ports of other frames: equal keys would not meet."""
    r = plan_of(tmp_path, f"if (device != 0 || packet_length < 60) return device; {UNCHECKED} touch_ip({key}, now);")
    assert not r.plan.shardable and "not TCP or UDP" in r.texts, r.texts


def test_what_a_computed_key_reads_of_the_other_packet_asks_nothing_of_this_one(tmp_path: Path) -> None:
    """All IPv4 packets of port 0 have addresses, those of port 1 that come there have ports."""
    there = "touch_ip(rte_be_to_cpu_32(ip->src_addr) * 3, now);"
    back = "if (ports == NULL) return device; touch_ip((ports->src_port + 65536u * ports->dst_port) * 3, now);"
    r = plan_of(tmp_path, f"if (device == 0) {{ {there} }} else {{ {back} }}")
    assert r.plan.shardable and {c.ports for c in r.plan.constraints} == {(0, 0), (0, 1), (1, 1)}, r.texts
    assert all(c.relation is not None for c in r.plan.constraints)


def test_a_constant_that_is_only_looked_up_may_be_a_computed_key(tmp_path: Path) -> None:
    constant = "struct Ip k = { 7 }; int i; if (map_get(ip_table.map, &k, &i)) return device;"
    r = plan_of(tmp_path, f"if (device == 0) {{ {constant} }} else touch_ip(rte_be_to_cpu_32(ip->src_addr) * 3, now);")
    assert r.plan.shardable and {c.ports for c in r.plan.constraints} == {(0, 1), (1, 1)}, r.texts


def test_a_computed_key_says_nothing_of_packets_that_ask_by_the_time(tmp_path: Path) -> None:
    asked = "struct Ip k = { (uint32_t)now }; int i; if (map_get(ip_table.map, &k, &i)) return device;"
    r = plan_of(tmp_path, f"if (device) {{ {asked} }} else touch_ip(rte_be_to_cpu_32(ip->src_addr) * 3, now);")
    assert {o.code for o in r.plan.obstacles} == {Code.KEY_NOT_HASHED}, r.texts


def test_the_constraint_is_the_same_whichever_side_is_named_first(tmp_path: Path) -> None:
    asked = "struct Ip k = { ip->dst_addr }; int i; if (map_get(ip_table.map, &k, &i)) return device;"
    q = question_of(tmp_path, f"if (device) {{ {asked} }} else touch_ip(ip->src_addr, now);")
    sides = {
        a.port: Side(q.scope.analysis.paths[a.path], a.name, q.reach.classes([a.path]), 0, 4)
        for a in q.scope.touched
        if a.how == "key"
    }
    found = key_equality(7, sides[1], sides[0])
    assert found == key_equality(7, sides[0], sides[1])
    assert isinstance(found, Constraint) and [(show_field(a), show_field(b)) for a, b in found.equal] == [
        ("src_ip", "dst_ip")
    ]


@pytest.mark.parametrize(("ipv4", "ports"), [("", False), ("&& p[12] == 8 && p[13] == 0", True)])
def test_it_is_said_what_frames_lack(tmp_path: Path, ipv4: str, ports: bool) -> None:
    at = 34 if ports else 26
    computed = f"{{ memcpy(&word, p + {at}, 4); touch_ip(word * 3, now); }}"
    r = plan_of(tmp_path, f"{INSIDE} if (packet_length >= 60 {ipv4}) {computed}", prelude=RAW)
    assert {(o.code, o.number) for o in r.plan.obstacles} == {(Code.OUTSIDE_VIEW, 4)}
    assert ("TCP or UDP over IPv4" in r.texts) == ports


def test_a_key_computed_of_all_that_cards_hash(tmp_path: Path) -> None:
    key = "ip->src_addr + ip->dst_addr * 3 + ports->src_port * 5u + ports->dst_port * 7u"
    r = plan_of(tmp_path, f"if (ports == NULL || device != 0) return device; touch_ip({key}, now);")
    assert r.plan.shardable and [c.relation is not None for c in r.plan.constraints] == [True], r.texts
