"""R2 leaves out what other constraints imply, and nothing else: who meets with all constraints meets with those left."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from small_nfs import plan_of, same

from maestro_tool.packet.classes import ClassName
from maestro_tool.sharding.plan import Constraint, FieldBits
from maestro_tool.sharding.rules.subsumption import subsume

LOOK_UP = "k = (struct IpPort){{ ip->{}, ports->src_port }}; if (map_get(ip_port_table.map, &k, &i)) return device;"
PUT = """
  if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;
  vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; map_put(ip_port_table.map, s, i);
"""


def test_a_packet_of_another_port_does_not_stand_between_fields_that_are_swapped(tmp_path: Path) -> None:
    """On port 0, a packet to A finds what a packet from A put; port 1 only knows packets from A."""
    there, back = LOOK_UP.format("src_addr"), LOOK_UP.format("dst_addr")
    body = "if (ports == NULL) return device; struct IpPort k, *s; int i;"
    r = plan_of(tmp_path, f"{body} if (device) {{ {there} }} else {{ {there} {PUT} {back} }}")
    assert r.plan.shardable, r.texts
    swapped = (("src_ip", "dst_ip"), ("src_port", "src_port"))
    assert r.constraints == {(0, 0, swapped), (0, 1, same("src_ip", "src_port"))}


def test_a_packet_of_another_port_that_agrees_in_more_does_not_stand_between(tmp_path: Path) -> None:
    """Packets of one source meet on port 0, though those of port 1 only meet them if the port agrees, too."""
    body = "if (ports == NULL) return device; touch_ip_port(ip->src_addr, ports->src_port, now);"
    r = plan_of(tmp_path, body + "if (device == 0) touch_ip(ip->src_addr, now);")
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip")), (0, 1, same("src_ip", "src_port"))}


def test_not_each_packet_has_one_of_another_port_that_a_relation_ties_it_to(tmp_path: Path) -> None:
    """Six times the source of a packet on port 1 is never the odd source of a packet on port 0."""
    r = plan_of(
        tmp_path, "touch_ip(device ? rte_be_to_cpu_32(ip->src_addr) * 6 : rte_be_to_cpu_32(ip->src_addr), now);"
    )
    assert r.plan.shardable, r.texts
    assert (0, 0, same("src_ip")) in r.constraints


def test_packets_that_no_packet_of_another_port_is_tied_to(tmp_path: Path) -> None:
    """Port 1 meets TCP and UDP only, all IPv4 packets of port 0 meet among themselves."""
    body = "if (device == 0) touch_ip(ip->src_addr, now); if (ports == NULL) return device;"
    r = plan_of(tmp_path, body + "touch_ip_port(ip->src_addr, 0, now);")
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip")), (0, 1, same("src_ip"))}


def test_one_key_in_two_pieces_is_the_same_key(tmp_path: Path) -> None:
    body = "if (device) return 0; uint32_t a = rte_be_to_cpu_32(ip->src_addr); touch_ip(a, now);"
    r = plan_of(tmp_path, body + "touch_ip_port(a >> 16, (uint16_t)a, now);")
    assert r.plan.shardable and len(r.plan.constraints) == 1, r.plan.constraints


# --------------------------------------------------------------------------- constraints by themselves

SOURCE, DESTINATION = FieldBits("src_ip", 31, 0), FieldBits("dst_ip", 31, 0)
BETWEEN = Constraint((0, 1), ((SOURCE, SOURCE),), (("udp4",), ("udp4",)), "R1", (1,), (2,))


@pytest.mark.parametrize(
    ("classes", "implied"),
    [
        ((("udp4",), ("udp4",)), True),
        ((("tcp4", "udp4"), ("udp4",)), False),
        ((("udp4",), ("tcp4", "udp4")), False),
    ],
)
def test_both_packets_must_be_of_a_class_that_is_tied(
    classes: tuple[tuple[ClassName, ...], tuple[ClassName, ...]], implied: bool
) -> None:
    own = Constraint((0, 0), ((SOURCE, SOURCE),), classes, "R1", (0,), (1,))
    assert (own not in subsume([own, BETWEEN])) is implied


def test_ties_of_other_ports_say_nothing() -> None:
    own = Constraint((2, 2), BETWEEN.equal, BETWEEN.classes, "R1", (0,), (1,))
    assert set(subsume([own, BETWEEN])) == {own, BETWEEN}


def test_nobody_is_tied_to_who_has_one_field_in_two() -> None:
    """Packets of port 1 whose addresses differ meet none of port 0."""
    tie = replace(BETWEEN, equal=((SOURCE, SOURCE), (SOURCE, DESTINATION)))
    own = replace(BETWEEN, ports=(1, 1), equal=((SOURCE, SOURCE), (DESTINATION, DESTINATION)))
    assert set(subsume([own, tie])) == {own, tie}


# --------------------------------------------------------------------------- any constraints

PLACES = ("src_ip", "dst_ip", "src_port", "dst_port")
#: Packets: port and a bit of each field.
PACKETS = tuple(product((0, 1), *((0, 1),) * len(PLACES)))


def parts(constraints: list[Constraint]) -> set[frozenset[tuple[int, ...]]]:
    """The packets that meet, one with another."""
    parent = {p: p for p in PACKETS}

    def find(x: tuple[int, ...]) -> tuple[int, ...]:
        while parent[x] != x:
            x = parent[x]
        return x

    for c in constraints:
        pairs = [(PLACES.index(x.field), PLACES.index(y.field)) for x, y in c.equal]
        for a in (p for p in PACKETS if p[0] == c.ports[0]):
            for b in (p for p in PACKETS if p[0] == c.ports[1]):
                if all(a[1 + x] == b[1 + y] for x, y in pairs):
                    parent[find(a)] = find(b)
    found: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for p in PACKETS:
        found.setdefault(find(p), set()).add(p)
    return set(map(frozenset, found.values()))


def drawn(rng: Random) -> Constraint:
    bit = {name: FieldBits(name, 0, 0) for name in PLACES}  # type: ignore[arg-type]
    pairs = tuple((bit[rng.choice(PLACES)], bit[rng.choice(PLACES)]) for _ in range(rng.choice((1, 1, 2, 3))))
    ports, obj = rng.choice(((0, 0), (0, 1), (1, 1))), rng.randrange(5)
    return Constraint(ports, tuple(dict.fromkeys(pairs)), (("udp4",), ("udp4",)), "R1", (obj,), (obj,))


@pytest.mark.parametrize("seed", range(20))
def test_of_any_constraints_those_left_say_the_same(seed: int) -> None:
    rng = Random(seed)
    for _ in range(12):
        constraints = [drawn(rng) for _ in range(rng.randrange(1, 6))]
        kept = subsume(constraints)
        assert parts(kept) == parts(constraints)
        assert {o for c in kept for o in c.objects} == {o for c in constraints for o in c.objects}


@pytest.mark.parametrize(
    "body",
    [
        # One map of ports, which change sides with the device; one of flows on one port.
        "if (!ports) return device; touch_ip(device ? ports->dst_port : ports->src_port, now);"
        "if (device == 0) touch_ip_port(ip->src_addr, ports->src_port, now);",
        # One map that port 1 asks for either order.
        "if (!ports) return device; struct IpPort k = { ip->dst_addr, ports->src_port }, q = { ip->src_addr, ports->dst_port };"
        "int i; if (device == 0) touch_ip_port(ip->src_addr, ports->dst_port, now);"
        "else if (!map_get(ip_port_table.map, &k, &i) && !map_get(ip_port_table.map, &q, &i)) return device;",
    ],
)
def test_two_ties_that_imply_one_constraint_are_no_crash(tmp_path: Path, body: str) -> None:
    assert plan_of(tmp_path, body).constraints is not None
