"""All that is said about an NF on a NIC, as plain data; `to_json` is ``maestro-explain/1`` (docs/reports.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_tool.explain.condense import decision_tree
from maestro_tool.explain.depth import with_room
from maestro_tool.explain.steps import Action, Route, routes
from maestro_tool.explain.story import Passage, briefly, tell
from maestro_tool.explain.words import Words
from maestro_tool.expr import Expr
from maestro_tool.sharding.outcome import words as said
from maestro_tool.sharding.outcome.constraint_words import sentence

if TYPE_CHECKING:
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss.solution import PortSolution, RssSolution
    from maestro_tool.rss.strategy import Strategy
    from maestro_tool.sharding.plan import Obstacle, ShardingPlan
    from maestro_tool.symex.callpath import Analysis

SCHEMA = "maestro-explain/1"


@dataclass(frozen=True, slots=True)
class Flow:
    """How packets of ``port`` are handled."""

    port: int
    tree: Passage


@dataclass(frozen=True, slots=True)
class AccessText:
    """``what`` packets of ``port`` do to an object, and where the source does so."""

    port: int
    what: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObjectText:
    """A state object: what becomes of it, why, and who touches it.

    ``fields``: what packets that meet in it agree in.  ``remedy``: what change would make it sharded.
    """

    name: str
    kind: str
    capacity: int | None
    treatment: str
    rule: str | None
    reason: str
    fields: tuple[str, ...]
    remedy: str
    locations: tuple[str, ...]
    accesses: tuple[AccessText, ...]


@dataclass(frozen=True, slots=True)
class ConstraintText:
    """Packets that must meet on one core."""

    text: str
    rule: str
    objects: tuple[str, ...]
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why ``objects`` cannot be sharded: what names their entries, the places that conflict, and how to lift it."""

    text: str
    rule: str | None
    objects: tuple[str, ...]
    fields: tuple[str, ...]
    locations: tuple[str, ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the key of ``port`` spreads.

    ``fields``: what is hashed per packet class; ``index_bits``: how many bits of the index a field decides; ``balance``
    [traffic][workers]: load of the fullest worker over the mean; ``balance6``: of IPv6, where constraints name it.
    """

    port: int
    nic: str
    table_size: int
    free_key_bits: int
    fields: dict[str, tuple[str, ...]]
    index_bits: dict[str, int]
    balance: dict[str, dict[str, float]]
    balance6: dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``dialect``: one of `dialects.DIALECTS`.

    ``strategy``: None where none is sound; ``why``: who steers and why, or why there is none."""

    nf: str
    nic: str
    strategy: str | None
    why: tuple[str, ...]
    dialect: str
    arguments: tuple[str, ...]
    flows: tuple[Flow, ...]
    objects: tuple[ObjectText, ...]
    constraints: tuple[ConstraintText, ...]
    conflicts: tuple[Conflict, ...]
    relaxations: tuple[str, ...]
    quality: tuple[Quality, ...]
    pinned: tuple[str, ...]
    notes: tuple[str, ...]


def to_json(explanation: Explanation) -> dict[str, Any]:
    return {"schema": SCHEMA, **dataclasses.asdict(explanation)}


@dataclass(frozen=True, slots=True)
class Decided:
    """What is done about an NF: the plan as it is carried out, the keys, and who uses them."""

    plan: ShardingPlan
    solution: RssSolution
    strategy: Strategy


def explain(
    program: Program,
    analysis: Analysis,
    plan: ShardingPlan,
    name: str,
    profiles: Sequence[NicProfile],
    decided: Decided | None,
    why: Sequence[str],
) -> Explanation:
    """``plan``: what the sharding analysis found.  ``profiles``: one per port.

    ``decided``: None where nothing can be built, and ``why`` says why not.
    """
    from maestro_tool.nic.profile import label

    by_port = routes(analysis)
    words = Words(analysis)
    object_names = {o.id: o.name for o in analysis.objects}
    done = decided.plan if decided else plan

    def places(locs: Iterable[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(program.locations[loc]) for loc in locs))

    return Explanation(
        nf=name,
        nic=label(profiles),
        strategy=decided.strategy.name if decided else None,
        why=tuple(why),
        dialect=analysis.dialect,
        arguments=analysis.arguments,
        flows=with_room(lambda: tuple(Flow(port, tell(decision_tree(rs), words)) for port, rs in by_port.items())),
        objects=tuple(_objects(program, analysis, done, by_port, words)),
        constraints=tuple(
            ConstraintText(sentence(c), c.rule, tuple(object_names[o] for o in c.objects), places(c.locs))
            for c in done.constraints
        ),
        conflicts=tuple(_conflicts(program, analysis, done, object_names)),
        relaxations=tuple(said.relaxation(analysis, r) for r in done.relaxations),
        quality=tuple(_quality(p, profiles[p.port].name) for p in decided.solution.ports) if decided else (),
        pinned=tuple(f"{p.place} = {p.value}" for p in analysis.pinned),
        notes=tuple(f"{places((n.loc,))[0]}: {n.words}" for n in analysis.notes),
    )


def _conflicts(program: Program, analysis: Analysis, plan: ShardingPlan, names: dict[int, str]) -> Iterable[Conflict]:
    """Obstacles; those that say the same of several pairs of places as one."""
    together: dict[tuple[str, str | None, str], list[Obstacle]] = {}
    for o in plan.obstacles:
        words = said.obstacle(analysis, o)
        together.setdefault((words.text, o.rule, words.remedy), []).append(o)
    for (text, rule, remedy), obstacles in together.items():
        locations = dict.fromkeys(str(program.locations[loc]) for o in obstacles for loc in o.locs)
        objects = dict.fromkeys(names[n] for o in obstacles for n in o.objects)
        fields = dict.fromkeys(f for o in obstacles for f in said.obstacle(analysis, o).fields)
        yield Conflict(text, rule, tuple(objects), tuple(fields), tuple(locations), remedy)


def _objects(
    program: Program,
    analysis: Analysis,
    plan: ShardingPlan,
    by_port: dict[int, list[Route]],
    words: Words,
) -> Iterable[ObjectText]:
    touched = _accesses(by_port, words)
    for d in plan.decisions:
        obj = analysis.objects[d.object]
        accesses = tuple(
            AccessText(port, what, tuple(dict.fromkeys(str(program.locations[loc]) for loc in sorted(locs))))
            for (port, what), locs in touched.get(d.object, {}).items()
        )
        locations = tuple(dict.fromkeys(str(program.locations[loc]) for loc in d.locs))
        why = said.decision(analysis, plan, d)
        yield ObjectText(
            obj.name, obj.kind, obj.capacity, d.treatment, d.rule, why.text, why.fields, why.remedy, locations, accesses
        )  # fmt: skip


def _accesses(by_port: dict[int, list[Route]], words: Words) -> dict[int, dict[tuple[int, str], set[int]]]:
    """Per object: (port, what is done) -> where."""
    found: dict[int, dict[tuple[int, str], set[int]]] = {}
    for port, port_routes in by_port.items():
        for route in port_routes:
            known: list[Expr] = [s for s in route.steps if isinstance(s, Expr)]
            for operation in route.steps:
                if isinstance(operation, Action):
                    what = briefly(operation, words, known)
                    for obj in operation.objects:
                        found.setdefault(obj, {}).setdefault((port, what), set()).update(operation.locs)
    return found


def _quality(p: PortSolution, nic: str) -> Quality:
    from maestro_tool.rss.solution import by_traffic, effective_hash

    return Quality(
        p.port, nic, p.table_size, p.free_dimensions, dict(effective_hash(p)), dict(p.field_ranks),
        by_traffic(p.balance), by_traffic(p.balance6),
    )  # fmt: skip
