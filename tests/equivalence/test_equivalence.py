"""The parallel program sends what the sequential one sends: the same frames per flow, in the same order.

Only capacity is allowed to differ (docs/guarantees.md: it is split over workers), so tables are large enough here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nf_models
import pytest
from nf_runs import Model, flows_in, make_captures, modelled, run
from programs import Build

from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.spec import IMIX, TrafficSpec

#: NF -> its options and its model.  Expiry is met in the pauses, and under traffic by flows that are not active.
CASES: dict[str, tuple[str, Model]] = {
    "nop": ("", nf_models.nop),
    "fw": ("--expire 20000", partial(nf_models.fw, expire_us=20_000, max_flows=65536)),
    "pol": ("--rate 4000 --burst 200", partial(nf_models.pol, rate=4_000, burst=200, capacity=65536)),
}

TRAFFIC = {
    "uniform": TrafficSpec(
        flows=12_000, packets=40_000, replies=0.4, unknown=0.1, odd=0.1, active=3000, gaps=3, gap_us=60_000, seed=11
    ),
    "zipf-imix": TrafficSpec(
        flows=10_000, packets=30_000, distribution="zipf", sizes=IMIX, replies=0.5, odd=0.05, gaps=2, gap_us=60_000
    ),
    "one-slash-24": TrafficSpec(flows=10_000, packets=30_000, distribution="one-slash-24", replies=0.6, odd=0.2),
}


@pytest.fixture(scope="module", params=TRAFFIC)
def captures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_captures(tmp_path_factory.mktemp("captures"), TRAFFIC[request.param])
    assert flows_in(folder) >= 10_000
    return folder


@pytest.mark.parametrize("nf", CASES)
def test_parallel_equals_sequential(build: Build, captures: Path, tmp_path: Path, nf: str) -> None:
    arguments, model = CASES[nf]
    expected, _ = run(build.reference(nf), captures, tmp_path / "sequential", arguments)
    assert expected == modelled(model, captures)
    for workers in (2, 3):
        sent, result = run(build.parallel(nf), captures, tmp_path / f"parallel{workers}", arguments, workers)
        comparison = compare(expected, sent)
        assert comparison.equal, f"{workers} workers: {comparison.text()}"
        # Without a fair share for each, equality would say nothing about sharing.
        shares = [worker["rx"] * workers / sum(result.received.values()) for worker in result.workers]
        assert len(shares) == workers
        assert min(shares) > 0.4, shares


def test_one_worker_is_the_sequential_program(build: Build, tmp_path: Path) -> None:
    """Byte for byte, since nothing can overtake; and again with the same bytes, since time comes from the capture."""
    captures = make_captures(tmp_path / "in", TrafficSpec(flows=2000, packets=10_000, odd=0.1, active=500))
    run(build.reference("fw"), captures, tmp_path / "sequential", "--expire 5000")
    run(build.parallel("fw"), captures, tmp_path / "one", "--expire 5000", 1)
    run(build.reference("fw"), captures, tmp_path / "again", "--expire 5000")
    run(build.sequential("fw"), captures, tmp_path / "optimised", "--expire 5000")
    for name in ("port0.pcap", "port1.pcap"):
        expected = (tmp_path / "sequential" / name).read_bytes()
        assert (tmp_path / "one" / name).read_bytes() == expected
        assert (tmp_path / "again" / name).read_bytes() == expected
        assert (tmp_path / "optimised" / name).read_bytes() == expected


def test_expiry_is_met(captures: Path) -> None:
    """Flows do expire in the captures with pauses, and a firewall that forgot to expire would be noticed."""
    forever = modelled(partial(nf_models.fw, expire_us=10**12, max_flows=65536), captures)
    expiring = modelled(CASES["fw"][1], captures)
    assert not compare(expiring, forever).equal
