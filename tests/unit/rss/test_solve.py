"""Known NFs on known NICs: keys that are right for all packets (z3), spread traffic, and honest refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from rss_cases import (
    CASES,
    CONFIGS,
    FW,
    L3,
    NAT,
    NOP,
    POL,
    SAME,
    SWAPPED,
    SYMMETRIC,
    bits,
    equal,
    equal_xor,
    ordered_pairs,
    profile,
    related,
)

from maestro_tool import forms
from maestro_tool.expr.nodes import boolean
from maestro_tool.packet.fields import HASHABLE, HASHABLE6
from maestro_tool.rss import RssSolution, problem, prove, solve, solve_problem, verify
from maestro_tool.rss.problem import capability
from maestro_tool.rss.solution import ports_json
from maestro_tool.rss.steering import layout, views
from maestro_tool.sharding.plan import Constraint, FieldBits
from tests.yardstick import cpu_seconds

NICS = ("e810", "soft")
ALL = sorted(p.stem for p in CONFIGS.glob("*.yaml"))


def balance(solution: RssSolution, port: int, traffic: str, workers: int = 16) -> float:
    return {(t, w): r for t, w, r in solution.ports[port].balance}[traffic, workers]


def balance6(solution: RssSolution, port: int, traffic: str, workers: int = 16) -> float:
    return {(t, w): r for t, w, r in solution.ports[port].balance6}[traffic, workers]


def distinct_cards() -> list[str]:
    """One profile of each that differ in what a solution depends on."""
    return list({capability(profile(name)): name for name in reversed(ALL)}.values())


@pytest.mark.parametrize("nic", distinct_cards())
@pytest.mark.parametrize("case", CASES)
def test_z3_proves_the_keys_for_all_packets(case: str, nic: str) -> None:
    constraints = CASES[case]
    task = problem(constraints, profile(nic), 2)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    assert all(prove.holds(c, solution) for c in constraints)


@pytest.mark.parametrize("nic", [n for n in ALL if n not in NICS])
@pytest.mark.parametrize("case", ("fw", "pol"))
def test_every_profile_gets_checked_keys_that_spread(case: str, nic: str) -> None:
    task = problem(CASES[case], profile(nic), 2)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    assert balance(solution, 1, "uniform") <= 1.05 and balance(solution, 1, "/16") <= 1.10
    assert len(solution.ports[0].key) == profile(nic).rss.key_length


def test_what_may_refuse_its_key_is_steered_by_software() -> None:
    port = solve(FW, profile("ena"), 2).ports[0]
    assert port.rss_hf == () and dict(port.steering)["tcp4"] == "software"


def test_vmxnet3_takes_its_key_with_length_zero() -> None:
    port = solve(FW, profile("vmxnet3"), 2).ports[0]
    assert (len(port.key), port.key_length_passed) == (40, 0)


# --------------------------------------------------------------------------- sizes of keys and tables


@pytest.mark.parametrize("key_length", (40, 48, 52))
@pytest.mark.parametrize("size", (64, 128, 256, 512, 1024, 2048))
def test_keys_and_tables_of_any_size(size: int, key_length: int) -> None:
    card = profile("82599")
    tables = card.rss.tables.model_copy(update={"default": size, "choices": (size,)})
    card = card.model_copy(update={"rss": card.rss.model_copy(update={"key_length": key_length, "tables": tables})})
    for constraints, port in ((FW, 0), (POL, 1)):
        task = problem(constraints, card, 2)
        solution = solve_problem(task)
        p = solution.ports[port]
        assert (len(p.key), p.table_size, solution.agreeing_bits) == (key_length, size, size.bit_length() - 1)
        assert not verify.check(task, solution)
        assert balance(solution, port, "uniform") <= 1.10 and balance(solution, port, "/16") <= 1.10


def test_cards_with_tables_of_different_sizes_agree_on_the_smaller() -> None:
    task = problem(FW, (profile("x710"), profile("82599")), 2)
    solution = solve_problem(task)
    assert [p.table_size for p in solution.ports] == [128, 128] and [len(p.key) for p in solution.ports] == [52, 40]
    assert not verify.check(task, solution) and all(prove.holds(c, solution) for c in FW)
    too_large = replace(solution, ports=tuple(replace(p, table_size=512) for p in solution.ports))
    assert verify.check(task, too_large)


@pytest.mark.parametrize("bit", range(10, 15))
def test_a_bit_that_ordinary_traffic_does_not_vary_decides_all_the_same(bit: int) -> None:
    """Clients' ports differ in their low bits as a rule; a key that nothing else asks for must not be zero."""
    one = bits("src_port", bit, bit)
    solution = solve((Constraint((0, 0), ((one, one),), (("tcp4",), ("tcp4",)), "R1", (), ()),), profile("e810"), 1)
    assert dict(solution.ports[0].field_ranks)["src_port"] == 1


