"""The decision tree of a port: what is asked of a packet and of the state, in order, until the verdict is known.

A `Node` does its operations, then ends in a `Leaf`, or asks: `Test` (a condition), `Lookup` (whether an operation
succeeds), or `Choice` (among several ways, by more than can be said in few words).  `grow` makes the tree that the
call paths are; `maestro_tool.explain.condense` makes it short.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from maestro_tool.explain.steps import Action, Edit, Route, Step
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, land, lnot, symbols
from maestro_tool.expr.walk import parts


@dataclass(frozen=True, slots=True)
class Leaf:
    """The end of call paths ``paths`` (numbers in `Analysis.paths`)."""

    verdict: int | str | Expr
    edit: Edit
    paths: frozenset[int] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Test:
    """``then`` where ``condition`` holds, else ``other``."""

    condition: Expr
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class Lookup:
    """``yes`` where ``operation`` finds, or gets, what it asks for; else ``no``."""

    operation: Action
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Choice:
    """One of ``nodes``, decided by the values of ``inputs`` (symbols)."""

    inputs: frozenset[Expr]
    nodes: tuple[Node, ...]


End = Leaf | Test | Lookup | Choice


@dataclass(frozen=True, slots=True)
class Node:
    operations: tuple[Action, ...]
    end: End


def children(end: End) -> tuple[Node, ...]:
    match end:
        case Leaf():
            return ()
        case Test():
            return (end.then, end.other)
        case Lookup():
            return (end.yes, end.no)
        case Choice():
            return end.nodes


def leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node.end, Leaf):
        yield node.end
    for child in children(node.end):
        yield from leaves(child)


def unite(a: Node, b: Node) -> Node:
    """Two equal nodes as one, with the paths and places of both."""
    assert a == b
    operations = tuple(
        replace(x, locs=x.locs | y.locs) for x, y in zip(a.operations, b.operations, strict=True)
    )  # fmt: skip
    match a.end, b.end:
        case Leaf(), Leaf():
            return Node(operations, replace(a.end, paths=a.end.paths | b.end.paths))
        case Test(), Test():
            return Node(
                operations, Test(a.end.condition, unite(a.end.then, b.end.then), unite(a.end.other, b.end.other))
            )
        case Lookup(), Lookup():
            return Node(operations, Lookup(a.end.operation, unite(a.end.yes, b.end.yes), unite(a.end.no, b.end.no)))
        case Choice(), Choice():
            return Node(operations, Choice(a.end.inputs, tuple(map(unite, a.end.nodes, b.end.nodes))))
    raise AssertionError("equal nodes have equal ends")


def grow(routes: Sequence[Route], at: int = 0, forked: int = 0) -> Node:
    """The tree of ``routes``, which agree in the steps before ``at`` and were parted last at ``forked``."""
    operations: list[Action] = []
    while True:
        ways = _ways(routes, at)
        if len(ways) > 1:
            return Node(tuple(operations), _fork(ways, at, forked))
        step = next(iter(ways))
        if step is None:
            return Node(tuple(operations), _leaf(routes, forked))
        if isinstance(step, Action):
            locs = frozenset[int]().union(*(_operation(r, at).locs for r in routes))
            operations.append(replace(step, locs=locs))
        # A condition that all share leaves no choice: nothing else is possible, or permitted, here.
        at += 1


def _ways(routes: Sequence[Route], at: int) -> dict[Step | None, list[Route]]:
    """Routes by their next step; None: they have ended."""
    ways: dict[Step | None, list[Route]] = {}
    for r in routes:
        ways.setdefault(r.steps[at] if at < len(r.steps) else None, []).append(r)
    return ways


def _operation(route: Route, at: int) -> Action:
    step = route.steps[at]
    assert isinstance(step, Action)
    return step


def _leaf(routes: Sequence[Route], forked: int) -> End:
    """Routes with the same steps; should they end differently, something in their values decides."""
    ends: dict[tuple[object, ...], list[Route]] = {}
    for r in routes:
        ends.setdefault((r.verdict, r.edit), []).append(r)
    found = [Leaf(rs[0].verdict, rs[0].edit, frozenset(r.number for r in rs)) for rs in ends.values()]
    if len(found) == 1:
        return found[0]
    return Choice(_hidden(routes, forked, None), tuple(Node((), leaf) for leaf in found))


def _fork(ways: dict[Step | None, list[Route]], at: int, forked: int) -> End:
    operations = [s for s in ways if isinstance(s, Action)]
    if len(operations) == len(ways) == 2 and len({replace(s, result=None) for s in operations}) == 1:
        found = {s.result: rs for s, rs in zip(operations, ways.values(), strict=True)}
        if found.keys() == {True, False}:
            locs = operations[0].locs | operations[1].locs
            return Lookup(
                replace(operations[0], result=None, locs=locs),
                grow(found[True], at + 1, at + 1),
                grow(found[False], at + 1, at + 1),
            )
    together: dict[Step | None, list[Route]] = {}
    for step, routes in ways.items():
        asked = replace(step, result=None) if isinstance(step, Action) else step
        together.setdefault(asked, []).extend(routes)
    groups = list(together.values())
    inputs = frozenset[Expr]().union(*(symbols(_guard(rs, at)) for rs in groups))
    hidden = _hidden([r for rs in groups for r in rs], forked, at)
    return _tests(groups, at) or Choice(inputs | hidden, tuple(grow(rs, at, at) for rs in groups))


def _hidden(routes: Sequence[Route], forked: int, at: int | None) -> frozenset[Expr]:
    """What the tests depend on that were left out since ``forked`` and before ``at``, or, if none, ever before."""
    tests = [(n, c) for r in routes for n, c in r.hidden if at is None or n <= at]
    recent = [c for n, c in tests if n >= forked] or [c for _, c in tests]
    return frozenset[Expr]().union(*map(symbols, recent))


def _tests(groups: list[list[Route]], at: int) -> Test | None:
    """A test for each group but the last; None if two groups' conditions may hold at once."""
    guards = [_first(rs, at) for rs in groups]
    if not _all_exclusive(guards):
        guards = [_guard(rs, at) for rs in groups]
    if not _all_exclusive(guards):
        return None
    other = grow(groups[-1], at, at)
    for guard, routes in zip(reversed(guards[:-1]), reversed(groups[:-1]), strict=True):
        test = Test(guard, grow(routes, at, at), other)
        other = Node((), test)
    return test


