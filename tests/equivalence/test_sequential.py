"""The sequential programs against models in Python: two wrong programs that agree would pass any comparison."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import nf_models
import pytest
from nf_runs import flows_in, make_captures, modelled, packets, run
from programs import Build

from maestro_tool.diagnostics import ToolError
from maestro_tool.traffic.spec import IMIX, TrafficSpec

#: 0.2 s of traffic in three bursts; many flows pause for longer than 20 ms even within a burst.
TRAFFIC = TrafficSpec(
    flows=4000,
    packets=20000,
    sizes=IMIX,
    replies=0.4,
    unknown=0.1,
    odd=0.15,
    active=1500,
    gaps=2,
    gap_us=30_000,
    seed=7,
)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_captures(tmp_path_factory.mktemp("captures"), TRAFFIC)


def test_captures_hold_what_they_should(captures: Path) -> None:
    assert flows_in(captures) >= 4000
    assert len(packets(captures)) == 20000


def test_nop(build: Build, captures: Path, tmp_path: Path) -> None:
    sent, _ = run(build.sequential("nop"), captures, tmp_path)
    assert sent == modelled(nf_models.nop, captures)


@pytest.mark.parametrize(("expire_us", "max_flows"), [
    (60_000_000, 65536),  # nothing expires
    pytest.param(20_000, 65536, marks=pytest.mark.quick),  # flows expire in pauses and under traffic
    (20_000, 512),        # and the table is full most of the time
    (60_000_000, 512),    # full for ever
    (1, 1),
])  # fmt: skip
def test_fw(build: Build, captures: Path, tmp_path: Path, expire_us: int, max_flows: int) -> None:
    expected = modelled(partial(nf_models.fw, expire_us=expire_us, max_flows=max_flows), captures)
    sent, _ = run(build.sequential("fw"), captures, tmp_path, f"--expire {expire_us} --max-flows {max_flows}")
    assert sent == expected


def test_fw_options_matter(captures: Path) -> None:
    """Else the cases above would all test the same."""
    results = [
        modelled(partial(nf_models.fw, expire_us=expire_us, max_flows=max_flows), captures)
        for expire_us in (60_000_000, 20_000) for max_flows in (65536, 512)
    ]  # fmt: skip
    dropped = [20000 - sum(map(len, result.values())) for result in results]
    assert len(set(dropped)) == 4
    # Odd and unknown frames are dropped in any case.
    assert all(count > 3000 for count in dropped)


@pytest.mark.parametrize(("rate", "burst", "capacity"), [
    (1_000_000, 100_000, 65536),         # the defaults
    (20_000, 1514, 65536),               # frames wait for tokens; buckets are forgotten after 76 ms
    (333, 61, 65536),                    # only small frames, and few of them
    (20_000, 1514, 256),                 # table full
    (7, 3_000, 65536),                   # fractions of bytes
    (100_000_000_000, 9_223_372_036, 65536),  # the largest numbers that are allowed
    (1, 9_223_372_036, 65536),
])  # fmt: skip
def test_pol(build: Build, captures: Path, tmp_path: Path, rate: int, burst: int, capacity: int) -> None:
    expected = modelled(partial(nf_models.pol, rate=rate, burst=burst, capacity=capacity), captures)
    sent, _ = run(build.sequential("pol"), captures, tmp_path, f"--rate {rate} --burst {burst} --capacity {capacity}")
    assert sent == expected


def test_pol_of_busy_hosts(build: Build, tmp_path: Path) -> None:
    """One /24, so that each bucket is refilled, emptied and cut off at its top many times."""
    captures = make_captures(
        tmp_path / "in", TrafficSpec(flows=500, packets=20000, distribution="one-slash-24", gaps=5, gap_us=40_000)
    )
    expected = modelled(partial(nf_models.pol, rate=3_999, burst=200, capacity=65536), captures)
    sent, _ = run(build.sequential("pol"), captures, tmp_path / "out", "--rate 3999 --burst 200")
    assert sent == expected
    received = sum(packet.port == 1 for packet in packets(captures))
    assert 0.2 * received < len(sent[0]) < 0.8 * received


@pytest.mark.parametrize(("nf", "arguments", "message"), [
    ("fw", "--max-flows 1000", "power of two"),
    ("fw", "--max-flows 0", "power of two"),
    ("fw", "--max-flows -4", "power of two"),
    ("fw", "--expire 0", "--expire must be"),
    ("fw", "--expire 99999999999999999999", "out of range"),
    ("fw", "--expire soon", "expire"),
    ("fw", "--wan 2", "--wan must be 0 or 1"),
    ("fw", "--colour red", "unknown option"),
    ("pol", "--rate 0", "--rate must be"),
    ("pol", "--burst 9223372037", "--burst must be"),
    ("pol", "--capacity 3", "power of two"),
    ("nop", "--rate 1", "no options"),
])  # fmt: skip
def test_bad_options(build: Build, captures: Path, tmp_path: Path, nf: str, arguments: str, message: str) -> None:
    with pytest.raises(ToolError) as error:
        run(build.sequential(nf), captures, tmp_path / "out", arguments)
    assert message in error.value.message
    assert not (tmp_path / "out").exists()


def test_fw_with_the_wan_on_port_0(build: Build, captures: Path, tmp_path: Path) -> None:
    sent, _ = run(build.sequential("fw"), captures, tmp_path, "--wan 0")
    mirrored = [nf_models.Packet(p.time, 1 - p.port, p.frame) for p in packets(captures)]
    verdicts = nf_models.fw(mirrored, expire_us=60_000_000, max_flows=65536)
    expected: dict[int, list[bytes]] = {0: [], 1: []}
    for packet, verdict in zip(mirrored, verdicts, strict=True):
        if isinstance(verdict, int):
            expected[1 - verdict].append(packet.frame)
    assert sent == expected
