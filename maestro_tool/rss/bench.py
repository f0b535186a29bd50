"""How long the solver takes on typical problems, beside what it may take at most; ``maestro bench`` prints it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import binary, eq, land
from maestro_tool.nic.profile import NicProfile
from maestro_tool.packet.classes import CLASSES, L4
from maestro_tool.packet.fields import FIELDS
from maestro_tool.rss.problem import Problem, problem
from maestro_tool.rss.relation import field, sorted_field
from maestro_tool.rss.solve import solve_problem
from maestro_tool.rss.symmetric import PARTNER
from maestro_tool.sharding.plan import Constraint, FieldBits

#: Seconds of CPU time.
FIELD_ONLY: Final = 0.030
GENERAL: Final = 3.0
REPEATS: Final = 5

_CLASSES: Final = tuple(c.name for c in CLASSES.values() if L4[4] in c.views)
_TUPLE: Final = ("src_ip", "dst_ip", "src_port", "dst_port")


@dataclass(frozen=True, slots=True)
class Figure:
    """``seconds`` of CPU time, the best of a few runs; ``target``: the most it may be."""

    name: str
    seconds: float
    target: float


def figures(profile: NicProfile) -> Iterator[Figure]:
    """Figures of two ports with this card."""
    for name, constraints, target in _problems():
        task = problem(constraints, profile, 2)
        runs = REPEATS if target == FIELD_ONLY else 1
        yield Figure(name, min(_seconds(task) for _ in range(runs)), target)


def _seconds(task: Problem) -> float:
    started = time.process_time()
    assert solve_problem(task).satisfiable
    return time.process_time() - started


def _problems() -> Iterator[tuple[str, tuple[Constraint, ...], float]]:
    same = [(f, f) for f in _TUPLE]
    swapped = [(f, PARTNER[f]) for f in _TUPLE]
    yield "flows and their replies", (_equal(0, 0, same), _equal(0, 1, swapped)), FIELD_ONLY
    yield "one address", (_equal(1, 1, [("dst_ip", "dst_ip")]),), FIELD_ONLY
    server = [("dst_ip", "src_ip"), ("dst_port", "src_port")]
    yield "address and port, across ports", (_equal(0, 0, same[1::2]), _equal(0, 1, server)), FIELD_ONLY
    prefix = FieldBits("src_ip", 31, 4)
    yield (
        "prefix of 28 bits",
        (Constraint((1, 1), ((prefix, prefix),), (_CLASSES, _CLASSES), "R2", (), ()),),
        FIELD_ONLY,
    )
    ordered = [eq(sorted_field(0, f), sorted_field(1, f)) for f in _TUPLE]
    yield "min/max-ordered pairs", (_related(reduce(land, ordered)),), GENERAL
    mixed = [binary("xor", field(side, "src_ip"), field(side, "dst_ip")) for side in (0, 1)]
    yield "equal XOR of addresses", (_related(eq(*mixed)),), GENERAL
    sums = [binary("add", field(side, "src_port"), field(side, "dst_port")) for side in (0, 1)]
    yield "equal sum of ports", (_related(eq(*sums)),), GENERAL


def _equal(a: int, b: int, pairs: list[tuple[str, str]]) -> Constraint:
    bits = tuple((FieldBits(x, FIELDS[x].bits - 1, 0), FieldBits(y, FIELDS[y].bits - 1, 0)) for x, y in pairs)
    return Constraint((a, b), bits, (_CLASSES, _CLASSES), "R1", (), ())


def _related(relation: Expr) -> Constraint:
    return Constraint((0, 0), (), (_CLASSES, _CLASSES), "R1", (), (), relation)