@pytest.mark.parametrize("width", (1, 2, 5, 8))
def test_a_smaller_table_where_no_other_will_do(width: int) -> None:
    """A few bits inside a field: a column of more index bits would reach into neighbours that must not matter."""
    inside = bits("src_ip", 19 + width, 20)
    constraint = Constraint((0, 0), ((inside, inside),), (L3, L3), "R1", (), ())
    task = problem((constraint,), profile("e810"), 1)
    solution = solve_problem(task)
    assert solution.satisfiable and solution.ports[0].table_size == 2**width
    assert f"at most {2**width} workers" in " ".join(solution.notes)
    assert dict(solution.ports[0].field_ranks)["src_ip"] == width
    assert not verify.check(task, solution) and prove.holds(constraint, solution)


# --------------------------------------------------------------------------- IPv6


IP6 = ("src_ip6", "dst_ip6", "src_port6", "dst_port6")


def equal6(a: int, b: int, *pairs: tuple[str, str]) -> Constraint:
    classes = ("tcp6", "udp6")
    width = {n: 127 if "ip6" in n else 15 for n in IP6}
    named = tuple((FieldBits(x, width[x], 0), FieldBits(y, width[y], 0)) for x, y in pairs)
    return Constraint((a, b), named, (classes, classes), "R1", (0,), (1,))


@pytest.mark.parametrize("nic", ("e810", "82599", "connectx"))
def test_ipv4_and_ipv6_under_one_key(nic: str) -> None:
    swapped = tuple(zip(IP6, (IP6[1], IP6[0], IP6[3], IP6[2]), strict=True))
    constraints = (*FW, equal6(0, 0, *((n, n) for n in IP6)), equal6(0, 1, *swapped))
    task = problem(constraints, profile(nic), 2)
    solution = solve_problem(task)
    assert {dict(p.steering)["tcp6"] for p in solution.ports} == {"nic"}
    assert not verify.check(task, solution) and all(prove.holds(c, solution) for c in constraints)
    assert balance(solution, 0, "uniform") <= 1.05
    assert all(balance6(solution, 0, traffic) <= 1.05 for traffic in ("uniform", "/48", "/64", "/112", "ports"))
    broken = with_flipped_bit(solution, 0, 200)  # beyond what IPv4 hashes
    assert not all(prove.holds(c, broken) for c in constraints) and verify.check(task, broken)


