"""Other ways to hash: symmetric functions, a key that the card does not give up, fewer fields by rte_flow."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rss_cases import CASES, FW, L4, NAT, POL, PSD, SAME, SWAPPED, bits, equal, ordered_pairs, profile, related

from maestro_tool import forms
from maestro_tool.nic import NicProfile
from maestro_tool.packet.classes import CLASSES
from maestro_tool.packet.fields import INPUT_BITS
from maestro_tool.rss import RssSolution, problem, prove, solve_problem, verify
from maestro_tool.rss.model import place, port_models
from maestro_tool.rss.problem import HashSetup
from maestro_tool.rss.solution import ports_json
from maestro_tool.rss.steering import nic_inputs
from maestro_tool.rss.strategy import strategy_of, unused
from maestro_tool.rss.symmetric import applied
from maestro_tool.sharding.plan import Constraint

#: Of Microsoft's documentation, which many drivers begin with.
KEY = "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"
#: Has period 32: whatever it hashes, addresses may change places (cnxk's default).
PERIODIC = "feed0bad" * 10


def card(**rss: Any) -> NicProfile:
    """82599 with other capabilities."""
    base = profile("82599")
    value = base.model_dump() | {"rss": base.rss.model_dump() | rss}
    return NicProfile.model_validate(value)


def stubborn(key: str = KEY, **rss: Any) -> NicProfile:
    return card(settable={"key": "never", "table": "always"}, fixed_key=key, **rss)


def solved(constraints: tuple[Constraint, ...], nic: NicProfile, ports: int = 2) -> RssSolution:
    """A solution that the tool's own check and z3 find right."""
    task = problem(constraints, nic, ports)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    assert all(prove.holds(c, solution) for c in constraints)
    assert forms.read(RssSolution, forms.write(solution)) == solution
    return solution


def balance(solution: RssSolution, port: int, traffic: str) -> float:
    return {(t, w): r for t, w, r in solution.ports[port].balance}[traffic, 16]


# --------------------------------------------------------------------------- a key that cannot be set


@pytest.mark.parametrize("where", ("port", "flow"))
@pytest.mark.parametrize("function", ("xor", "sort"))
def test_a_symmetric_mode_makes_up_for_a_key_that_cannot_be_set(function: str, where: str) -> None:
    nic = stubborn(symmetric={where: function})
    solution = solved(FW, nic)
    for p in solution.ports:
        assert (p.setup, p.function, p.key.hex(), p.key_fixed) == ("symmetric", function, KEY, True)
        assert dict(p.steering)["tcp4"] == "nic" and p.free_dimensions == 0
        rules = dict(p.rules)
        assert (rules.get("tcp4") == ("RTE_ETH_RSS_NONFRAG_IPV4_TCP",)) == (where == "flow")
    assert balance(solution, 0, "uniform") <= 1.05 and balance(solution, 1, "/16") <= 1.05
    chosen = strategy_of(solution, (nic, nic))
    assert chosen.name == "shared-nothing"
    by = ", by rte_flow RSS rules" if where == "flow" else ""
    assert f"symmetric hash, {function}{by}, with the card's own key)" in chosen.why[0]


def test_without_it_software_hashes() -> None:
    nic = stubborn()
    solution = solved(FW, nic)
    chosen = strategy_of(solution, (nic, nic))
    assert chosen.name == "handoff" and "hashes what the plan needs with its key" in chosen.why[0]
    assert not solution.ports[0].key_fixed and solution.ports[0].rss_hf == ()


def test_a_fixed_key_that_happens_to_be_right_is_used() -> None:
    constraints = (equal(0, 0, ("src_ip", "src_ip"), ("dst_ip", "dst_ip")),)
    needs_no_ports = ("ipv4_other", "ipv4_fragment")
    constraints = tuple(
        Constraint(c.ports, pairs, (needs_no_ports, needs_no_ports), "R1", (), ())
        for c in constraints
        for pairs in (c.equal, ((bits("src_ip"), bits("dst_ip")), (bits("dst_ip"), bits("src_ip"))))
    )
    port = solved(constraints, stubborn(PERIODIC), 1).ports[0]
    assert port.key.hex() == PERIODIC and dict(port.steering)["ipv4_other"] == "nic" and port.setup == "default"
    assert solved(constraints, stubborn(KEY), 1).ports[0].setup is None


def test_a_fixed_key_beside_one_of_ours() -> None:
    """The free port follows the other's key."""
    constraints = (equal(0, 1, *SAME),)
    task = problem(constraints, (stubborn(), profile("e810")), 2)
    solution = solve_problem(task)
    assert [p.key_fixed for p in solution.ports] == [True, False]
    assert {dict(p.steering)["tcp4"] for p in solution.ports} == {"nic"}
    assert not verify.check(task, solution) and prove.holds(constraints[0], solution)


