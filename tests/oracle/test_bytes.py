"""Random NFs whose keys are bytes that no card hashes: parted as their plans say, they answer as the sequential ones do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from maestro_tool.diagnostics import MaestroError

from .assignment import by_classes
from .expressions import Field
from .generator import generate
from .machine import Model
from .oracle import arrivals_of, compared, planned
from .population import PACKETS, trials
from .program import rewritten

FIRST = 7_700_000
#: What is read in place of addresses and ports.
BYTES = {"src_ip": "src_mac5", "dst_ip": "dst_mac5", "src_port": "packet_id"}


def of_bytes(x: Any) -> Any:
    return Field(BYTES[x.name]) if isinstance(x, Field) and x.name in BYTES else x


def figures(nfs: int, runs: int, folder: Path) -> Counter[str]:
    """What NFs got, and how often packets of those that are sharded by bytes were parted."""
    found = Counter[str]()
    for seed in range(FIRST, FIRST + nfs):
        try:
            p = planned(rewritten(generate(seed), of_bytes), folder)
        except MaestroError:
            continue
        if not any(c.in_software for c in p.plan.constraints):
            continue
        found[p.choice.strategy.name] += 1
        for t in trials(p, p.decisions, range(1000 * seed, 1000 * seed + runs)):
            assert t.run.failure is None, (seed, t.seed, t.assigned, t.cores, t.run.failure)
            found["parted"] += t.run.parted > 1
    return found


def test_bytes_part_packets_rightly(tmp_path: Path) -> None:
    found = figures(8, 6, tmp_path)
    assert found["shared-nothing"] >= 2 and found["hybrid"] >= 1 and found["parted"] >= 20


def test_it_would_be_noticed(tmp_path: Path) -> None:
    """Were packets parted as if the constraints were not there, the answers would differ."""
    p = planned(rewritten(generate(FIRST + 2), of_bytes), tmp_path)
    assert p.choice.strategy.name == "shared-nothing" and any(c.in_software for c in p.plan.constraints)
    model = Model(p.program)
    runs = [compared(model, p.decisions, 3, by_classes((), 3, n), arrivals_of(model, n, PACKETS)) for n in range(20)]
    assert any(run.failure for run in runs)


#: An NF whose packets bring indices, which compare what is stored with bytes.
BRINGS = FIRST + 60


def test_indices_that_packets_bring(tmp_path: Path) -> None:
    p = planned(rewritten(generate(BRINGS), of_bytes), tmp_path)
    assert p.choice.strategy.name == "shared-nothing"
    assert any(c.rule == "R5" and c.in_software for c in p.plan.constraints)
    runs = [t.run for t in trials(p, p.decisions, range(20))]
    assert not any(run.failure for run in runs) and sum(run.parted > 1 for run in runs) >= 5


@pytest.mark.long
def test_of_many(tmp_path: Path) -> None:
    found = figures(400, 20, tmp_path)
    assert found["shared-nothing"] >= 40 and found["parted"] >= 1000