def test_ipv4_addresses_inside_of_ipv6() -> None:
    """Of IPv6 addresses only what counts is hashed, in the order of IPv4: all of them would leave the key nothing."""
    low = FieldBits("src_ip6", 31, 0), FieldBits("dst_ip6", 31, 0)
    own = FieldBits("src_ip", 31, 0), FieldBits("dst_ip", 31, 0)
    classes = ("tcp4", "udp4", "ipv4_fragment", "malformed"), ("tcp6", "udp6", "malformed")
    both = Constraint((0, 0), tuple(zip(own, low, strict=True)), classes, "R1", (0,), (1,))
    swapped = Constraint((0, 1), tuple(zip(own, low[::-1], strict=True)), classes, "R1", (0,), (1,))
    task = problem((both, swapped), profile("soft"), 2)
    solution = solve_problem(task)
    assert not verify.check(task, solution) and all(prove.holds(c, solution) for c in (both, swapped))
    assert dict(solution.ports[0].software)["l4v6"] == ("frame[34..37]", "frame[50..53]")
    assert dict(solution.ports[1].software)["l3v6"] == ("frame[34..37]", "frame[50..53]")
    assert balance(solution, 0, "uniform") <= 1.05 and balance6(solution, 0, "uniform") <= 1.05
    port = solution.ports[0]
    for wrong in (("frame[34..38]",), ("frame[60]",), ("frame[34..37]", "src_port6"), ("frame[34..37]", "frame[34]")):
        software = tuple((v, wrong if v == "l3v6" else fields) for v, fields in port.software)
        assert verify.check(task, replace(solution, ports=(replace(port, software=software), *solution.ports[1:])))


@pytest.mark.parametrize("nic", ("e810", "82599", "soft", "virtio-norss"))
def test_ipv6_alone_and_prefixes_of_it(nic: str) -> None:
    """Packets from one /64 meet; software hashes what the card cannot."""
    prefix = FieldBits("src_ip6", 127, 64)
    classes = ("tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment", "malformed")
    constraint = Constraint((0, 0), ((prefix, prefix),), (classes, classes), "R2", (0,), (1,))
    task = problem((constraint,), profile(nic), 1)
    solution = solve_problem(task)
    [port] = solution.ports
    steering = dict(port.steering)
    assert steering["tcp6"] == ("nic" if nic in ("e810", "82599") else "software")
    # A card may hash what is behind extension headers, or find no header where lengths contradict each other.
    assert {steering[c] for c in ("ipv6_other", "ipv6_fragment", "malformed")} == {"software"}
    assert not verify.check(task, solution) and prove.holds(constraint, solution)
    assert balance6(solution, 0, "uniform") <= 1.10 and balance6(solution, 0, "/48") <= 1.10
    assert balance6(solution, 0, "/64") == 16.0
    broken = with_flipped_bit(solution, 0, 100)
    assert not prove.holds(constraint, broken) and verify.check(task, broken)
    assert forms.read(RssSolution, forms.write(solution)) == solution


def test_a_class_that_is_not_reliable_is_steered_in_software() -> None:
    """QEMU's igb hashes TCP over IPv6 otherwise than the card that it emulates."""
    constraint = equal6(0, 0, *((n, n) for n in IP6))
    task = problem((constraint,), profile("82576"), 1)
    solution = solve_problem(task)
    steering = dict(solution.ports[0].steering)
    assert (steering["tcp6"], steering["udp6"]) == ("software", "nic")
    assert not verify.check(task, solution) and prove.holds(constraint, solution)
    by_nic = replace(
        solution.ports[0], steering=tuple((c, "nic" if c == "tcp6" else s) for c, s in solution.ports[0].steering)
    )
    assert verify.check(task, replace(solution, ports=(by_nic,)))
    doubts = problem(FW, profile("82576"), 2).ports[0].unreliable
    assert doubts == ()  # of no interest to what is about IPv4


def test_a_short_key_hashes_fewer_fields() -> None:
    task = problem((equal6(0, 0, ("dst_ip6", "dst_ip6")),), profile("soft"), 1)
    for length, hashed in ((40, HASHABLE6), (39, HASHABLE6[:3]), (36, HASHABLE6[:2]), (20, ("dst_ip6",))):
        ports = (replace(task.ports[0], key_length=length, key_length_passed=length),)
        short = replace(task, ports=ports)
        assert dict(layout(short, 0, None).inputs)["l4v6"] == (hashed if length > 20 else HASHABLE6[:1])
        solution = solve_problem(short)
        assert solution.satisfiable and "dst_ip6" in dict(solution.ports[0].software)["l4v6"]
        assert prove.holds(short.constraints[0], solution)