def test_a_key_that_cannot_be_set_is_not_replaced() -> None:
    task = problem(FW, stubborn(symmetric={"flow": "xor"}), 2)
    good = solve_problem(task)
    first = good.ports[0]
    for bad in (
        replace(first, key=bytes(40)),
        replace(first, key_fixed=False),
        replace(first, function="sort"),
        replace(first, rules=first.rules[1:]),
    ):
        assert verify.check(task, replace(good, ports=(bad, good.ports[1])))


# --------------------------------------------------------------------------- fewer fields by rte_flow


@pytest.mark.parametrize("nic", ("e810", "iavf", "x710"))
@pytest.mark.parametrize(("case", "setups"), [("pol", ["default", "dst_ip"]), ("psd", ["src_ip", "default"]),
                                              ("nat", ["dst_ip-dst_port", "src_ip-src_port"])])  # fmt: skip
def test_rules_for_fewer_fields_where_whole_hashes_agree(case: str, setups: list[str], nic: str) -> None:
    task = problem(CASES[case], profile(nic), 2, full_hash=True)
    solution = solve_problem(task)
    assert [p.setup for p in solution.ports] == setups
    assert not verify.check(task, solution)
    if nic == "e810":  # what the others add (fragments) takes z3 long, and is proved without full_hash
        assert all(prove.holds(c, solution) for c in CASES[case])
    port = next(p for p in solution.ports if p.setup != "default")
    only = {t for _, types in port.rules for t in types if t.endswith("_ONLY")}
    assert only and not only & set(port.rss_hf) and set(dict(port.rules)) == set(dict(port.hashed))
    assert "by rte_flow RSS rules" in strategy_of(solution, (profile(nic),) * 2).why[port.port]


@pytest.mark.parametrize("nic", ("e810", "x710"))
@pytest.mark.parametrize("case", CASES)
def test_plain_keys_are_as_good_and_preferred(case: str, nic: str) -> None:
    """Neither rules nor symmetric functions spread better than a key with all fields; docs/rss.md has the figures."""
    solution = solve_problem(problem(CASES[case], profile(nic), 2))
    assert {p.setup for p in solution.ports} == {"default"}
    task = problem(CASES[case], profile(nic), 2)
    others = tuple(s for s in task.ports[0].setups if s.name != "default")
    without = solve_problem(replace(task, ports=tuple(replace(p, setups=others) for p in task.ports)))
    for plain, other in zip(solution.ports, without.ports, strict=True):
        at_best = {(t, n): r for t, n, r in other.balance if t != "zipf"}
        assert all(r <= at_best[t, n] for t, n, r in plain.balance if t != "zipf")
    assert any("fewer fields" in text for text in unused(solution.ports[0], profile(nic)))


def test_rules_are_the_only_way_with_a_key_that_cannot_be_set() -> None:
    selection = next(s for s in profile("e810").rss.selections if s.name == "dst_ip").model_dump()
    flags = profile("e810").rss.flags_programmed

    def offering(placement: str) -> NicProfile:
        return stubborn(flags_advertised=flags, flags_programmed=flags, field_selection="flow", classes={},
                        selections=(selection | {"placement": placement},))  # fmt: skip

    nic = offering("packed")
    solution = solved(POL, nic)
    assert solution.ports[1].setup == "dst_ip" and solution.ports[1].key.hex() == KEY
    assert balance(solution, 1, "/24") <= 1.10
    assert strategy_of(solution, (nic, nic)).name == "shared-nothing"
    assert strategy_of(solved(PSD, nic), (nic, nic)).name == "handoff"  # no rule for src_ip
    # One key is not right for two places of the field, unless it can be made so.
    unsure = offering("unknown")
    assert strategy_of(solved(POL, unsure), (unsure, unsure)).name == "handoff"


# --------------------------------------------------------------------------- symmetric functions in the solver


@pytest.mark.parametrize("function", ("xor", "sort"))
@pytest.mark.parametrize("constraints", [FW, (related(0, 0, ordered_pairs()),), NAT])
def test_free_keys_under_symmetric_functions(constraints: tuple[Constraint, ...], function: str) -> None:
    """Only the symmetric set-up is offered: for NAT no key is left, and software takes over."""
    nic = card(symmetric={"port": function})
    task = problem(constraints, nic, 2)
    symmetric = tuple(s for s in task.ports[0].setups if s.function == function)
    task = replace(task, ports=tuple(replace(p, setups=symmetric) for p in task.ports))
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    assert all(prove.holds(c, solution) for c in constraints)
    assert (solution.ports[0].function == function) == (constraints is not NAT)


