"""Plans are sound: random NFs, parted as their plans say, answer as the sequential ones do, whatever is left to choose.

MAESTRO_ORACLE_SEED=N takes other NFs and other traffic; each test prints what it took.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from .machine import Fate, Model
from .oracle import Planned, arrivals_of, planned
from .population import PACKETS, Figures, Specimen, first_failure, specimens, trials
from .program import Program
from .shrink import shrunk
from .to_c import to_c

SEED = int(os.environ.get("MAESTRO_ORACLE_SEED", "1"))
#: NFs and runs of each in the gate, and in `./test --long`.
GATE, LONG = (100, 40), (3000, 60)

Record = Callable[[str, object], None]


def seeds_of(seed: int, n: int) -> range:
    """Seeds for traffic and assignments of the NF with this seed."""
    return range(1000 * seed, 1000 * seed + n)


def examined(n: int, runs: int, first: int, folder: Path) -> Figures:
    """Figures of ``n`` NFs; fails with the smallest NF that shows an unsound plan."""
    figures = Figures()
    for s in specimens(first, n, folder):
        figures.add(s)
        if s.planned is None or s.planned.choice.strategy.name in ("locks", "tm"):
            continue  # all is shared: there is nothing that a core would not see
        for t in trials(s.planned, s.planned.fates, seeds_of(s.seed, runs)):
            figures.ran(t)
            if t.run.failure:
                pytest.fail(report(s, runs, folder), pytrace=False)
    return figures


def report(s: Specimen, runs: int, folder: Path) -> str:
    """The failing NF, made small, as C, and how it fails."""

    def fails(program: Program) -> bool:
        try:
            p = planned(program, folder)
        except Exception:
            return False
        return first_failure(p, p.fates, seeds_of(s.seed, runs)) is not None

    small = shrunk(s.program, fails)
    p = planned(small, folder)
    found = first_failure(p, p.fates, seeds_of(s.seed, runs))
    assert found is not None
    trial, failure = found
    treated = ", ".join(f"{name} {fate.treatment}" for name, fate in p.fates.items())
    return (
        f"unsound plan: NF {s.seed}, run {trial.seed} by {trial.assigned} on {trial.cores} cores: {failure.text}\n"
        f"{p.choice.strategy.name}: {treated}\n{to_c(small)}\n{small.body}"
    )


def first_of(part: int) -> int:
    """Where the seeds of NFs begin for a part of the tests."""
    return 1_000_000 * SEED + 100_000 * part


def test_the_parted_machine_is_the_sequential_one(tmp_path: Path, record_property: Record) -> None:
    figures = examined(*GATE, first_of(0), tmp_path)
    record_property("summary", f"oracle, seed {SEED}: {GATE[0]} NFs\n{figures.text()}")
    worthwhile = figures.strategies["shared-nothing"] + figures.strategies["hybrid"]
    assert worthwhile >= 0.35 * GATE[0], "too little is sharded for this test to say anything"
    assert figures.runs["runs on several cores"] >= 0.8 * figures.runs["runs"]
    assert figures.runs["runs with a full share"] >= 0.05 * figures.runs["runs"]


@pytest.mark.long
def test_many_more(tmp_path: Path, record_property: Record) -> None:
    n, runs = int(os.environ.get("MAESTRO_ORACLE_NFS", LONG[0])), LONG[1]
    figures = examined(n, runs, first_of(1), tmp_path)
    record_property("summary", f"oracle, seed {SEED}: {n} NFs\n{figures.text()}")


# --------------------------------------------------------------------------- would it notice?


def without_a_constraint(p: Planned, rng: Random) -> tuple[Planned, dict[str, Fate]] | None:
    constraints = p.plan.constraints
    if not constraints or any(c.relation is not None for c in constraints):
        return None
    n = rng.randrange(len(constraints))
    plan = replace(p.plan, constraints=(*constraints[:n], *constraints[n + 1 :]))
    return replace(p, choice=replace(p.choice, plan=plan)), p.fates


def with_finer_constraints(p: Planned, rng: Random) -> tuple[Planned, dict[str, Fate]] | None:
    """Packets meet only if another field agrees, too."""
    named = {f for c in p.plan.constraints for pair in c.equal for f in (pair[0].field, pair[1].field)}
    free = {"src_ip", "dst_ip"} - named
    if not free or not named or any(c.relation is not None for c in p.plan.constraints):
        return None
    other = replace(p.plan.constraints[0].equal[0][0], field=min(free), high=31, low=0)
    plan = replace(p.plan, constraints=tuple(replace(c, equal=(*c.equal, (other, other))) for c in p.plan.constraints))
    return replace(p, choice=replace(p.choice, plan=plan)), p.fates


def own_copies(p: Planned, rng: Random) -> tuple[Planned, dict[str, Fate]] | None:
    """Each core has a copy of what should be shared."""
    shared = [name for name, fate in p.fates.items() if fate.treatment == "shared"]
    if not shared:
        return None
    return p, {name: replace(f, treatment="sharded") if name in shared else f for name, f in p.fates.items()}


def equal_indices(p: Planned, rng: Random) -> tuple[Planned, dict[str, Fate]] | None:
    """Cores hand out the same indices where each should have its own range."""
    if not any(f.ranged for f in p.fates.values()):
        return None
    return p, {name: replace(f, ranged=False) for name, f in p.fates.items()}


BREAKS = {without_a_constraint: 0.5, with_finer_constraints: 0.5, own_copies: 0.4, equal_indices: 0.5}


def test_broken_plans_are_noticed(tmp_path: Path, record_property: Record) -> None:
    tried, noticed = dict.fromkeys(BREAKS, 0), dict.fromkeys(BREAKS, 0)
    for s in specimens(first_of(0), 60, tmp_path):
        if s.planned is None or not s.planned.plan.constraints:
            continue
        for break_ in BREAKS:
            broken = break_(s.planned, Random(s.seed))
            if broken is not None:
                tried[break_] += 1
                noticed[break_] += first_failure(*broken, seeds_of(s.seed, 24), keys=False) is not None
    texts = [f"{b.__name__} {noticed[b]} of {tried[b]}" for b in BREAKS]
    record_property("summary", f"oracle, broken plans that are noticed: {', '.join(texts)}")
    for break_, least in BREAKS.items():
        assert noticed[break_] >= least * tried[break_], break_.__name__


def test_the_machine_is_deterministic(tmp_path: Path) -> None:
    s = next(s for s in specimens(first_of(0), 20, tmp_path) if s.planned)
    model = Model(s.program)
    assert arrivals_of(model, 5, PACKETS) == arrivals_of(model, 5, PACKETS)