def test_set_ups_with_fewer_fields_are_used_where_they_are_better() -> None:
    """One key for dst_ip and dst_ip6: where all fields are hashed, the IPv4 address stands where src_ip6 must not count."""
    constraints = (POL[0], equal6(1, 1, ("dst_ip6", "dst_ip6")))
    # Where the card has no such set-up it hashes IPv4, and software IPv6.
    task = problem(constraints, profile("82599"), 2)
    mixed = solve_problem(task)
    steering = dict(mixed.ports[1].steering)
    assert (steering["tcp4"], steering["tcp6"], mixed.ports[1].setup) == ("nic", "software", "default")
    assert not verify.check(task, mixed) and all(prove.holds(c, mixed) for c in constraints)
    assert balance(mixed, 1, "uniform") <= 1.05 and balance6(mixed, 1, "uniform") <= 1.05
    for nic in ("connectx", "e810", "x710"):
        solution = solve(constraints, profile(nic), 2)
        port = solution.ports[1]
        assert port.setup in ("dst_ip", "dst_ip-dst_port")
        types = dict(port.rules).get("tcp4", port.rss_hf)  # by rte_flow where the port itself cannot
        assert "RTE_ETH_RSS_L3_DST_ONLY" in types and bool(port.rules) == (nic != "connectx")
        assert balance(solution, 1, "uniform") <= 1.10 and balance(solution, 1, "/24") <= 1.10
        assert all(prove.holds(c, solution) for c in constraints)
        assert solve(POL, profile(nic), 2).ports[1].setup == "default"  # as good, and needs no other flags


@pytest.mark.parametrize(("case", "setups"), [("pol", ["default", "dst_ip"]), ("psd", ["src_ip", "default"]),
                                              ("nat", ["dst_ip-dst_port", "src_ip-src_port"])])  # fmt: skip
@pytest.mark.parametrize("nic", ("connectx", "cnxk", "hns3"))
def test_whole_hashes_that_agree_need_fewer_fields(case: str, setups: list[str], nic: str) -> None:
    task = problem(CASES[case], profile(nic), 2, full_hash=True)
    solution = solve_problem(task)
    assert [p.setup for p in solution.ports] == setups and solution.agreeing_bits == 32
    assert not verify.check(task, solution) and all(prove.holds(c, solution) for c in CASES[case])
    assert balance(solution, 1, "/24") <= 1.10


def test_keys_are_right_wherever_a_driver_puts_the_fields() -> None:
    """A key for dst_ip alone, at the start of the input, is not one for dst_ip behind zeros."""
    task = problem(POL, profile("connectx"), 2, full_hash=True)
    solution = solve_problem(task)
    p = solution.ports[1]
    assert p.padded and int.from_bytes(p.key[:7], "big") == int.from_bytes(p.key[4:11], "big")
    broken = with_flipped_bit(solution, 1, 70)
    assert verify.check(task, broken) and not prove.holds(POL[0], broken)


@pytest.mark.parametrize("nic", NICS)
def test_solving_is_deterministic(nic: str) -> None:
    assert solve(FW, profile(nic), 2) == solve(FW, profile(nic), 2)


def test_order_of_constraints_and_source_locations_do_not_matter() -> None:
    moved = tuple(replace(c, locs=(99,), objects=(7,), rule="R2") for c in reversed(FW))
    assert problem(moved, profile("e810"), 2).digest == problem(FW, profile("e810"), 2).digest


@pytest.mark.parametrize("nic", NICS)
@pytest.mark.parametrize("case", ("fw", "symmetric", "nop"))
def test_tuple_sharding_balances_everywhere(case: str, nic: str) -> None:
    solution = solve(CASES[case], profile(nic), 2)
    for port in (0, 1):
        for traffic in ("uniform", "/16", "/24", "ports"):
            assert balance(solution, port, traffic) <= 1.05


