"""From our NFs' C sources to keys: the plans are the expected ones, and z3 proves the keys for all packets."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from maestro_tool import nf, rss, sharding, symex
from maestro_tool.frontend import load_program
from maestro_tool.nic import load_profile
from maestro_tool.rss import prove
from maestro_tool.sharding.facts.bits import show_field
from maestro_tool.sharding.plan import ShardingPlan
from maestro_tool.symex import Analysis, Limits

ROOT = Path(__file__).resolve().parents[2]
LAN, WAN = 0, 1

#: NF -> constraints: (port a, port b, pairs of equal fields).
EXPECTED = {
    "nop": set(),
    "fw": {
        (LAN, WAN, frozenset({("src_ip", "dst_ip"), ("dst_ip", "src_ip"), ("src_port", "dst_port"), ("dst_port", "src_port")}))
    },
    "pol": {(WAN, WAN, frozenset({("dst_ip", "dst_ip")}))},
    "sbridge": set(),
    "nat": {(LAN, WAN, frozenset({("dst_ip", "src_ip"), ("dst_port", "src_port")}))},
    "psd": {(WAN, WAN, frozenset({("src_ip", "src_ip")}))},
    "cl": {(WAN, WAN, frozenset({("src_ip", "src_ip"), ("dst_ip", "dst_ip")}))},
    "hhh": {(WAN, WAN, frozenset({("src_ip[31:4]", "src_ip[31:4]")}))},
}  # fmt: skip

#: The rule that decided, and the relaxations that the plan uses.
DECIDED = {
    "fw": ({"R1"}, {"capacity-split"}),
    "pol": ({"R1"}, {"capacity-split"}),
    "nat": ({"R5"}, {"capacity-split", "index-choice"}),
    "psd": ({"R2"}, {"capacity-split", "index-choice"}),
    "cl": ({"R2"}, {"capacity-split", "sketch-collisions"}),
    "hhh": ({"R2"}, {"capacity-split"}),
}


@cache
def analysis_of(name: str, arguments: tuple[str, ...] = ()) -> Analysis:
    sources = nf.load(ROOT / "nfs" / name).sources
    return symex.analyse(load_program(list(sources), [], []), arguments, 2, Limits())


def plan_of(name: str, arguments: tuple[str, ...] = ()) -> ShardingPlan:
    return sharding.derive_plan(analysis_of(name, arguments))


def constraints(plan: ShardingPlan):
    return {(*c.ports, frozenset((show_field(a), show_field(b)) for a, b in c.equal)) for c in plan.constraints}


@pytest.mark.quick
@pytest.mark.parametrize("name", EXPECTED)
def test_expected_constraints(name):
    plan = plan_of(name)
    assert plan.shardable, plan.obstacles
    assert constraints(plan) == EXPECTED[name]


@pytest.mark.parametrize("name", DECIDED)
def test_rules_and_relaxations(name):
    plan = plan_of(name)
    assert ({c.rule for c in plan.constraints}, {r.kind for r in plan.relaxations}) == DECIDED[name]
    ranged = {d.object for d in plan.decisions if d.ranged}
    assert ranged == {r.object for r in plan.relaxations if r.kind == "index-choice"}


def test_where_a_chosen_port_shows():
    """Behind the NAT nobody sees it, outside it is the source port; a detector shows no index to anybody."""
    [nat, psd] = [[r.ranged.shown for r in plan_of(n).relaxations if r.ranged is not None] for n in ("nat", "psd")]
    assert nat == [((WAN, ("src_port", "udp_checksum", "tcp_checksum")),)] and psd == [()]


def treatments(name: str) -> dict[str, str]:
    analysis = analysis_of(name)
    return {analysis.objects[d.object].name: d.treatment for d in plan_of(name).decisions}


def test_static_bridge_has_nothing_to_shard():
    assert set(treatments("sbridge").values()) == {"read-only"}


def test_learning_bridge_is_not_shardable():
    """Learning the source while looking up the destination is R3, whoever hashes MAC addresses."""
    plan = plan_of("bridge")
    assert not plan.shardable and {o.rule for o in plan.obstacles} == {"R3"}
    assert set(treatments("bridge").values()) == {"shared"}


def test_load_balancer_shares_its_backends_only():
    plan = plan_of("lb")
    assert not plan.shardable and {o.rule for o in plan.obstacles} == {"R4"}
    found = treatments("lb")
    assert {name for name, t in found.items() if t == "shared"} == {
        "state->backends", "state->backend_addresses", "state->backend_ages"
    }  # fmt: skip
    assert {name for name, t in found.items() if t == "sharded"} == {
        "state->flows", "state->flow_ids", "state->flow_backends", "state->flow_ages"
    }  # fmt: skip
    fields = ("src_ip", "dst_ip", "src_port", "dst_port")
    assert constraints(plan) == {(WAN, WAN, frozenset((f, f) for f in fields))}


def test_prefix_lengths_are_pinned():
    """They shape the keys: other lengths are another plan."""
    [(_, _, pairs)] = constraints(plan_of("hhh", ("--prefixes", "16,24")))
    assert pairs == {("src_ip[31:16]", "src_ip[31:16]")}
    assert any(p.place.startswith("config.masks") for p in analysis_of("hhh").pinned)


def test_other_arguments_other_ports():
    """--wan 0 turns the firewall around; the port is pinned, time-outs and sizes are not."""
    plan = plan_of("fw", ("--wan", "0"))
    [(a, b, pairs)] = constraints(plan)
    assert (a, b) == (LAN, WAN) and ("src_ip", "dst_ip") in pairs
    pinned = {p.place: p.value for p in analysis_of("fw", ("--wan", "0")).pinned}
    assert pinned["config.wan_device"] == 0
    assert not any("timeout" in place or "max" in place for place in pinned)
    assert constraints(plan_of("fw", ("--expire", "5", "--max-flows", "64"))) == EXPECTED["fw"]


@pytest.mark.parametrize("name", sorted(folder.name for folder in (ROOT / "nfs").iterdir()))
def test_keys_hold_for_all_packets_on_every_card(name):
    """z3 proves the solution of each NF for each profile; profiles that make the same problem have the same one."""
    plan = plan_of(name)
    profiles = [load_profile(path) for path in sorted((ROOT / "configs").glob("*.yaml"))]
    problems = {p.digest: p for p in (rss.problem(plan.constraints, card, 2) for card in profiles)}
    for task in problems.values():
        solution = rss.solve_problem(task)
        assert solution.satisfiable
        assert all(prove.holds(c, solution) for c in plan.constraints)


@pytest.mark.parametrize(
    ("name", "most", "kinds"),
    [(n, 1.10, ("uniform", "/16", "/24")) for n in ("pol", "psd", "nat", "hhh")]
    + [("fw", 1.05, ("uniform", "/16", "/24", "ports"))],
)
def test_balance_on_16_cores_with_a_table_of_512(name, most, kinds):
    """max/mean load, on all ports that the plan constrains."""
    plan = plan_of(name)
    solution = rss.solve(plan.constraints, load_profile(ROOT / "configs" / "e810.yaml"), 2)
    constrained = {port for c in plan.constraints for port in c.ports}
    assert constrained
    for port in (solution.ports[n] for n in constrained):
        reached = {traffic: ratio for traffic, workers, ratio in port.balance if workers == 16}
        assert port.table_size == 512
        assert all(reached[kind] <= most for kind in kinds), reached


@pytest.mark.parametrize("name", ["fw", "pol"])
def test_a_key_with_one_wrong_bit_is_refuted(name):
    """The proof is one that can fail: flip the first key bit that the constrained fields meet."""
    from dataclasses import replace

    plan = plan_of(name)
    solution = rss.solve(plan.constraints, load_profile(ROOT / "configs" / "e810.yaml"), 2)
    port = plan.constraints[0].ports[1]
    wrong = bytearray(solution.ports[port].key)
    wrong[4] ^= 0x01  # key bit 39: meets the source address at the lowest index bits
    ports = tuple(replace(p, key=bytes(wrong)) if p.port == port else p for p in solution.ports)
    assert not all(prove.holds(c, replace(solution, ports=ports)) for c in plan.constraints)


def test_what_the_nic_does_not_hash_is_steered_in_software():
    """E810 does not hash fragments at port level, and takes ports after IP options from elsewhere than fw does."""
    plan = plan_of("fw")
    solution = rss.solve(plan.constraints, load_profile(ROOT / "configs" / "e810.yaml"), 2)
    for port in solution.ports:
        steering = dict(port.steering)
        assert steering["tcp4"] == steering["udp4"] == "nic"
        assert steering["ipv4_fragment"] == steering["tcp4_options"] == "software"
        assert steering["tcp6"] == steering["non_ip"] == "any"
