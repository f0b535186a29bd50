"""Programs for XDP: each packet follows exactly one call path, with the verdict and the frame of the compiled program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from nf_runs import ROOT, packets
from test_dialects import CASES, received

from maestro_tool.nf import load
from tests.operations.library import Compiler
from tests.quick import others_long
from tests.replay.compare import Comparison
from tests.replay.program import Sequential, build
from tests.replay.test_nfs import small

Nf = Callable[[str], Sequential]

#: Paths that the traffic takes at least.
LEAST = {
    "census": 6, "doorman": 12, "envelope": 7, "guestlist": 10, "knock": 22, "lanes": 20, "parrot": 18, "sieve": 12,
    "curt": 8, "switchboard": 10, "tallies": 9, "turnstile": 22, "wayside": 8,
}  # fmt: skip


@pytest.fixture(scope="session")
def nf(compiler: Compiler) -> Nf:
    return cache(lambda name: build(compiler, load(ROOT / "tests" / "dialects" / "xdp" / name)))


@pytest.mark.parametrize("name", others_long(LEAST, ("knock", "envelope", "sieve", "curt")))
def test_packets_follow_one_path(nf: Nf, tmp_path: Path, name: str) -> None:
    case = replace(CASES[name], traffic=small(CASES[name].traffic, 900))
    compared = Comparison(nf(name), tuple(case.arguments.split()))
    compared.converse(packets(received(tmp_path / "in", case)))
    assert len(compared.counts.paths) >= LEAST[name]
    assert compared.handled > 1000 and not compared.counts.seen
    assert bool(compared.counts.invented) == (name == "envelope")  # bytes put before a frame, until they are written