@pytest.mark.parametrize("nic", NICS)
@pytest.mark.parametrize(("case", "port"), [("pol", 1), ("psd", 0), ("nat", 0), ("nat", 1), ("hhh", 1)])
def test_address_sharding_balances_uniform_addresses_and_one_slash_16(case: str, port: int, nic: str) -> None:
    solution = solve(CASES[case], profile(nic), 2)
    assert balance(solution, port, "uniform") <= 1.10
    assert balance(solution, port, "/16") <= 1.10


@pytest.mark.parametrize("nic", NICS)
@pytest.mark.parametrize(("case", "port"), [("pol", 1), ("psd", 0), ("nat", 0), ("nat", 1), ("hhh", 1)])
def test_hosts_of_one_slash_24_are_spread_too(case: str, port: int, nic: str) -> None:
    """Four bits are all that 16 /28 networks differ in; they reach the top of the index."""
    assert balance(solve(CASES[case], profile(nic), 2), port, "/24") <= 1.10


def test_pol_on_soft_hashes_only_the_destination() -> None:
    port = solve(POL, profile("soft"), 2).ports[1]
    assert port.software[:2] == (("l4", ("dst_ip",)), ("l3", ("dst_ip",)))


def test_unrelated_fields_do_not_reach_the_index() -> None:
    ranks = dict(solve(POL, profile("e810"), 2).ports[1].field_ranks)
    assert ranks == {"src_ip": 0, "dst_ip": 9, "src_port": 0, "dst_port": 0}


def test_requiring_the_full_hash_costs_freedom() -> None:
    index = solve(POL, profile("82599"), 2).ports[1].free_dimensions
    task = problem(POL, profile("82599"), 2, full_hash=True)
    solution = solve_problem(task)
    assert solution.ports[1].free_dimensions == 1 < 26 == index
    assert not verify.check(task, solution) and prove.holds(POL[0], solution)


def test_steering_says_who_hashes() -> None:
    fw = dict(solve(FW, profile("e810"), 2).ports[0].steering)
    assert fw["tcp4"] == fw["udp4"] == "nic"
    # Ports behind options or in fragments are not where the NF reads them.
    assert fw["tcp4_options"] == fw["ipv4_fragment"] == fw["malformed"] == "software"
    assert fw["sctp4"] == fw["tcp6"] == fw["vlan"] == "any"
    pol = dict(solve(POL, profile("e810"), 2).ports[1].steering)
    assert (pol["ipv4_other"], pol["sctp4"]) == ("software", "nic")  # ice does not hash IPv4 in IPv4
    i40e = dict(solve(POL, profile("x710"), 2).ports[1].steering)
    assert (i40e["ipv4_other"], i40e["ipv4_fragment"]) == ("software", "nic")  # by addresses inside of tunnels
    assert pol["ipv4_fragment"] == "software"  # ice programs no hash for fragments
    assert dict(solve(POL, profile("82599"), 2).ports[1].steering)["ipv4_fragment"] == "nic"  # by addresses
    assert dict(solve(FW, profile("82599"), 2).ports[1].steering)["ipv4_fragment"] == "software"  # no ports
    soft = dict(solve(FW, profile("soft"), 2).ports[0].steering)
    assert set(soft.values()) == {"software", "any"} and soft["tcp4"] == "software"


@pytest.mark.parametrize("card", ["e810-comms", "iavf"])
def test_udp_of_a_card_that_looks_into_it_is_steered_in_software(card: str) -> None:
    """By what the card hashes itself, so that all but what is inside of a tunnel is where it belongs."""
    usual, solution = solve(FW, profile("e810"), 2), solve(FW, profile(card), 2)
    for port, like in zip(solution.ports, usual.ports, strict=True):
        steering = dict(port.steering)
        assert (steering["tcp4"], steering["udp4"]) == ("nic", "software") and port.rss_hf == like.rss_hf
        assert dict(port.software)["l4"] == dict(port.hashed)["tcp4"] == HASHABLE
    assert prove.holds(FW[0], solution) and prove.holds(FW[1], solution)


