"""The question itself: does a plan, under some assignment of packets to cores, behave as the sequential NF?"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.nic import load_profile
from maestro_tool.nic.profile import NicProfile
from maestro_tool.sharding.plan import ObjectDecision, ShardingPlan
from maestro_tool.strategies import Choice

from .assignment import Assignment
from .machine import Arrival, Decision, Diverged, Model, Parted, Undefined, Verdict, guided
from .program import Global, Program, Vector
from .to_c import to_c
from .traffic import Pools, traffic

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Planned:
    """An NF with what the tool makes of it for `nic=soft`; ``found``: the plan before a strategy was chosen."""

    program: Program
    analysed: pipeline.Analysed
    found: ShardingPlan
    choice: Choice

    @property
    def plan(self) -> ShardingPlan:
        return self.choice.plan

    @property
    def decisions(self) -> dict[str, Decision]:
        return {name: Decision(d.treatment, d.split, d.ranged) for name, d in self._planned()}

    @property
    def treatments(self) -> list[tuple[str, str]]:
        """(kind, treatment) of each object that packets write."""
        kinds = {o.name: o.kind for o in self.analysed.analysis.objects}
        return [(kinds[name], d.treatment) for name, d in self._planned() if d.written]

    def _planned(self) -> list[tuple[str, ObjectDecision]]:
        names = {o.id: o.name for o in self.analysed.analysis.objects}
        return [(names[d.object], d) for d in self.plan.decisions]


@cache
def soft() -> NicProfile:
    return load_profile(ROOT / "configs" / "soft.yaml")


def planned(program: Program, folder: Path) -> Planned:
    """What a build for `nic=soft` would decide.  MaestroError if the tool refuses the NF.

    Its source stays in ``folder``, since code generation reads it again.
    """
    text, watch = to_c(program), pipeline.Stopwatch()
    source = folder / f"nf{zlib.crc32(text.encode()):08x}.c"
    source.write_text(text)
    analysed = pipeline.analyse(pipeline.Request((source,), ports=program.ports), NoCache(), watch)
    assert analysed.loaded is not None
    found = pipeline.derive(analysed, watch)
    profiles = pipeline.per_port([soft()], program.ports)
    return Planned(
        program, analysed, found, pipeline.decide(analysed, analysed.loaded, profiles, "auto", NoCache(), watch, found)
    )


@dataclass(frozen=True)
class Failure:
    """``at``: the number of the packet (that behind the last: what is left behind differs)."""

    at: int
    text: str


@dataclass(frozen=True)
class Run:
    """``handled``: packets that both machines handled before the NF did what is undefined, or all; ``full``: allocations that a
    core's full share refused."""

    handled: int
    failure: Failure | None
    parted: int = 0
    full: int = 0


def arrivals_of(model: Model, seed: int, n: int, pool: Pools | None = None) -> list[Arrival]:
    """Traffic that answers the sequential NF, up to the first packet whose handling is undefined."""
    alone, stopped = model.alone(), False

    def send(arrival: Arrival) -> Verdict:
        nonlocal stopped
        try:
            return model.handled(alone, arrival)
        except Undefined:
            raise _Stopped from None

    return traffic(seed, model.program.ports, model.program.guard.startswith("dual"), n, send, _Stopped, pool)


class _Stopped(Exception):
    pass


def compared(
    model: Model, decisions: dict[str, Decision], cores: int, assignment: Assignment, arrivals: Sequence[Arrival]
) -> Run:
    """Runs both machines packet by packet."""
    parted = Parted(model, decisions, cores)
    guide: list[tuple[str, int | None]] = []
    sequential = guided(model, decisions, cores, _taken(guide))
    assigned, full = assignment(arrivals), 0
    for n, (arrival, core) in enumerate(zip(arrivals, assigned, strict=True)):
        try:
            made: Verdict | None = parted.handled(core, arrival)
        except Undefined as error:
            made, why = None, str(error)
        guide += parted.record
        full += sum(got is None for _, got in parted.record)
        try:
            wanted = model.handled(sequential, arrival)
        except Undefined:
            return Run(n, None, len(set(assigned)), full)
        except Diverged as error:
            return Run(n, Failure(n, f"packet {n} on core {core}: {error}"), len(set(assigned)), full)
        if made is None:
            return Run(
                n, Failure(n, f"packet {n} on core {core}: undefined there only ({why})"), len(set(assigned)), full
            )
        if guide or made != wanted:
            difference = f"{made.output} {made.frame.hex()} for {wanted.output} {wanted.frame.hex()}"
            return Run(n, Failure(n, f"packet {n} on core {core}: {difference}"), len(set(assigned)), full)
    left = _left_behind(model, decisions, parted, sequential)
    failure = Failure(len(arrivals), left) if left else None
    return Run(len(arrivals), failure, len(set(assigned)), full)


def _taken(guide: list[Any]) -> Iterator[Any]:
    """Takes from the front of the list, whenever something is there."""
    while True:
        yield guide.pop(0) if guide else (None, None)


def _left_behind(
    model: Model, decisions: dict[str, Decision], parted: Parted, sequential: dict[str, Any]
) -> str | None:
    """What each core counted for itself adds up to what the sequential NF counted."""
    for o in model.program.objects:
        if decisions.get(o.name, Decision("read-only")).treatment != "per-core":
            continue
        fresh = model.alone()
        numbers = [_numbers(o, s[o.name]) for s in (*parted.sets, sequential, fresh)]
        *own, wanted, first = numbers
        for values, w, f in zip(zip(*own, strict=True), wanted, first, strict=False):
            if (sum(values) - len(own) * f - (w - f)) & 0xFFFF:
                return f"the cores' {o.name} do not add up"
    return None


def _numbers(o: Global | Vector, state: Any) -> list[int]:
    return list(state) if isinstance(o, Global) else [n for element in state.elements[: o.capacity] for n in element]


def broken(decisions: dict[str, Decision], names: set[str]) -> dict[str, Decision]:
    """The plan with these shared objects treated as sharded."""
    return {name: replace(f, treatment="sharded") if name in names else f for name, f in decisions.items()}
