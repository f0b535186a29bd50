"""All NFs: each packet follows exactly one call path, with the verdict and the frame of the compiled program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cases import SEQUENTIAL
from nf_runs import ROOT, Case, Packet, make_captures, packets
from test_traffic import CASES, received

from maestro_tool.nf import load
from maestro_tool.traffic.spec import TrafficSpec
from tests.operations.library import Compiler
from tests.replay.compare import Comparison
from tests.replay.program import Sequential, build

NFS = ("bridge", "cl", "fw", "hhh", "lb", "nat", "nop", "pol", "psd", "sbridge")
Nf = Callable[[str], Sequential]


@pytest.fixture(scope="session")
def nf(compiler: Compiler) -> Nf:
    return cache(lambda name: build(compiler, load(ROOT / "nfs" / name)))


#: Small tables that fill up, and times in which entries expire; sbridge and the others: at least two kinds of entries.
ARGUMENTS = {
    "bridge": "--expire 5000 --capacity 64",
    "cl": "--expire 10000 --max-flows 128 --max-connections 2 --sketch-capacity 101",
    "fw": "--expire 10000 --max-flows 128",
    "hhh": "--rate 20000 --burst 1514 --capacity 64",
    "lb": "--expire 10000 --max-flows 128 --backend-expire 4000",
    "nat": "--expire 10000 --max-flows 128",
    "nop": "",
    "pol": "--rate 20000 --burst 1600 --capacity 64",
    "psd": "--expire 15000 --max-ports 2 --capacity 64",
    "sbridge": " ".join(f"--entry {n % 2},02:00:0a:01:02:{n:02x}" for n in range(0, 256, 16)),
}


def small(spec: TrafficSpec, n: int) -> TrafficSpec:
    return replace(spec, packets=n, flows=min(spec.flows, n // 4), active=min(spec.active, n // 12))


def traffic(folder: Path, case: str, n: int | None = None) -> list[Packet]:
    spec = SEQUENTIAL[case].traffic
    return packets(make_captures(folder, spec if n is None else small(spec, n)))


#: Paths that the traffic takes at least, of all.
LEAST = {"bridge": 11, "cl": 8, "fw": 12, "hhh": 8, "lb": 9, "nat": 28, "nop": 2, "pol": 8, "psd": 10, "sbridge": 3}

#: From the LAN, or from the WAN; both have odd frames and pauses.
SPECS = {
    "bridge": "bridge-full", "cl": "cl-full", "fw": "nat-full", "hhh": "hhh-full", "lb": "lb-full", "nat": "nat-full",
    "nop": "nat-full", "pol": "nat-full", "psd": "psd-full", "sbridge": "sbridge",
}  # fmt: skip


@pytest.mark.parametrize("name", NFS)
def test_packets_follow_one_path(nf: Nf, tmp_path: Path, name: str) -> None:
    compared = Comparison(nf(name), tuple(ARGUMENTS[name].split()))
    compared.converse(traffic(tmp_path, SPECS[name], 1200))
    assert compared.handled > 1200
    assert len(compared.counts.paths) >= LEAST[name]
    assert not compared.counts.seen and not compared.counts.invented


@pytest.mark.parametrize("name", ["nat", "psd"])
def test_merged_paths(nf: Nf, tmp_path: Path, name: str) -> None:
    compared = Comparison(nf(name), tuple(ARGUMENTS[name].split()), merge_after=1)
    compared.converse(traffic(tmp_path, SPECS[name], 300))


@pytest.mark.long
@pytest.mark.parametrize("case", SEQUENTIAL)
def test_all_cases(nf: Nf, tmp_path: Path, case: str) -> None:
    given: Case = SEQUENTIAL[case]
    Comparison(nf(given.nf), tuple(given.arguments.split())).converse(traffic(tmp_path, case))


@pytest.fixture(scope="session")
def foreign(compiler: Compiler) -> Nf:
    return cache(lambda name: build(compiler, load(ROOT / "tests" / "foreign" / name)))


#: As `LEAST`.
FOREIGN = {
    "bitfields": 12, "ipoptions": 17, "oddities": 10, "pairs": 13, "resize": 7, "fixedbridge": 5, "threeports": 17,
    "gate": 12, "spread": 15, "masq": 16, "meter": 16, "wholeapi": 18,
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_nfs(foreign: Nf, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # an NF reads a file by its relative path
    case = replace(CASES[name], traffic=small(CASES[name].traffic, 600))
    compared = Comparison(foreign(name), tuple(case.arguments.split()))
    compared.converse(packets(received(tmp_path / "in", case)))
    assert len(compared.counts.paths) >= FOREIGN[name]
    assert compared.counts.seen.keys() <= {"nf_set_rte_ipv4_udptcp_checksum"}