def test_views_that_a_constraint_concerns() -> None:
    assert views(FW[0], 0, "ipv4_fragment") == ("l4",)  # ports are read from TCP and UDP only
    assert views(POL[0], 0, "ipv4_fragment") == views(POL[0], 0, "malformed") == ("l4", "l3")
    assert views(FW[0], 0, "sctp4") == ("l3",)  # no plan says so; then every view of the class counts
    assert views(related(0, 0, boolean(True)), 0, "malformed") == ("l4", "l3", "l4v6", "l3v6", None)
    flow6 = equal6(0, 0, *((n, n) for n in IP6))
    assert views(flow6, 0, "tcp6") == views(flow6, 0, "malformed") == ("l4v6",)
    assert views(equal6(0, 0, ("src_ip6", "src_ip6")), 0, "malformed") == ("l4v6", "l3v6")


def test_nop_steers_nothing() -> None:
    for port in solve(NOP, profile("e810"), 2).ports:
        assert set(dict(port.steering).values()) == {"any"}
        assert len(port.key) == 52 and "RTE_ETH_RSS_NONFRAG_IPV4_TCP" in port.rss_hf


# --------------------------------------------------------------------------- contradictions (R3)


@pytest.mark.parametrize("nic", NICS)
def test_disjoint_dependencies_contradict(nic: str) -> None:
    source = equal(1, 1, ("src_ip", "src_ip"), classes=L3)
    destination = equal(1, 1, ("dst_ip", "dst_ip"), classes=L3)
    innocent = equal(1, 1, *SAME)
    constraints = (innocent, source, FW[0], destination)
    solution = solve(constraints, profile(nic), 2)
    assert not solution.satisfiable and not solution.ports
    assert solution.conflict == (1, 3)
    task = problem(constraints[::-1], profile(nic), 2)  # what a cache holds numbers the constraints of the problem
    assert {task.constraints[i] for i in solve_problem(task).conflict} == {source, destination}
    assert "port 1" in solution.reason and "R3" in solution.reason


def test_each_half_of_a_contradiction_is_satisfiable() -> None:
    for name in ("src_ip", "dst_ip"):
        assert solve((equal(1, 1, (name, name), classes=L3),), profile("e810"), 2).satisfiable


def test_one_constraint_may_be_a_contradiction() -> None:
    everything = related(0, 0, boolean(True))
    solution = solve((everything,), profile("e810"), 1)
    assert not solution.satisfiable and solution.conflict == (0,)


def test_contradiction_through_a_third_port() -> None:
    """0 and 1 meet on the source, 1 and 2 on what 0 calls destination: no single constraint is to blame."""
    chain = (
        equal(0, 1, ("src_ip", "src_ip"), classes=L3),
        equal(1, 2, ("dst_ip", "dst_ip"), classes=L3),
    )
    solution = solve(chain, profile("e810"), 3)
    assert not solution.satisfiable and solution.conflict == (0, 1)


# --------------------------------------------------------------------------- more than field equality


@pytest.mark.parametrize("nic", NICS)
def test_min_max_ordered_pairs_are_symmetric_hashing(nic: str) -> None:
    constraint = related(0, 0, ordered_pairs())
    seconds, solution = cpu_seconds(lambda: solve((constraint,), profile(nic), 1))
    assert seconds < 3
    assert solution.satisfiable and prove.holds(constraint, solution)
    expected = solve(tuple(replace(c, ports=(0, 0)) for c in SYMMETRIC), profile(nic), 1)
    assert solution.ports[0].free_dimensions == expected.ports[0].free_dimensions


