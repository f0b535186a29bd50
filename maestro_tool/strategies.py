"""The choice of a strategy: the best one that is sound for this NF on these NICs, or the one asked for, or why not.

shared-nothing   every object is sharded, and the NIC sends packets to their owner
handoff          every object is sharded, and software passes packets to their owner
hybrid           objects that can be sharded are; the others are shared
locks            whatever packets write is shared
tm               the same; packets run as hardware transactions where the CPU has them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_tool.choices import STRATEGIES
from maestro_tool.codegen import check_own_variables
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.rss.strategy import Strategy, strategy_of
from maestro_tool.sharding.outcome import words
from maestro_tool.sharding.outcome.sharing import everything_shared, shares, sharing
from maestro_tool.sharding.plan import Code, Obstacle

if TYPE_CHECKING:
    from maestro_tool.diagnostics import SourceLocation
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss import RssSolution
    from maestro_tool.sharding.plan import ShardingPlan
    from maestro_tool.symex.callpath import Analysis

#: What `auto` tries, the best first.  Sharding chooses between shared-nothing and handoff by itself, port by port.
_BEST_FIRST = ("sharded", "hybrid", "locks")

#: Constraints of a plan, and whether to do without the NICs' hashing -> keys and tables.
Solve = Callable[["ShardingPlan", bool], "RssSolution"]
#: Obstacles that the sharding analysis does not know -> its plan with them.
Replan = Callable[[tuple["Obstacle", ...]], "ShardingPlan"]


class _UnsolvedError(UnsupportedError):
    """No keys exist, or none were found; ``obstacle`` says so of the objects concerned."""

    obstacle: Obstacle


@dataclass(frozen=True, slots=True)
class Choice:
    """``plan``: what the strategy does to each object; ``solution``: keys and tables for its constraints."""

    plan: ShardingPlan
    solution: RssSolution
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Question:
    """What a choice depends on; ``plan`` is the one of the sharding analysis, ``profiles`` are one per port.

    ``unsolved``: what had no keys in an earlier attempt, and is shared in ``plan``."""

    program: Program
    analysis: Analysis
    plan: ShardingPlan
    profiles: Sequence[NicProfile]
    solve: Solve
    replan: Replan
    unsolved: tuple[Obstacle, ...] = ()


def choose(question: Question, wanted: str) -> Choice:
    """The strategy ``wanted``, or for ``auto`` the best that is sound; raises `UnsupportedError` with the reason."""
    if wanted not in STRATEGIES:
        raise UnsupportedError(f"unknown strategy {wanted!r}", hint=f"known: {', '.join(STRATEGIES)}")
    if wanted != "auto":
        return _attempt(question, wanted)
    reasons: list[str] = []
    left = list(_BEST_FIRST)
    while left:
        try:
            choice = _attempt(question, left[0])
        except UnsupportedError as error:
            reasons.append(error.message + (f" ({error.location})" if error.location else ""))
            if isinstance(error, _UnsolvedError) and left[0] != _BEST_FIRST[-1]:
                # What has no keys is shared; the rest may have some.
                unsolved = (*question.unsolved, error.obstacle)
                question = replace(question, plan=question.replan(unsolved), unsolved=unsolved)
                if left[0] == "hybrid" or question.plan.shardable:
                    continue  # with fewer objects
            left.pop(0)
            continue
        return replace(choice, strategy=replace(choice.strategy, why=(*reasons, *choice.strategy.why)))
    return _attempt(question, _BEST_FIRST[-1])  # why even this is refused


def _attempt(question: Question, name: str) -> Choice:
    if name == "hybrid":
        return _hybrid(question)
    if name in ("locks", "tm"):
        return _locks(question, name)
    return _sharded(question, name)


def _sharded(question: Question, name: str) -> Choice:
    """All objects sharded; ``name`` as asked for, or "sharded" if either way will do."""
    plan = question.plan
    if not plan.shardable:
        raise _obstacle(question, "not shared-nothing")
    _check_variables(question, "not shared-nothing")
    solution = _solved(question, plan, name == "handoff", "not shared-nothing")
    strategy = strategy_of(solution, question.profiles, forced=name == "handoff")
    if name == "shared-nothing" and strategy.name != name:
        raise UnsupportedError(
            f"strategy=shared-nothing is not possible: {strategy.by_hand[0]}", hint="use strategy=handoff or auto"
        )
    return Choice(plan, solution, strategy)


def _hybrid(question: Question) -> Choice:
    plan = question.plan
    if plan.shardable:
        raise UnsupportedError(
            "not hybrid: every object that packets write can be sharded", hint="use strategy=shared-nothing or auto"
        )
    if not plan.constraints or all(d.treatment != "sharded" for d in plan.decisions):
        reason = _obstacle(question, "first of all")
        raise UnsupportedError(
            "not hybrid: nothing that packets write can be sharded", reason.location, hint=reason.message
        )
    hints = sharing(question.analysis, plan)
    if hints.always_write:
        raise UnsupportedError(
            f"not hybrid: {hints.why_always_write}, so only one could be handled at a time",
            hint="keep state in a map or a vector, and write near the frame's start; or use strategy=locks",
        )
    _check_variables(question, "not hybrid")
    solution = _solved(question, plan, False, "not hybrid")
    names = {o.id: o.name for o in question.analysis.objects}
    shared = ", ".join(names[d.object] for d in plan.decisions if d.treatment == "shared")
    why = (f"shared: {shared}", *strategy_of(solution, question.profiles).why)
    return Choice(plan, solution, Strategy("hybrid", why))


def _locks(question: Question, name: str) -> Choice:
    plan = everything_shared(question.plan)
    why = [] if shares(plan) else ["packets write no state, so there is nothing to share"]
    reason = sharing(question.analysis, plan).why_always_write
    if reason is not None:
        why.append(f"{reason}, so only one is handled at a time")
    solution = _solved(question, plan, False, f"not {name}")
    return Choice(plan, solution, Strategy(name, (*why, *strategy_of(solution, question.profiles).why)))


def _solved(question: Question, plan: ShardingPlan, software: bool, what: str) -> RssSolution:
    solution = question.solve(plan, software)
    if solution.satisfiable:
        return solution
    conflict = tuple(plan.constraints[n] for n in solution.conflict) or plan.constraints
    locs = tuple(dict.fromkeys(loc for c in conflict for loc in c.locs))
    error = _UnsolvedError(
        f"{what}: no RSS configuration satisfies the constraints: {solution.reason}",
        _location(question.program, locs),
        hint="use strategy=locks or auto",
    )
    # Without one of them there may be some: what cards can hash stays sharded, and what set-up allocates first.
    last = max(conflict, key=lambda c: (c.in_software, min(c.objects, default=0)))
    error.obstacle = Obstacle(Code.KEYS_NOT_FOUND, last.objects, locs, constraints=conflict)
    raise error


def _check_variables(question: Question, what: str) -> None:
    """Where state is sharded, the NF's variables are each core's own."""
    try:
        check_own_variables(question.program)
    except UnsupportedError as error:
        raise UnsupportedError(f"{what}: {error.message}", error.location, hint=error.hint) from None


def _obstacle(question: Question, what: str) -> UnsupportedError:
    o = question.plan.obstacles[0]
    return UnsupportedError(
        f"{what}: {words.obstacle(question.analysis, o).text}" + (f" [{o.rule}]" if o.rule else ""),
        _location(question.program, o.locs),
        hint="use strategy=locks or auto",
    )


def _location(program: Program, locs: Sequence[int]) -> SourceLocation | None:
    return program.locations[locs[0]] if locs else None
