"""Bursts given to `maestro_process_burst` directly, of any size: what looks ahead does what the plain path does.

Packets of one burst depend on each other here (few flows: the second of a new one, replies to what was sent before),
state expires between bursts, and mbufs come twice in one, so that frames change after they were looked at.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from nf_runs import make_captures, run
from programs import AHEAD, Build, driver

from maestro_tool.traffic.capture import read_folder, write_captures
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.spec import TrafficSpec

OPTIONS = {
    "fw": "--expire 20000 --max-flows 128",
    "nat": "--expire 20000 --max-flows 128",
    "psd": "--expire 15000 --max-ports 3 --capacity 64",
    "lb": "--expire 20000 --backend-expire 9000 --max-flows 128",
    "pol": "--rate 4000 --burst 200 --capacity 64",
    "hhh": "--rate 4000 --burst 200 --capacity 64",
    "cl": "--expire 10000 --max-flows 64 --max-connections 4 --sketch-capacity 64",
    "bridge": "--expire 15000 --capacity 64",
    "pairs": "--expire 20000",
    "bitfields": "",
    "sbridge": "--entry 0,02:00:00:00:00:01 --entry 1,02:00:00:00:01:01",
}
#: Where cells lie among elements: workers share neither, and elements leave room for a cell.
JOINED = {(nf, s) for nf in ("fw", "nat", "lb", "cl", "psd", "pol", "hhh", "bitfields") for s in ("sequential", "auto")}
#: In the gate: a wrong guess; an index that the packet brings; two steps; double maps; bit-fields.
GATE = {
    ("fw", "sequential", "wrong"), ("nat", "sequential", "right"), ("psd", "sequential", "right"),
    ("pairs", "sequential", "right"), ("bitfields", "sequential", "right"),
}  # fmt: skip
MATRIX = [
    (nf, strategy, how)
    for nf in OPTIONS
    for strategy in ("sequential", "auto", "locks")
    for how in AHEAD
    if (nf, strategy) != ("sbridge", "locks")
]


def _cases() -> list[object]:
    return [case if case in GATE else pytest.param(*case, marks=pytest.mark.long) for case in MATRIX]


@pytest.fixture(scope="module")
def expected() -> dict[str, list[str]]:
    return {}


def bursts(program: Path, nf: str, seed: int) -> list[str]:
    """What burst_driver.c prints, linked with the NF as ``program``."""
    words = [program, str(seed), "150", "--", *OPTIONS[nf].split()]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize(("nf", "strategy", "how"), _cases())
def test_bursts_equal_the_plain_path(
    build: Build, expected: dict[str, list[str]], nf: str, strategy: str, how: str
) -> None:
    for seed in (1, 2):
        if f"{nf} {seed}" not in expected:
            expected[f"{nf} {seed}"] = bursts(driver(build.reference(nf)), nf, seed)
        *plainly, plain = expected[f"{nf} {seed}"]
        *found, looked = bursts(driver(build.ahead(nf, strategy, how)), nf, seed)
        assert found == plainly
        assert {int(line.split()[1]) for line in plainly} >= {0, 1, 33, 65535}
        assert plain == "looked ahead 0 times for 0 packets; joined 0, packed 0"
        times, packets, joined, packed = map(int, re.findall(r"[0-9]+", looked))
        assert times > 100 and packets > 20 * times  # parts of 32 packets, the last ones of bursts smaller
        assert packed > 0 and (joined > 0) is ((nf, strategy) in JOINED)


def test_many_packets_at_one_time(build: Build, tmp_path: Path) -> None:
    """Replay gives packets with one timestamp together: here hundreds, in bursts of 32 that look ahead."""
    folder = make_captures(tmp_path / "in", TrafficSpec(flows=300, packets=6000, replies=0.4, odd=0.1, active=100))
    frames = {
        port: [replace(f, time=f.time // 5_000_000 * 5_000_000) for f in frames]
        for port, frames in read_folder(folder).items()
    }
    times = Counter(f.time for port in frames for f in frames[port])
    assert min(sorted(times.values())[1:]) > 64, times
    write_captures({folder / f"port{port}.pcap": frames[port] for port in frames})
    expected, _ = run(build.reference("fw"), folder, tmp_path / "reference", "--expire 9000")
    for name, program, workers in (
        ("ahead", build.ahead("fw", "sequential", "wrong"), 1),
        ("parallel", build.parallel("fw"), 2),
    ):
        sent, _ = run(program, folder, tmp_path / name, "--expire 9000", workers)
        assert compare(expected, sent).equal
    assert sum(map(len, expected.values())) > 2000