def test_equal_xor_of_addresses() -> None:
    constraint = related(0, 0, equal_xor())
    task = problem((constraint,), profile("soft"), 1)
    solution = solve_problem(task)
    ranks = dict(solution.ports[0].field_ranks)
    assert ranks["src_ip"] == ranks["dst_ip"] == 9 and "src_port" not in ranks
    assert not verify.check(task, solution)


def test_prefix_leaves_the_host_part_out() -> None:
    prefix = Constraint((0, 0), ((bits("src_ip", 31, 8), bits("src_ip", 31, 8)),), (L3, L3), "R1", (), ())
    solution = solve((prefix,), profile("e810"), 1)
    assert prove.holds(prefix, solution)
    assert balance(solution, 0, "/24") == 16.0  # one prefix, one core: that is what was asked for


def test_many_ports_agree() -> None:
    ports = 8
    constraints = tuple(equal(p, p + 1, *(SWAPPED if p % 2 else SAME)) for p in range(ports - 1))
    task = problem(constraints, profile("e810"), ports)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    assert prove.holds(constraints[3], solution)


def test_different_nics_on_the_ports() -> None:
    task = problem(FW, (profile("e810"), profile("soft")), 2)
    solution = solve_problem(task)
    assert [len(p.key) for p in solution.ports] == [52, 40]
    assert not verify.check(task, solution) and all(prove.holds(c, solution) for c in FW)


# --------------------------------------------------------------------------- distrust


@pytest.mark.parametrize(("case", "port"), [("fw", 0), ("fw", 1), ("pol", 1), ("nat", 1)])
def test_a_wrong_key_bit_is_caught(case: str, port: int) -> None:
    """Some of the key bits that an index of constrained packets may depend on."""
    constraints = CASES[case]
    task = problem(constraints, profile("e810"), 2)
    solution = solve_problem(task)
    for bit in range(23, 127, 17):
        broken = with_flipped_bit(solution, port, bit)
        proved = all(prove.holds(c, broken) for c in constraints)
        assert bool(verify.check(task, broken)) != proved
    assert verify.check(task, with_flipped_bit(solution, port, 60))


def test_a_counterexample_is_two_packets() -> None:
    broken = with_flipped_bit(solve(POL, profile("e810"), 2), 1, 30)
    packets = prove.counterexample(POL[0], broken)
    assert packets is not None
    assert all(packets.get(f"a.pkt.{i}", 0) == packets.get(f"b.pkt.{i}", 0) for i in range(30, 34))


def with_flipped_bit(solution: RssSolution, port: int, bit: int) -> RssSolution:
    p = solution.ports[port]
    value = int.from_bytes(p.key, "big") ^ 1 << (8 * len(p.key) - 1 - bit)
    changed = replace(p, key=value.to_bytes(len(p.key), "big"))
    return replace(solution, ports=(*solution.ports[:port], changed, *solution.ports[port + 1 :]))


def test_a_cached_solution_is_checked_in_all_that_soundness_needs() -> None:
    task = problem(FW, profile("e810"), 2)
    good = solve_problem(task)
    first = good.ports[0]
    steering = tuple((c, "any" if c == "ipv4_fragment" else s) for c, s in first.steering)
    hashed = tuple((c, f[:2]) for c, f in first.hashed)
    bad_ports = [
        replace(first, key=first.key[:40]),
        replace(first, key_length_passed=40),
        replace(first, table_size=64),
        replace(first, steering=steering),
        replace(first, hashed=hashed),
        replace(first, rss_hf=first.rss_hf[1:]),
        replace(first, setup="invented"),
        replace(first, setup=None),
        replace(first, software=(("l4", ("src_ip6",)), *first.software[1:])),
        replace(first, software=(("l4", ("src_ip",)), *first.software[1:])),
        replace(first, software=(*first.software[:2], ("l4v6", ("src_ip",)), ("l3v6", ()))),
    ]
    for p in bad_ports:
        assert verify.check(task, replace(good, ports=(p, good.ports[1])))
    assert verify.check(task, replace(good, agreeing_bits=3))
    assert verify.check(task, replace(good, ports=good.ports[:1]))
    assert verify.check(problem(NAT, profile("e810"), 2), good)


