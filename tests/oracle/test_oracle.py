"""Plans are sound: random NFs, parted as their plans say, answer as the sequential ones do, whatever is left to choose.

MAESTRO_ORACLE_SEED=N takes other NFs and other traffic; each test prints what it took.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from random import Random

import pytest

from .assignment import by_classes, by_keys
from .compiled import DROP, Job, Sent, Workshop
from .known_bad import DECISIONS, KNOWN_BAD
from .machine import Arrival, Decision, Model, Parted
from .oracle import Planned, arrivals_of, compared, planned
from .population import PACKETS, Figures, Specimen, first_failure, specimens, trials
from .program import Program
from .shrink import shrunk
from .sketches import ExactSketch
from .to_c import to_c

SEED = int(os.environ.get("MAESTRO_ORACLE_SEED", "1"))
#: NFs and runs of each in the gate, and in `./test --long`.
GATE, LONG = (100, 50), (3000, 60)
#: NFs that are compiled, and the workers that they run on.
COMPILED, WORKERS = int(os.environ.get("MAESTRO_ORACLE_COMPILED", "200")), (2, 3, 5)

Record = Callable[[str, object], None]


def seeds_of(seed: int, n: int) -> range:
    """Seeds for traffic and assignments of the NF with this seed."""
    return range(1000 * seed, 1000 * seed + n)


def first_of(part: int) -> int:
    """Where the seeds of NFs begin for a part of the tests."""
    return 1_000_000 * SEED + 100_000 * part


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> list[Specimen]:
    return list(specimens(first_of(0), GATE[0], tmp_path_factory.mktemp("gate")))


def examined(found: Iterable[Specimen], runs: int, folder: Path) -> Figures:
    """Figures of these NFs; fails with the smallest NF that shows an unsound plan."""
    figures = Figures()
    for s in found:
        figures.add(s)
        if s.planned is None or s.planned.choice.strategy.name in ("locks", "tm"):
            continue  # all is shared: there is nothing that a core would not see
        for t in trials(s.planned, s.planned.decisions, seeds_of(s.seed, runs)):
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
        return first_failure(p, p.decisions, seeds_of(s.seed, runs)) is not None

    small = shrunk(s.program, fails)
    p = planned(small, folder)
    found = first_failure(p, p.decisions, seeds_of(s.seed, runs))
    assert found is not None
    trial, failure = found
    treated = ", ".join(f"{name} {decision.treatment}" for name, decision in p.decisions.items())
    return (
        f"unsound plan: NF {s.seed}, run {trial.seed} by {trial.assigned} on {trial.cores} cores: {failure.text}\n"
        f"{p.choice.strategy.name}: {treated}\n{to_c(small)}\n{small.body}"
    )


def test_the_parted_machine_is_the_sequential_one(
    gate: list[Specimen], tmp_path: Path, record_property: Record
) -> None:
    figures = examined(gate, GATE[1], tmp_path)
    record_property("summary", f"oracle, seed {SEED}: {GATE[0]} NFs\n{figures.text()}")
    worthwhile = figures.strategies["shared-nothing"] + figures.strategies["hybrid"]
    assert worthwhile >= 0.35 * GATE[0], "too little is sharded for this test to say anything"
    assert figures.runs["runs on several cores"] >= 0.8 * figures.runs["runs"]
    assert figures.runs["runs with a full share"] >= 0.05 * figures.runs["runs"]


@pytest.mark.long
def test_many_more(tmp_path: Path, record_property: Record) -> None:
    n, runs = int(os.environ.get("MAESTRO_ORACLE_NFS", LONG[0])), LONG[1]
    figures = examined(specimens(first_of(1), n, tmp_path), runs, tmp_path)
    record_property("summary", f"oracle, seed {SEED}: {n} NFs\n{figures.text()}")


# --------------------------------------------------------------------------- would it notice?


def without_a_constraint(p: Planned, rng: Random) -> tuple[Planned, dict[str, Decision]] | None:
    constraints = p.plan.constraints
    if not constraints or any(c.relation is not None for c in constraints):
        return None
    n = rng.randrange(len(constraints))
    plan = replace(p.plan, constraints=(*constraints[:n], *constraints[n + 1 :]))
    return replace(p, choice=replace(p.choice, plan=plan)), p.decisions


def with_finer_constraints(p: Planned, rng: Random) -> tuple[Planned, dict[str, Decision]] | None:
    """Packets meet only if another field agrees, too."""
    named = {f for c in p.plan.constraints for pair in c.equal for f in (pair[0].field, pair[1].field)}
    free = {"src_ip", "dst_ip"} - named
    if not free or not named or any(c.relation is not None for c in p.plan.constraints):
        return None
    other = replace(p.plan.constraints[0].equal[0][0], field=min(free), high=31, low=0)
    plan = replace(p.plan, constraints=tuple(replace(c, equal=(*c.equal, (other, other))) for c in p.plan.constraints))
    return replace(p, choice=replace(p.choice, plan=plan)), p.decisions


def own_copies(p: Planned, rng: Random) -> tuple[Planned, dict[str, Decision]] | None:
    """Each core has a copy of what should be shared."""
    shared = [name for name, decision in p.decisions.items() if decision.treatment == "shared"]
    if not shared:
        return None
    return p, {name: replace(f, treatment="sharded") if name in shared else f for name, f in p.decisions.items()}


def equal_indices(p: Planned, rng: Random) -> tuple[Planned, dict[str, Decision]] | None:
    """Cores hand out the same indices where each should have its own range."""
    if not any(f.ranged for f in p.decisions.values()):
        return None
    return p, {name: replace(f, ranged=False) for name, f in p.decisions.items()}


BREAKS = {without_a_constraint: 0.5, with_finer_constraints: 0.5, own_copies: 0.4, equal_indices: 0.5}


def test_broken_plans_are_noticed(gate: list[Specimen], record_property: Record) -> None:
    tried, noticed = dict.fromkeys(BREAKS, 0), dict.fromkeys(BREAKS, 0)
    for s in gate:
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


@pytest.mark.quick
@pytest.mark.parametrize("name", KNOWN_BAD)
def test_what_was_unsound_once_is_noticed(name: str) -> None:
    """Under the plans that the tool made before it was mended."""
    model, decisions, constraints = Model(KNOWN_BAD[name]), *DECISIONS[name]
    runs = [
        compared(model, decisions, 3, by_classes(constraints, 3, n), arrivals_of(model, n, PACKETS)) for n in range(40)
    ]
    assert any(run.failure for run in runs)


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_what_was_unsound_once_is_mended(name: str, tmp_path: Path) -> None:
    p = planned(KNOWN_BAD[name], tmp_path)
    assert first_failure(p, p.decisions, range(60)) is None


# --------------------------------------------------------------------------- compiled


def test_compiled_programs(gate: list[Specimen], tmp_path: Path, record_property: Record) -> None:
    """gcc's sequential program = the interpreter; gcc's parallel program = the parted machine under the solution's keys,
    packet by packet, worker by worker; and the machines agree."""
    workshop = Workshop(tmp_path)
    more = specimens(first_of(2), 10 * COMPILED, tmp_path)
    chosen = list(islice((s for s in chain(gate, more) if s.planned), COMPILED))
    jobs: list[Job] = []
    traffic: dict[int, list[Arrival]] = {}
    for n, s in enumerate(chosen):
        workshop.build(n, of(s))
        traffic[n] = arrivals_of(Model(s.program, ExactSketch), s.seed, PACKETS)
        jobs += [Job(n, 1, True, n), *(Job(n, workers, False, n) for workers in WORKERS)]
    figures: Counter[str] = Counter()
    for job, sent in workshop.run(jobs, traffic).items():
        s = chosen[job.nf]
        wanted = sequential(s, traffic[job.nf]) if job.sequential else parted(s, job.workers, traffic[job.nf])
        wrong = next((i for i, (a, b) in enumerate(zip(wanted, sent, strict=True)) if a != b), None)
        if wrong is not None:
            pytest.fail(
                f"NF {s.seed}, {job}, packet {wrong}: {sent[wrong]} for {wanted[wrong]}\n{to_c(s.program)}",
                pytrace=False,
            )
        figures[of(s).choice.strategy.name] += 1
    text = ", ".join(f"{n} {name}" for name, n in figures.most_common())
    record_property(
        "summary", f"oracle, seed {SEED}: {len(chosen)} NFs compiled, {len(jobs)} runs on 1 {WORKERS} workers: {text}"
    )


def of(s: Specimen) -> Planned:
    assert s.planned is not None
    return s.planned


def sequential(s: Specimen, arrivals: Sequence[Arrival]) -> list[Sent]:
    model = Model(s.program, ExactSketch)
    alone = model.alone()
    return [sent(model, alone, a, 0) for a in arrivals]


def parted(s: Specimen, workers: int, arrivals: Sequence[Arrival]) -> list[Sent]:
    model, p = Model(s.program, ExactSketch), of(s)
    machine = Parted(model, p.decisions, workers)
    assigned = by_keys(p.choice.solution, workers)(arrivals)
    return [sent(model, machine.sets[core], a, core) for a, core in zip(arrivals, assigned, strict=True)]


def sent(model: Model, objects: dict[str, object], a: Arrival, worker: int) -> Sent:
    """As the runtime has it; the frame of a packet that is dropped is what the NF left, too."""
    frame = bytearray(a.frame)
    output = model.run(objects, a.device, frame, a.time)
    return Sent(DROP if output == a.device else output, worker, bytes(frame))
