"""Constant keys that packets choose by their fields: the paths' conditions say which packets meet."""

from __future__ import annotations

from itertools import product

import pytest
from small_nfs import Result, plan_of, same

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, const, substitute, symbols
from maestro_tool.packet.fields import FIELDS
from maestro_tool.rss.relation import related

PORT = "if (ports == NULL || device != 0) return device; uint16_t p = rte_be_to_cpu_16(ports->dst_port);"
RANGES = PORT + "touch_ip(p < 1024 ? 0 : p < 8000 ? 1 : p / 1000, now);"


def meet(r: Result, **fields: tuple[int, int]) -> bool:
    """Whether packets with these fields, (of a, of b), must meet by some constraint."""
    values: dict[str, Expr] = {}
    for name, of_packets in fields.items():
        f = FIELDS[name]
        for side, value in zip("ab", of_packets, strict=True):
            for n, byte in enumerate(value.to_bytes(f.size, "big"), f.offset):
                values[f"{side}.pkt.{n}"] = const(byte, 8)
    formulas = [related(c) for c in r.plan.constraints]
    return any(substitute(e, {s: values[str(s.value)] for s in symbols(e)}) is TRUE for e in formulas)


def bucket(port: int) -> int:
    return 0 if port < 1024 else 1 if port < 8000 else port // 1000


def test_packets_of_one_range_meet_and_no_others(tmp_path):
    r = plan_of(tmp_path, RANGES)
    assert r.plan.shardable, r.texts
    assert len(r.plan.constraints) == 3  # none says that the constants meet what is computed: that is never they
    interesting = (0, 1023, 1024, 7999, 8000, 8999, 9000, 65000, 65535)
    for a, b in product(interesting, repeat=2):
        assert meet(r, dst_port=(a, b)) == (bucket(a) == bucket(b)), (a, b)


def test_keys_chosen_by_bits_of_an_address(tmp_path):
    r = plan_of(tmp_path, PORT + "touch_ip(ip->src_addr & rte_cpu_to_be_32(0x80000000) ? 2 : 3, now);")
    assert r.plan.shardable and {x.rule for x in r.plan.constraints} == {"R1"}
    assert meet(r, src_ip=(1, 2)) and meet(r, src_ip=(1 << 31, 3 << 30)) and not meet(r, src_ip=(1, 1 << 31))


def test_a_constant_that_another_key_may_equal(tmp_path):
    """Ports 80 and 256 (0x0100, little endian 1) have one key, and so has each other port with itself."""
    r = plan_of(tmp_path, PORT + "touch_ip(p == 80 ? 1 : ports->dst_port, now);")
    assert r.plan.shardable, r.texts
    assert meet(r, dst_port=(80, 80)) and meet(r, dst_port=(80, 256)) and meet(r, dst_port=(256, 80))
    assert meet(r, dst_port=(443, 443)) and not meet(r, dst_port=(80, 443)) and not meet(r, dst_port=(443, 442))


@pytest.mark.parametrize("key", ["0", "ip->next_proto_id == 6 ? 0 : 1", "packet_length < 100 ? 0 : 1"])
def test_constants_that_no_hashed_field_selects_are_r4(tmp_path, key):
    r = plan_of(tmp_path, PORT + f"(void)p; touch_ip({key}, now);")
    assert not r.plan.shardable and r.rules == {"R4"}
    assert "ip_table.map is keyed by a constant, whatever the packet's addresses and ports are" in r.texts
    assert {o.remedy for o in r.said} == {"let an IP address or a port name the entry, too"}


def test_fields_that_a_frame_may_not_have_select_nothing(tmp_path):
    """Bytes 36 and 37 of frames that are neither TCP nor UDP are no port, and no card hashes them."""
    body = "uint8_t *b = (uint8_t *)(ip + 1); if (packet_length < 60) return device; touch_ip(b[2] < 4 ? 0 : 1, now);"
    r = plan_of(tmp_path, "uint8_t *chunk = nf_borrow_next_chunk(buffer, 4); (void)chunk; " + body)
    assert not r.plan.shardable


