"""IPv4 and IPv6 under one key: a firewall for both sends what its sequential form sends, and a wrong bit is noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from nf_runs import Outputs, make_captures, packets, run
from programs import Build
from test_mutations import other_fields, rebuild, same, wrong_bit

from maestro_tool.packet.classes import classify
from maestro_tool.rss.model import place, port_models
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.spec import TrafficSpec

ARGUMENTS = "--expire 20000"
TRAFFIC = TrafficSpec(
    flows=2000, packets=10_000, replies=0.4, unknown=0.1, odd=0.1, ipv6=0.5, active=700, gaps=2, gap_us=40_000, seed=41
)


@pytest.fixture(scope="module")
def expected(build: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outputs]:
    """What arrives, and what the sequential program sends."""
    folder = tmp_path_factory.mktemp("sequential")
    captures = make_captures(folder / "in", TRAFFIC)
    sent, _ = run(build.sequential("dualstack"), captures, folder / "out", ARGUMENTS)
    return captures, sent


def test_the_sequential_firewall_filters_both(expected: tuple[Path, Outputs]) -> None:
    captures, sent = expected
    arrived = Counter((p.port, classify(p.frame)) for p in packets(captures))
    left = Counter((port, classify(frame)) for port, frames in sent.items() for frame in frames)
    for name in ("tcp4", "udp4", "tcp6", "udp6"):
        assert left[1, name] >= arrived[0, name] > 1000  # a frame that is sent on its own port is dropped
        assert 500 < left[0, name] < arrived[1, name]  # answers pass, strangers do not


@pytest.mark.parametrize("workers", (2, 3))
def test_parallel_equals_sequential(build: Build, expected: tuple[Path, Outputs], tmp_path: Path, workers: int) -> None:
    captures, sequential = expected
    sent, result = run(build.parallel("dualstack"), captures, tmp_path, ARGUMENTS, workers)
    assert compare(sequential, sent).equal
    # As many packets at each worker as the model of steering says, of which each version of IP meets all workers.
    models = port_models(build.plan("dualstack"))
    placed = Counter[tuple[int, str]]()
    for p in packets(captures):
        found = place(models[p.port], p.frame, workers)
        if found.steering == "software":
            placed[found.worker, found.packet_class] += 1
    for name in ("tcp4", "tcp6", "udp6"):
        shares = [placed[w, name] * workers / sum(placed[v, name] for v in range(workers)) for w in range(workers)]
        assert min(shares) > 0.7, (name, shares)
    assert min(w["rx"] for w in result.workers) >= min(
        sum(n for (w, _), n in placed.items() if w == worker) for worker in range(workers)
    )


@pytest.mark.parametrize(("change", "noticed"), [
    pytest.param(same, False, id="same"),
    # The last bit of the destination port of IPv6, on the LAN only: no key bit of IPv4's.
    pytest.param(wrong_bit(0, 23 + 287), True, id="ipv6-bit"),
    # The last bit of the source address.
    pytest.param(wrong_bit(1, 23 + 127), True, id="ipv6-address-bit"),
    pytest.param(other_fields(1, "{1, {{22, 16}}}", "l4v6"), True, id="ipv6-wan-source"),
    pytest.param(other_fields(0, "{0}", "l4v6"), True, id="ipv6-not-hashed"),
])  # fmt: skip
def test_wrong_steering_of_ipv6_is_noticed(
    build: Build, expected: tuple[Path, Outputs], tmp_path: Path, change: Callable[[str], str], noticed: bool
) -> None:
    captures, sequential = expected
    mutant = rebuild(build, "dualstack", change, tmp_path)
    sent, result = run(mutant, captures, tmp_path / "mutant", ARGUMENTS, 2)
    assert min(worker["rx"] for worker in result.workers) > 0
    differences = compare(sequential, sent).differences
    assert bool(differences) == noticed and {d.flow[0] for d in differences} <= {"ipv6"}
