"""However short a decision tree is made: every call path is at a leaf with its verdict, behind questions that it answers so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from trees import ways

from maestro_tool.explain import condense
from maestro_tool.explain import tree as trees_of
from maestro_tool.explain.condense import decision_tree
from maestro_tool.explain.steps import Action, Edit, Route, Step, routes
from maestro_tool.explain.tree import Choice, Leaf, Lookup, Node, children, grow, leaves
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, compare, concat, const, eq, lnot, substitute, sym
from maestro_tool.expr.symbols import PACKET_LENGTH, Produced, option, packet_byte
from maestro_tool.frontend import load_program
from maestro_tool.operations import OPERATIONS
from maestro_tool.solver.translate import Translator
from maestro_tool.symex import Limits, analyse

ROOT = Path(__file__).resolve().parents[3]
NFS = ("nop", "fw", "pol", "sbridge", "bridge", "nat", "psd", "cl", "lb")


@cache
def trees(nf: str) -> dict[int, tuple[list[Route], Node]]:
    program = load_program(sorted((ROOT / "nfs" / nf).glob("*.c")), [], [])
    by_port = routes(analyse(program, (), 2, Limits()))
    return {port: (found, decision_tree(found)) for port, found in by_port.items()}


@pytest.mark.parametrize("nf", NFS)
def test_every_call_path_is_at_one_leaf_with_its_verdict(nf: str) -> None:
    for found, tree in trees(nf).values():
        at = [number for leaf in leaves(tree) for number in leaf.paths]
        assert sorted(at) == sorted(r.number for r in found)
        by_number = {r.number: r for r in found}
        for leaf in leaves(tree):
            for number in leaf.paths:
                assert (leaf.verdict, leaf.edit) == (by_number[number].verdict, by_number[number].edit)


@pytest.mark.parametrize("nf", NFS)
def test_paths_answer_the_questions_on_their_way(nf: str) -> None:
    translate = Translator()
    solver = z3.Solver(ctx=translate.context)
    for found, tree in trees(nf).values():
        by_number = {r.number: r for r in found}
        for leaf, asked, _ in ways(tree):
            for route in (by_number[n] for n in leaf.paths):
                for question in asked:
                    if isinstance(question, Action):
                        assert question in route.steps
                    else:
                        holds = [translate(s) for s in route.steps if isinstance(s, Expr)]
                        assert solver.check(*holds, z3.Not(translate(question))) == z3.unsat


@pytest.mark.parametrize("nf", NFS)
def test_operations_of_a_path_are_told_on_its_way(nf: str) -> None:
    for found, tree in trees(nf).values():
        told_on_the_way(found, tree)


def told_on_the_way(found: list[Route], tree: Node) -> None:
    by_number = {r.number: r for r in found}
    for leaf, _, done in ways(tree):
        for route in (by_number[n] for n in leaf.paths):
            mine = {replace(s, result=None) for s in route.steps if isinstance(s, Action)}
            assert {replace(o, result=None) for o in done} == mine


def test_fw_is_short() -> None:
    """Not IPv4, not TCP or UDP, too short: one test."""
    assert [len(list(leaves(tree))) for _, tree in trees("fw").values()] == [4, 3]


# --------------------------------------------------------------------------- random programs

_LENGTH = PACKET_LENGTH
_ETHERTYPE = concat(packet_byte(12), packet_byte(13))
_TOKENS = sym(Produced("vector_read", 9, 0), 8)
_LIMIT = option("limit", 8)
_ATOMS = (
    eq(_ETHERTYPE, const(0x800, 16)),
    eq(_ETHERTYPE, const(0x806, 16)),
    compare("ule", const(34, 16), _LENGTH),
    compare("ule", const(38, 16), _LENGTH),
    eq(packet_byte(23), const(6, 8)),
    compare("ult", _TOKENS, const(9, 8)),
    compare("ult", _TOKENS, _LIMIT),
    eq(_TOKENS, packet_byte(23)),
)
_VALUES = {packet_byte(n): (0, 6, 8) for n in (12, 13, 23)} | {
    _LENGTH: (20, 35, 60), _TOKENS: (0, 6, 200), _LIMIT: (0, 100)
}  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """A random NF: ask ``question``; or end."""

    before: tuple[Action, ...]
    question: Expr | Action | None
    verdict: int | str
    yes: Ask | None = None
    no: Ask | None = None


_DONE = st.sampled_from([Action(OPERATIONS["vector_write"], (n,)) for n in range(2)])
_BEFORE = st.lists(_DONE, max_size=2).map(tuple)
_LOOKUP = st.sampled_from([Action(OPERATIONS["map_get"], (n,), key=(packet_byte(23),)) for n in range(2)])
_PROGRAMS: st.SearchStrategy[Ask] = st.recursive(
    st.builds(Ask, _BEFORE, st.none(), st.sampled_from(["drop", 1])),
    lambda below: st.builds(Ask, _BEFORE, st.sampled_from(_ATOMS) | _LOOKUP, st.just(0), below, below),
    max_leaves=12,
)


def paths(ask: Ask, steps: tuple[Step, ...] = ()) -> list[tuple[tuple[Step, ...], int | str]]:
    steps += ask.before
    if ask.question is None:
        return [(steps, ask.verdict)]
    assert ask.yes is not None and ask.no is not None
    if isinstance(ask.question, Action):
        answers: tuple[Step, Step] = replace(ask.question, result=True), replace(ask.question, result=False)
    else:
        answers = ask.question, lnot(ask.question)
    return paths(ask.yes, (*steps, answers[0])) + paths(ask.no, (*steps, answers[1]))


def reached(node: Node, packet: dict[Expr, Expr], outcomes: dict[Action, bool]) -> list[Leaf]:
    """The leaves that a packet may come to: one, unless there are choices."""
    match node.end:
        case Leaf():
            return [node.end]
        case trees_of.Test(condition, then, other):
            return reached(then if substitute(condition, packet) is TRUE else other, packet, outcomes)
        case Lookup(operation, yes, no):
            return reached(yes if outcomes[operation] else no, packet, outcomes)
        case Choice():
            return [leaf for child in children(node.end) for leaf in reached(child, packet, outcomes)]


def holds(step: Step, packet: dict[Expr, Expr], outcomes: dict[Action, bool]) -> bool:
    if isinstance(step, Action):
        return step.result is None or outcomes[replace(step, result=None)] == step.result
    return substitute(step, packet) is TRUE


@given(_PROGRAMS, st.data(), st.booleans())
def test_random_programs_and_packets(program: Ask, data: st.DataObject, large: bool) -> None:
    found = [Route(n, steps, verdict, Edit(())) for n, (steps, verdict) in enumerate(paths(program))]
    whole = grow(found)
    tree = condense.condense(grow([condense._without_values(r) for r in found])) if large else decision_tree(found)
    packet = {s: const(data.draw(st.sampled_from(v)), s.width) for s, v in _VALUES.items()}
    outcomes = {
        o: data.draw(st.booleans())
        for o in (Action(OPERATIONS["map_get"], (n,), key=(packet_byte(23),)) for n in range(2))
    }
    # Of routes with equal steps (a question asked twice) the walk decides the same.
    taken = [r for r in found if all(holds(s, packet, outcomes) for s in r.steps)]
    assert len(taken) == 1
    for t in (whole, tree):
        ends = reached(t, packet, outcomes)
        assert any(taken[0].number in leaf.paths for leaf in ends)
        if t is whole:
            assert {leaf.verdict for leaf in ends} == {taken[0].verdict}
    assert sorted(n for leaf in leaves(tree) for n in leaf.paths) == [r.number for r in found]
    told_on_the_way(found, tree)