def test_cached_solutions_are_read_strictly() -> None:
    solution = solve(FW, profile("e810"), 2)
    text = forms.write(solution)
    assert forms.read(RssSolution, text) == solution
    good = json.loads(text)
    for key, value in (("satisfiable", 1), ("ports", None), ("extra", 1), ("agreeing_bits", "9"), ("groups", [-1])):
        with pytest.raises(ValueError):
            forms.read(RssSolution, damaged_text(good, {**good["value"], key: value}))
    port, other = good["value"]["ports"]
    assert forms.read(RssSolution, damaged_text(good, {**good["value"], "ports": [port, other]})) == solution
    for key, value in (
        ("key", "zz"), ("key", port["key"].upper()), ("steering", []), ("steering", [*reversed(port["steering"])]),
        ("steering", [[c, "nobody"] for c, _ in port["steering"]]), ("hashed", [["tcp4", ["mac"]]]),
        ("hashed", [["tcp5", []]]), ("hashed", [port["hashed"][0], port["hashed"][0]]), ("table_size", 1.5),
        ("table_size", True), ("software", port["software"][1:]), ("field_ranks", port["field_ranks"][::-1]),
        ("balance", port["balance"][::-1]), ("balance", [["uniform", 2, None]]), ("function", "sum"), ("padded", 0),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            forms.read(RssSolution, damaged_text(good, {**good["value"], "ports": [{**port, key: value}, other]}))


def damaged_text(document: dict[str, Any], value: object) -> str:
    return json.dumps({**document, "value": value}, separators=(",", ":"), ensure_ascii=False) + "\n"


def test_plan_json_of_ports() -> None:
    entry = ports_json(solve(FW, profile("e810"), 2))[0]
    assert entry["key_length"] == 52 and len(entry["key"]) == 104 and entry["table_size"] == 512
    assert entry["hashed"]["tcp4"] == ["src_ip", "dst_ip", "src_port", "dst_port"]
    hashed = {"l4": entry["hashed"]["tcp4"], "l3": ["src_ip", "dst_ip"]}
    assert entry["software_input"] == hashed | {"l4v6": [], "l3v6": []}  # no constraint is about IPv6
    assert entry["steering"]["tcp4"] == "nic" and "ipv4_fragment" not in entry["hashed"]


@pytest.mark.parametrize("nic", NICS)
def test_field_only_problems_are_fast(nic: str) -> None:
    card = profile(nic)
    solve(FW, card, 2)  # not counted: what is computed once per process
    for constraints in (FW, POL):
        seconds, _ = cpu_seconds(partial(solve, constraints, card, 2), runs=5)
        assert seconds < 0.03  # 0.01 with nothing else on the machine


@pytest.mark.parametrize("nic", ["e810", "82576", "soft"])
@pytest.mark.parametrize("field", [("src_port", 0, 0), ("src_ip", 2, 0), ("dst_ip", 0, 0), ("dst_port", 3, 0)])
def test_few_bits_at_a_field_s_end_spread(field: tuple[str, int, int], nic: str) -> None:
    """In a large table they could decide the last bits of the index only, which few workers do not see."""
    bits_named = FieldBits(*field)
    constraint = replace(POL[0], equal=((bits_named, bits_named),), classes=(("tcp4", "udp4"),) * 2)
    task = problem((constraint,), profile(nic), 2)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution) and prove.holds(constraint, solution)
    [port] = set(constraint.ports)
    for workers in (2, 4, 8, 16)[: bits_named.high + 1]:
        assert balance(solution, port, "uniform", workers) == 1.0
    assert any("at most" in note for note in solution.notes)