def _first(routes: Sequence[Route], at: int) -> Expr:
    step = routes[0].steps[at] if at < len(routes[0].steps) else None
    return step if isinstance(step, Expr) else TRUE


def _guard(routes: Sequence[Route], at: int) -> Expr:
    """The conditions that all ``routes`` share before they do something, or part."""
    guard = TRUE
    for step in routes[0].steps[at:]:
        if not isinstance(step, Expr) or any(len(r.steps) <= at or r.steps[at] is not step for r in routes):
            break
        guard = land(guard, step)
        at += 1
    return guard


def _all_exclusive(guards: list[Expr]) -> bool:
    return all(_exclusive(g, h) for n, g in enumerate(guards) for h in guards[n + 1 :])


def _exclusive(g: Expr, h: Expr) -> bool:
    """Seen from their form; False may also mean that it is not seen."""
    if lnot(g) is h:
        return True
    return any(_contradict(a, b) for a in conjuncts(g) for b in conjuncts(h))


def _contradict(a: Expr, b: Expr) -> bool:
    if a.op == b.op == "eq" and a.args[0] is b.args[0]:
        return a.args[1].is_const and b.args[1].is_const and a.args[1] is not b.args[1]
    return lnot(a) is b


def conjuncts(e: Expr) -> list[Expr]:
    """The parts of a conjunction, in order."""
    return [x for x in parts(e, split_conjunction) if x is not TRUE]


def split_conjunction(x: Expr) -> tuple[Expr, ...] | None:
    """The two that it says, if it says two."""
    if x.op == "lnot" and x.args[0].op == "lor":
        return tuple(map(lnot, x.args[0].args))
    return x.args if x.op == "land" else None