def test_a_few_keys_do_not_spoil_what_others_part(tmp_path):
    flows = "touch_ip_port(ip->src_addr, ports->src_port, now);"
    r = plan_of(tmp_path, PORT + flows + "touch_ip(p < 1024 ? 0 : 1, now);")
    assert r.named("sharded") == {"ip_port_table.map", "ip_port_table.keys", "ip_port_table.chain"}
    assert r.constraints == {(0, 0, same("src_ip", "src_port"))} and r.rules == {"R4"}
    assert "ip_table.map is keyed by constants, of which dst_port selects one" in r.texts
    remedy = "beside the constant, put what names entries of ip_port_table.map into its key"
    assert {o.remedy for o in r.said} == {remedy}


def test_a_constant_that_is_only_looked_up_spoils_nothing(tmp_path):
    """Nobody puts the constant: the table is parted by what others put, beside a table with computed keys."""
    ask = "struct IpPort q = { 0, 0 }; int j; if (map_get(ip_port_table.map, &q, &j)) return device; (void)p;"
    flows = "touch_ip_port(ip->src_addr, 1, now); touch_ip(rte_be_to_cpu_32(ip->src_addr) * 3, now);"
    r = plan_of(tmp_path, PORT + ask + flows)
    assert r.plan.shardable and (0, 0, same("src_ip")) in r.constraints, r.texts


def test_a_key_with_a_constant_and_what_names_other_state(tmp_path):
    """As the remedy asks."""
    r = plan_of(tmp_path, PORT + "touch_ip(ip->src_addr, now); touch_ip_port(ip->src_addr, p < 1024 ? 0 : 1, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}


def test_what_is_no_field_beside_what_is(tmp_path):
    """The protocol is left out, which relates more packets."""
    r = plan_of(tmp_path, PORT + "touch_ip_port(p % 10, ip->next_proto_id, now);")
    assert r.plan.shardable, r.texts
    assert meet(r, dst_port=(1, 11)) and not meet(r, dst_port=(1, 12))


#: Whoever has no ports has one key.
WITHOUT = "touch_ip(ports == NULL ? {none} : {own}, now);"


@pytest.mark.parametrize("none", [0, 7])
def test_packets_without_ports_have_one_key(tmp_path, none):
    """They all meet, and meet those of others whose port is that number; both have the addresses of anybody."""
    r = plan_of(tmp_path, WITHOUT.format(none=none, own="ports->dst_port"), ports=1)
    assert r.plan.shardable, r.texts
    bare = [c for c in r.plan.constraints if c.relation is not None]
    tcp4, udp4, icmp = (substitute_bytes(23, n) for n in (6, 17, 1))
    assert any(relates(c, icmp, icmp) for c in bare) and not any(relates(c, tcp4, udp4) for c in bare)
    port = {34: 0, 35: 0, 36: none, 37: 0}
    assert any(relates(c, icmp, tcp4 | port) or relates(c, tcp4 | port, icmp) for c in bare)
    other = {**port, 37: 1}
    assert not any(relates(c, icmp, tcp4 | other) or relates(c, tcp4 | other, icmp) for c in bare)


def test_where_all_of_a_port_have_one_key_it_parts_nobody(tmp_path):
    r = plan_of(tmp_path, "touch_ip(device == 0 ? (ports == NULL ? 0 : ports->dst_port) : 0, now);")
    assert not r.plan.shardable and "R4" in r.rules


def substitute_bytes(at: int, value: int) -> dict[int, int]:
    """A frame of IPv4 with this byte; behind those that are named all are zeros."""
    return {12: 8, 13: 0, 14: 0x45, at: value}


def relates(c, *frames: dict[int, int]) -> bool:
    values = {}
    for s in symbols(c.relation):
        text = str(s.value)
        frame = frames["ab".index(text[0])]
        values[s] = const(60, s.width) if text.endswith("pkt_len") else const(frame.get(int(text[6:]), 0), 8)
    return substitute(c.relation, values) is TRUE
