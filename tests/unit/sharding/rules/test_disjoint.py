"""R3: what parts packets into fewest shared objects, and what is said where no field is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_nfs import plan_of, same

from maestro_tool.expr.nodes import eq, symbols
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.sharding.plan import Code, Constraint, FieldBits
from maestro_tool.sharding.rules.disjoint import choose


def by(field: str, obj: int) -> Constraint:
    bits = FieldBits(field, 31, 0)  # type: ignore[arg-type]
    return Constraint((0, 0), ((bits, bits),), (("udp4",), ("udp4",)), "R1", (obj,), (obj,))


def lost(n: int) -> set[int]:
    """Objects that are shared, of ``n`` of which all but the second agree."""
    constraints = [by("dst_ip" if obj == 1 else "src_ip", obj) for obj in range(n)]
    found = choose(constraints, {obj: frozenset((obj,)) for obj in range(n)})
    return {obj for o in found for obj in o.objects}


def tied(*pairs: tuple[str, str], ports: tuple[int, int] = (0, 0)) -> Constraint:
    """Packets in which these fields agree meet."""
    equal = tuple((FieldBits(x, 31, 0), FieldBits(y, 31, 0)) for x, y in pairs)  # type: ignore[arg-type]
    return Constraint(ports, equal, (("udp4",), ("udp4",)), "R1", (0,), (0,))


@pytest.mark.parametrize(
    ("constraints", "parted"),
    [
        # A field that two of the other packet equal is still there to part packets by.
        ([tied(("dst_ip", "dst_ip"), ("src_ip", "dst_ip"))], True),
        ([tied(("dst_ip", "dst_ip"), ("src_ip", "dst_ip")), tied(("dst_ip", "dst_ip"))], True),
        ([tied(("dst_ip", "dst_ip"), ("src_ip", "dst_ip")), tied(("src_ip", "src_ip"), ("dst_ip", "src_ip"))], False),
        ([tied(("src_ip", "dst_ip"))], False),
        ([tied(("src_ip", "dst_ip"), ("dst_ip", "src_ip"))], True),
        ([tied(("src_ip", "dst_ip"), ports=(0, 1))], True),
        ([tied(("src_ip", "dst_ip"), ports=(0, 1)), tied(("src_ip", "src_ip"), ports=(0, 1))], False),
    ],
)
def test_what_every_linear_function_must_ignore(constraints: list[Constraint], parted: bool) -> None:
    assert (choose(constraints, {0: frozenset((0,))}) == []) is parted


def test_packets_of_another_version_of_ip_are_parted_by_themselves() -> None:
    assert not choose([by("src_ip", 0), by("src_ip6", 1)], {n: frozenset((n,)) for n in range(2)})
    assert choose([by("src_ip", 0), by("src_ip6", 1), by("dst_ip6", 2)], {n: frozenset((n,)) for n in range(3)})


def test_what_is_computed_leaves_no_field_out() -> None:
    computed = replace(by("src_ip", 1), equal=(), relation=eq(packet_byte(30), packet_byte(31)))
    assert not choose([by("src_ip", 0), computed], {n: frozenset((n,)) for n in range(2)})


def test_no_more_is_named_than_has_nothing_in_common() -> None:
    """Of the three that are kept, one is in the way."""
    kept = [by("src_ip", 0), replace(by("src_ip", 1), ports=(1, 1)), by("src_ip6", 2)]
    [found] = choose([*kept, by("dst_ip", 3)], {n: frozenset((n,)) for n in range(4)})
    assert (found.objects, found.about) == ((3,), (0, 3))
    assert {f.name for f in found.fields} == {"src_ip", "dst_ip"} and len(found.constraints) == 2


def test_of_a_dozen_groups_as_many_as_can_be_are_kept() -> None:
    assert lost(12) == {1}


def test_of_more_groups_not_all_ways_are_tried() -> None:
    """There are too many: those before the first conflict are kept."""
    assert lost(13) == set(range(1, 13))


def test_two_parts_of_one_field_are_nothing_in_common(tmp_path: Path) -> None:
    parts = "touch_ip(ip->src_addr & rte_cpu_to_be_32(0xFF00), now); touch_ip_port(ip->src_addr & rte_cpu_to_be_32(0xFF0000), 0, now);"
    r = plan_of(tmp_path, "if (device != 0) return device;" + parts)
    assert r.rules == {"R3"} and r.constraints == {(0, 0, same("src_ip[15:8]"))}


BRIDGE = """
  struct IpPort k, *s; int i;
  uint32_t source, destination;
  memcpy(&source, &ether->src_addr, 4);
  memcpy(&destination, &ether->dst_addr, 4);
  k = (struct IpPort){ .addr = source, .port = ip->next_proto_id };
  if (map_get(ip_port_table.map, &k, &i)) return 1;
  if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;
  vector_borrow(ip_port_table.keys, i, (void **)&s);
  *s = k;
  map_put(ip_port_table.map, s, i);
  k.addr = destination;
  if (map_get(ip_port_table.map, &k, &i)) return 1;
"""
OTHER_PROTOCOL = "k.addr = source; k.port = ip->time_to_live; if (map_get(ip_port_table.map, &k, &i)) return 1;"


def test_keys_that_no_card_hashes_are_r3_if_hashing_them_were_no_help(tmp_path: Path) -> None:
    """It is said where source and destination must agree, not where the put itself looks its key up."""
    r = plan_of(tmp_path, "if (device != 0) return device;" + BRIDGE)
    assert r.rules == {"R4"}  # a card that hashed the protocol would do
    r = plan_of(tmp_path, "if (device != 0) return device;" + BRIDGE + OTHER_PROTOCOL)
    [found] = [o for o in r.plan.obstacles if o.code is Code.KEYS_DISJOINT]
    asked = {
        e.loc for p in r.analysis.paths for e in p.events if any(packet_byte(0) in symbols(k) for k in e.key or ())
    }
    put = {e.loc for p in r.analysis.paths for e in p.events if e.op.name == "map_put"}
    assert {*found.locs} == put | asked and {f.name for f in found.fields} == {"src_mac", "dst_mac", "protocol"}
