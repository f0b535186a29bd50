"""Random NFs with what the tool decides about them, and the figures that are printed of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from maestro_tool.diagnostics import MaestroError

from .assignment import Assignment, by_classes, by_keys, by_linear_function
from .generator import generate
from .machine import Decision, Model
from .oracle import Failure, Planned, Run, arrivals_of, compared, planned
from .program import Program
from .to_c import to_c

#: Packets of a run.
PACKETS = 100


@dataclass(frozen=True)
class Specimen:
    """``planned``: None if the tool refuses the NF, with ``refusal``."""

    seed: int
    program: Program
    planned: Planned | None
    refusal: str = ""


def specimens(first: int, n: int, folder: Path) -> Iterator[Specimen]:
    """The NFs of ``n`` seeds.  Errors that are no answers to a user are not caught."""
    for seed in range(first, first + n):
        program = generate(seed)
        try:
            yield Specimen(seed, program, planned(program, folder))
        except MaestroError as error:
            yield Specimen(seed, program, None, error.message)
        except Exception as error:
            error.add_note(f"of the NF with seed {seed}:\n{to_c(program)}")
            raise


def assignment_of(p: Planned, seed: int, keys: bool) -> tuple[str, int, Assignment]:
    """A way to part packets that the plan allows: (its name, the number of cores, it); ``keys``: perhaps the solution's."""
    rng = Random(seed)
    cores, constraints = rng.choice((2, 3, 5)), p.plan.constraints
    if keys and rng.random() < 0.2:
        return "keys", cores, by_keys(p.choice.solution, cores)
    linear = by_linear_function(constraints, cores, seed) if rng.random() < 0.4 else None
    return ("linear", cores, linear) if linear else ("classes", cores, by_classes(constraints, cores, seed))


@dataclass(frozen=True)
class Trial:
    """One run of one NF: what to give to `again`."""

    seed: int
    assigned: str
    cores: int
    run: Run


def trials(p: Planned, decisions: dict[str, Decision], seeds: Iterable[int], keys: bool = True) -> Iterator[Trial]:
    model = Model(p.program)
    for seed in seeds:
        assigned, cores, assignment = assignment_of(p, seed, keys)
        yield Trial(
            seed, assigned, cores, compared(model, decisions, cores, assignment, arrivals_of(model, seed, PACKETS))
        )


def first_failure(
    p: Planned, decisions: dict[str, Decision], seeds: Iterable[int], keys: bool = True
) -> tuple[Trial, Failure] | None:
    return next(((t, t.run.failure) for t in trials(p, decisions, seeds, keys) if t.run.failure), None)


@dataclass
class Figures:
    """What a population came to."""

    strategies: Counter[str] = field(default_factory=Counter)
    treatments: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    obstacles: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)

    def add(self, s: Specimen) -> None:
        if s.planned is None:
            self.strategies["refused"] += 1
            self.refusals[_general(s.refusal)] += 1
            return
        self.strategies[s.planned.choice.strategy.name] += 1
        self.treatments.update(s.planned.treatments)
        self.obstacles.update({f"{o.rule or 'undecided'}: {o.code}" for o in s.planned.found.obstacles})

    def ran(self, t: Trial) -> None:
        self.runs.update({"runs": 1, f"runs by {t.assigned}": 1, "packets": t.run.handled})
        self.runs["runs on several cores"] += t.run.parted > 1
        self.runs["runs with a full share"] += t.run.full > 0

    def text(self) -> str:
        """A table of all, for people."""
        lines = ["strategies: " + _listed(self.strategies), "runs: " + _listed(self.runs)]
        for kind in sorted({kind for kind, _ in self.treatments}):
            mine = Counter({t: n for (k, t), n in self.treatments.items() if k == kind})
            lines.append(f"  {kind}: {_listed(mine)}")
        lines += [f"  refused {n}: {text}" for text, n in self.refusals.most_common()]
        lines += [f"  shared  {n}: {text}" for text, n in self.obstacles.most_common(25)]
        return "\n".join(lines)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.most_common())


def _general(text: str) -> str:
    """The text without numbers, so that equal reasons count together."""
    return "".join("" if c.isdigit() else c for c in text)[:110]
