"""Tables that send different but related indices to one worker: found where keys alone find nothing."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rss_cases import profile, related

from maestro_tool import forms
from maestro_tool.diagnostics import InputError
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, binary, compare, const, eq, ite, land, substitute
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.rss import prove, relation, verify
from maestro_tool.rss.commands import queue_command, table_command
from maestro_tool.rss.connected import connects_all
from maestro_tool.rss.measured import measure, to_json
from maestro_tool.rss.problem import HashSetup, PortCapability, Problem, problem
from maestro_tool.rss.solution import RssSolution, ports_json
from maestro_tool.rss.solve import solve_problem
from maestro_tool.sharding.plan import Constraint
from tests.yardstick import cpu_seconds

WELL_KNOWN = 1024


def quotient(name: str, divisor: int, less: int = 0, other: str | None = None) -> Expr:
    """(a.name - less) / divisor == (b.other - less) / divisor."""
    sides = (relation.field(0, name), relation.field(1, other or name))
    a, b = (binary("udiv", binary("sub", x, const(less, x.width)), const(divisor, x.width)) for x in sides)
    return eq(a, b)


def frame(src: int, dst: int, sport: int, dport: int) -> bytes:
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 6, 0, src, dst)
    return bytes(12) + b"\x08\x00" + ip + struct.pack("!HH", sport, dport) + bytes(16)


def plan_of(solution: RssSolution) -> dict[str, object]:
    """What plan.json says about tables."""
    return {"ports": ports_json(solution), "groups": list(solution.groups)}


@pytest.mark.parametrize("nic", ["e810", "82599", "soft"])
def test_thirds_of_a_port_get_a_table_of_groups(nic: str) -> None:
    """port / 3 has no linear key; three neighbours among the 512 values of its nine leading bits are one group."""
    constraint = related(0, 0, quotient("src_port", 3))
    task = problem((constraint,), profile(nic), 1)
    seconds, solution = cpu_seconds(lambda: solve_problem(task))
    assert seconds < 6  # 2 with nothing else on the machine
    size = solution.ports[0].table_size
    assert solution.satisfiable and len(set(solution.groups)) == -(-size // 3)
    assert not verify.check(task, solution) and forms.read(RssSolution, forms.write(solution)) == solution
    ports = list(range(0, 65536, 7)) + [3 * n + k for n in (0, 42, 8191, 21844) for k in range(3)]
    placed = queue_command(plan_of(solution), 0, [frame(1, 2, p, 9) for p in ports], 16)
    worker = {p: found["worker"] for p, found in zip(ports, placed, strict=True)}
    assert len({p["worker"] for p in placed}) == 16
    for n in (0, 42, 8191, 21844):
        assert len({worker[3 * n + k] for k in range(3)}) == 1


def test_a_wrong_grouping_is_refuted() -> None:
    constraint = related(0, 0, quotient("src_port", 3))
    task = problem((constraint,), profile("e810"), 1)
    good = solve_problem(task)
    group = next(g for g in range(171) if good.groups.count(g) == 3)
    moved = good.groups.index(group)
    for wrong in (
        tuple((group + 1) if i == moved else g for i, g in enumerate(good.groups)),
        tuple(range(512)),
        (),
    ):
        broken = replace(good, groups=wrong)
        assert not prove.holds(constraint, broken) and verify.check(task, broken)
        found = prove.counterexample(constraint, broken)
        assert found is not None and any(name.startswith("a.pkt.") for name in found)
    assert verify.check(task, replace(good, groups=good.groups[:256]))
    assert prove.holds(constraint, replace(good, groups=(0,) * 512))  # one worker is never wrong


def test_two_ports_share_the_groups() -> None:
    """What is a source on one port is a destination on the other."""
    constraint = related(0, 1, quotient("src_port", 10, other="dst_port"))
    task = problem((constraint,), profile("e810"), 2)
    solution = solve_problem(task)
    assert solution.satisfiable and not verify.check(task, solution)
    plan = plan_of(solution)
    one, other = table_command(plan, 8)
    assert one["table"] == other["table"]
    r = random.Random(5)
    pairs = [(10 * n + r.randrange(10), 10 * n + r.randrange(10)) for n in range(0, 6553, 13)]
    there = queue_command(plan, 0, [frame(1, 2, a, 3) for a, _ in pairs], 8)
    back = queue_command(plan, 1, [frame(2, 1, 3, b) for _, b in pairs], 8)
    assert [p["worker"] for p in there] == [p["worker"] for p in back]


def test_measured_traffic_moves_whole_groups() -> None:
    solution = solve_problem(problem((related(0, 0, quotient("src_port", 3)),), profile("e810"), 1))
    r = random.Random(3)
    frames = {0: [frame(1, 2, int(65535 * r.random() ** 3), 9) for _ in range(3000)]}
    found = measure(solution, frames, "mine")
    assert dict(found.after)[8] < dict(found.before)[8]
    [entries] = table_command(plan_of(solution) | {"traffic": to_json(found)}, 8)
    assert len(set(zip(solution.groups, entries["table"], strict=True))) == len(set(solution.groups))


def test_few_groups_serve_few_workers() -> None:
    """Ports below 1024 and the others: two groups, two workers."""
    ports = [relation.field(side, "dst_port") for side in (0, 1)]
    kinds = [ite(compare("ult", p, const(WELL_KNOWN, 16)), const(1, 8), const(0, 8)) for p in ports]
    solution = solve_problem(problem((related(0, 0, eq(*kinds)),), profile("e810"), 1))
    assert solution.satisfiable and len(set(solution.groups)) == 2 and "at most 2 workers" in solution.notes[0]
    assert len(set(table_command(plan_of(solution), 2)[0]["table"])) == 2
    with pytest.raises(InputError, match="in 2 groups serves 1 to 2 workers"):
        table_command(plan_of(solution), 3)


@pytest.mark.parametrize("groups", ([0] * 3, "abc", [1] * 512, [0.5] * 512, None))
def test_damaged_groups_are_input_errors(groups: object) -> None:
    solution = solve_problem(problem((), profile("e810"), 1))
    with pytest.raises(InputError, match="groups"):
        table_command({"ports": ports_json(solution), "groups": groups}, 1)


# --------------------------------------------------------------------------- what cannot be, and what is said


def test_a_relation_that_connects_all_is_proved_impossible() -> None:
    a, b = (relation.field(side, "src_port") for side in (0, 1))
    neighbours = related(0, 0, land(compare("ule", b, a), compare("ule", binary("sub", a, b), const(1, 16))))
    assert connects_all(neighbours)
    solution = solve_problem(problem((neighbours,), profile("e810"), 1))
    assert not solution.satisfiable and solution.reason.endswith("connect all of them (proved)")
    for parts in (quotient("src_port", 3), eq(a, b), quotient("src_port", 60000)):
        assert not connects_all(related(0, 0, parts))


def test_what_was_searched_is_said() -> None:
    """No multiple of 32, the smallest step of a table of 2048, begins a group."""
    solution = solve_problem(problem((related(0, 0, quotient("dst_port", 10, less=7)),), profile("e810"), 1))
    assert not solution.satisfiable and solution.conflict == (0,)
    for words in ("searched for keys whose index is dst_port[15:7]", "dst_port[10:0]", "other keys were not searched"):
        assert words in solution.reason


def test_full_hash_merges_nothing() -> None:
    task = problem((related(0, 0, quotient("src_port", 3)),), profile("e810"), 1, full_hash=True)
    solution = solve_problem(task)
    assert not solution.satisfiable and "agree in all bits" in solution.reason


# --------------------------------------------------------------------------- against brute force

_A, _B = (binary("and", relation.field(side, "src_port"), const(15, 16)) for side in (0, 1))
_SETUP = HashSetup("test", ("RTE_ETH_RSS_NONFRAG_IPV4_TCP",), (("tcp4", ("src_port",)),))


@st.composite
def relations(draw: st.DrawFn) -> Expr:
    """Relations between the last four bits of two ports."""
    n = draw(st.integers(1, 15))
    shift = const(draw(st.integers(0, 15)), 16)
    x, y = binary("add", _A, shift), binary("add", _B, shift)
    kinds = [ite(compare("ult", p, const(n, 16)), const(1, 8), const(0, 8)) for p in (_A, _B)]
    return draw(
        st.sampled_from(
            (
                eq(binary("udiv", x, const(n, 16)), binary("udiv", y, const(n, 16))),
                eq(binary("urem", x, const(n, 16)), binary("urem", y, const(n, 16))),
                eq(*kinds),
                eq(
                    binary("and", binary("mul", _A, _A), const(n, 16)),
                    binary("and", binary("mul", _B, _B), const(n, 16)),
                ),
                eq(_A, binary("add", _B, const(n, 16))),
                land(compare("ule", _B, _A), compare("ule", binary("sub", _A, _B), const(n % 3, 16))),
            )
        )
    )


@settings(max_examples=15, deadline=None)
@given(relations())
def test_a_plan_is_found_if_any_key_and_table_has_one(condition: Expr) -> None:
    """Where the index can tell apart all that the relation reads, there is a plan if and only if the relation does not
    connect all values: a table for any key gives connected values one worker, and a table of values parts the others.
    """
    constraint = Constraint((0, 0), (), (("tcp4",), ("tcp4",)), "R1", (), (), condition)
    task = Problem((constraint,), (PortCapability(16, 16, (64,), (_SETUP,)),))
    connected = list(range(16))
    for a in range(16):
        for b in range(16):
            if _holds(condition, a, b):
                old, new = connected[a], connected[b]
                connected = [new if c == old else c for c in connected]
    solution = solve_problem(task)
    assert solution.satisfiable == (len(set(connected)) > 1)
    if not solution.satisfiable:
        assert "(proved)" in solution.reason and "not searched" not in solution.reason
        return
    assert not verify.check(task, solution)
    workers = len(set(solution.groups)) or solution.ports[0].table_size
    placed = queue_command(plan_of(solution), 0, [frame(1, 2, p, 9) for p in range(16)], workers)
    if solution.groups:
        assert len({p["worker"] for p in placed}) == min(workers, len(set(connected)))
    for a in range(16):
        for b in range(16):
            if connected[a] == connected[b]:
                assert placed[a]["worker"] == placed[b]["worker"]


def _holds(condition: Expr, a: int, b: int) -> bool:
    values = {packet_byte(34, "a"): 0, packet_byte(35, "a"): a, packet_byte(34, "b"): 0, packet_byte(35, "b"): b}
    result = substitute(condition, {name: const(value, 8) for name, value in values.items()})
    assert result in (TRUE, FALSE)
    return result == TRUE
