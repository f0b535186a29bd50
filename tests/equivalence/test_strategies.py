"""Every NF with every strategy that is sound for it, on 2 and 8 workers, against the sequential program.

On 3 workers some of them run with sanitizers (`test_sanitized`).

What may differ is what the plan declares (docs/guarantees.md) and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cases import PARALLEL, full
from conftest import STRATEGIES
from nf_runs import Outputs, Results, converse, make_captures, run, sequential
from programs import Build

from maestro_tool.rss.commands import queue_command
from maestro_tool.traffic.answers import number_of
from maestro_tool.traffic.capture import Frame, read_folder, write_captures
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.renaming import renamed_by
from tests.quick import one_quick

WORKERS = (2, 8)

MATRIX = [
    (strategy, nf, number)
    for strategy, nfs in STRATEGIES.items() for nf in nfs for number in range(len(PARALLEL.get(nf, ())))
]  # fmt: skip


@pytest.fixture(scope="module")
def sequential_results() -> Results:
    return {}


@pytest.mark.parametrize(("strategy", "nf", "number"), one_quick(MATRIX, ("auto", "fw", 0)))
def test_equals_sequential(
    build: Build, tmp_path: Path, sequential_results: Results, strategy: str, nf: str, number: int
) -> None:
    case = PARALLEL[nf][number]
    captures, expected = sequential(build, case, tmp_path / "sequential", sequential_results)
    program, renamed = build.parallel(nf, strategy), renamed_by(build.plan(nf, strategy))
    for workers in WORKERS if number == 0 else WORKERS[:1]:
        folder = tmp_path / str(workers)
        if renamed:
            theirs, sent, result = converse(program, case.traffic, folder, case.arguments, workers)
            check_ports(theirs, sent, expire_us=20_000)
        else:
            sent, result = run(program, captures, folder, case.arguments, workers)
        comparison = compare(expected, sent, renamed)
        assert comparison.equal, f"{workers} workers: {comparison.text()}"
        assert min(worker["rx"] for worker in result.workers) > 0  # or equality would say nothing
        if build.plan(nf, strategy)["strategy"] in ("locks", "hybrid"):
            assert all(worker["write_locks"] > 0 for worker in result.workers)


@pytest.mark.parametrize("workers", [2, 8])
@pytest.mark.parametrize("nf", ["nat", "fw", "pol", "psd", "cl", "hhh"])
def test_each_worker_is_a_sequential_nf(build: Build, tmp_path: Path, nf: str, workers: int) -> None:
    """Full tables and colliding sketches: a worker does what the sequential NF would do with its packets, and a
    table of its share of the capacity (relaxations ``capacity-split``, ``sketch-collisions``)."""
    whole, part = full(nf), full(nf, workers)
    plan, program = build.plan(nf), build.parallel(nf)
    assert {d["treatment"] for d in plan["objects"] if d["written"]} == {"sharded"}
    if whole.converses:
        captures, sent, _ = converse(program, whole.traffic, tmp_path / "parallel", whole.arguments, workers)
    else:
        captures = make_captures(tmp_path / "in", whole.traffic)
        sent, _ = run(program, captures, tmp_path / "out", whole.arguments, workers)
    expected: dict[int, list[bytes]] = {0: [], 1: []}
    for worker, frames in enumerate(shares(plan, captures, workers)):
        write_captures({tmp_path / f"in{worker}" / f"port{port}.pcap": frames[port] for port in frames})
        arguments = part.arguments
        if nf == "nat":  # whose workers have each a range of their own
            arguments += f" --start-port {1024 + worker * 128 // workers}"
        outputs, _ = run(build.reference(nf), tmp_path / f"in{worker}", tmp_path / f"out{worker}", arguments)
        for port in expected:
            expected[port] += outputs[port]
    comparison = compare(expected, sent)
    assert comparison.equal, comparison.text()
    # Something is full: with twice the capacity, another output.
    roomy, _ = run(program, captures, tmp_path / "roomy", full(nf, 1 / 2).arguments, workers)
    assert not compare(expected, roomy, renamed_by(plan)).equal


@pytest.mark.parametrize("nf", ["bridge", "nat", "fw", "pol", "psd", "cl", "hhh", "lb"])
def test_full_tables_that_are_shared(build: Build, tmp_path: Path, sequential_results: Results, nf: str) -> None:
    """There is one table, as large as that of the sequential NF."""
    case, strategy = full(nf), "auto" if nf == "bridge" else "locks"
    assert build.plan(nf, strategy)["relaxations"] == []
    captures, expected = sequential(build, case, tmp_path / "sequential", sequential_results)
    sent, _ = run(build.parallel(nf, strategy), captures, tmp_path / "out", case.arguments, 3)
    comparison = compare(expected, sent)
    assert comparison.equal, comparison.text()


def shares(plan: dict[str, Any], captures: Path, workers: int) -> list[dict[int, list[Frame]]]:
    """What each worker receives, as our own model of the card has it; frames of any core are as good on core 0."""
    found: list[dict[int, list[Frame]]] = [{0: [], 1: []} for _ in range(workers)]
    for port, frames in read_folder(captures).items():
        for frame, packet in zip(frames, queue_command(plan, port, [f.data for f in frames], workers), strict=True):
            found[packet["worker"] if isinstance(packet["worker"], int) else 0][port].append(frame)
    return found


def check_ports(captures: Path, sent: Outputs, expire_us: int) -> None:
    """A flow keeps its external port while it is in use, and has it for itself."""
    lan, wan = (read_folder(captures)[port] for port in (0, 1))
    seen = {number_of(frame): (port, frame) for port, frames in sent.items() for frame in frames}
    port_of: dict[bytes, bytes] = {}
    flow_at: dict[bytes, bytes] = {}
    last_used: dict[bytes, int] = {}
    kept = 0
    for frame in sorted(lan + wan, key=lambda frame: frame.time):
        number = number_of(frame.data)
        if number not in seen:
            continue
        left_on, left = seen[number]
        if left_on == 1:
            flow, port = frame.data[23:24] + frame.data[26:38], left[34:36]
            alive = last_used.get(flow, -expire_us * 1000) >= frame.time - expire_us * 1000
            assert not alive or port_of[flow] == port
            owner = flow_at.get(port, flow)
            assert owner == flow or last_used[owner] < frame.time - expire_us * 1000
            if flow_at.get(before := port_of.get(flow, port)) == flow:
                del flow_at[before]
            port_of[flow], flow_at[port] = port, flow
            kept += alive
        else:
            flow = flow_at[frame.data[36:38]]
        last_used[flow] = frame.time
    assert kept > 100