@pytest.mark.parametrize("function", ("xor", "sort"))
def test_a_wrong_bit_under_a_symmetric_function_is_caught(function: str) -> None:
    """NAT-like ports that are bound differently: the second port sees the fields one bit shifted in the key."""
    constraints = (equal(0, 1, *SWAPPED),)
    task = problem(constraints, card(symmetric={"port": function}), 2)
    task = replace(task, ports=tuple(replace(p, setups=p.setups[-1:]) for p in task.ports))
    solution = solve_problem(task)
    assert {p.function for p in solution.ports} == {function}
    first = solution.ports[0]
    value = int.from_bytes(first.key, "big") ^ 1 << (8 * len(first.key) - 1 - 60)
    broken = replace(solution, ports=(replace(first, key=value.to_bytes(40, "big")), solution.ports[1]))
    assert verify.check(task, broken) and not prove.holds(constraints[0], broken)


@cache
def symmetric(function: str) -> RssSolution:
    return solve_problem(problem(FW, stubborn(symmetric={"flow": function}), 2))


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=12, max_size=12), st.sampled_from(("xor", "sort")))
def test_the_model_hashes_both_directions_alike(tuple4: bytes, function: str) -> None:
    plan = {"ports": ports_json(symmetric(function))}
    models = port_models(plan)
    back = tuple4[4:8] + tuple4[:4] + tuple4[10:12] + tuple4[8:10]
    there, again = (
        place(model, _frame(data, fragment=fragment), 7)
        for model, data, fragment in ((models[0], tuple4, False), (models[1], back, True))
    )
    assert (there.packet_class, again.packet_class) == ("tcp4", "ipv4_fragment")
    assert (there.steering, again.steering) == ("nic", "software") and there.index == again.index


def _frame(tuple4: bytes, *, fragment: bool) -> bytes:
    ip = bytes((0x45, 0, 0, 40, 0, 0, 0x20 if fragment else 0, 0, 64, 6, 0, 0)) + tuple4[:8]
    return bytes(12) + b"\x08\x00" + ip + tuple4[8:] + bytes(16)


def test_what_symmetric_functions_make_of_their_input() -> None:
    fields = ("src_ip", "dst_ip", "src_port", "dst_port")
    data = bytes((9, 0, 0, 1, 8, 0, 0, 3, 0, 1, 0, 2))
    assert applied("xor", fields, data).hex() == "0100000201000002" + "00030003"
    assert applied("sort", fields, data).hex() == "0800000309000001" + "00010002"
    assert applied("toeplitz", fields, data) == data and applied("sort", fields[:1], data[:4]) == data[:4]


def test_classes_without_both_ends_have_no_symmetric_hash() -> None:
    setups = problem(FW, profile("x710"), 2).ports[0].setups
    hashed = dict(next(s for s in setups if s.name == "symmetric").hashed)
    assert hashed["sctp4"] == ("src_ip", "dst_ip", "src_port", "dst_port")  # i40e leaves the tag out then
    assert set(hashed) <= set(CLASSES) and set(L4) & set(hashed)


# --------------------------------------------------------------------------- tables to choose from


def test_a_larger_table_is_chosen_where_the_default_divides_badly() -> None:
    offered = {"default": 64, "choices": (64, 128, 256, 512, 1024), "selectable": True}
    solution = solved(FW, card(tables=offered))
    assert solution.ports[0].table_size == 512
    assert {(t, w): r for t, w, r in solution.ports[0].balance}["uniform", 12] <= 1.01
    fixed = solved(FW, card(tables=offered | {"selectable": False}))
    assert fixed.ports[0].table_size == 64  # which table there is, is then the device's matter
    assert solved(FW, profile("e810")).ports[0].table_size == 512


def test_the_other_port_may_not_have_so_large_a_table() -> None:
    small = card(tables={"default": 64, "choices": (64, 512), "selectable": True})
    assert {p.table_size for p in solve_problem(problem(FW, (small, profile("82599")), 2)).ports} == {128}


def test_fields_that_are_left_out_of_ipv6_are_as_wide_as_they_are_there() -> None:
    """A driver that hashes a port alone, with zeros or nothing in place of the rest: the addresses have 128 bits."""
    setup = HashSetup("port", (), (("tcp4", ("dst_port",)), ("tcp6", ("dst_port",))), padded=True)
    for name, port, gaps in (("tcp4", "dst_port", [32, 32, 16]), ("tcp6", "dst_port6", [128, 128, 16])):
        packed, padded = nic_inputs(name, setup)
        assert [i.field for i in packed] == [port] == [i.field for i in padded if not i.gap]
        assert [INPUT_BITS[i.field] for i in padded if i.gap] == gaps
