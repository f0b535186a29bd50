"""Makes a decision tree short without making it wrong: every call path stays at a leaf with its verdict.

* A test whose two sides are alike is none.
* Tests in a row of which all but one way lead to the same are one test: IPv4, TCP or UDP, long enough; otherwise drop.
* Tests of what the state holds (tokens of a bucket, ages), in whatever order, that lead to few different ends become
  one `Choice` among these ends.
* In a large tree, tests of values are no questions at all: where ways part by them, there is a `Choice`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from maestro_tool.explain.steps import Action, Route, Step
from maestro_tool.explain.tree import Choice, Leaf, Lookup, Node, Test, children, grow, leaves, unite
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import land, lnot, lor, symbols
from maestro_tool.expr.symbols import INPUT_PORT, is_of_frame, is_option

#: A tree with more ends is told without tests of values.
_LARGE = 32


def decision_tree(routes: Sequence[Route]) -> Node:
    """The tree of one port's call paths, as short as it gets."""
    tree = condense(grow(routes))
    if sum(1 for _ in leaves(tree)) <= _LARGE:
        return tree
    return condense(grow([_without_values(r) for r in routes]))


def _without_values(route: Route) -> Route:
    """Tests of values hidden, and what is done again to the same entry left out."""
    steps: list[Step] = []
    hidden: list[tuple[int, Expr]] = []
    for step in route.steps:
        if isinstance(step, Expr):
            if _of_values(step):
                hidden.append((len(steps), step))
            else:
                steps.append(step)
        elif step.result is not None or step not in steps:
            steps.append(step)
    return replace(route, steps=tuple(steps), hidden=tuple(hidden))


def condense(node: Node) -> Node:
    """The same decisions with fewer questions."""
    match node.end:
        case Leaf():
            return node
        case Lookup(operation, yes, no):
            found, missed = condense(yes), condense(no)
            if found == missed:
                both = unite(found, missed)
                return Node((*node.operations, operation, *both.operations), both.end)
            return Node(node.operations, Lookup(operation, found, missed))
        case Choice(inputs, nodes):
            return _fold_values(Node(node.operations, Choice(inputs, tuple(map(condense, nodes)))))
        case Test(condition, then, other):
            tested = _test(condition, condense(then), condense(other))
            return _fold_values(Node(node.operations + tested.operations, tested.end))


def _test(condition: Expr, then: Node, other: Node) -> Node:
    if then == other:
        return unite(then, other)
    if not then.operations and isinstance(then.end, Test):
        inner = then.end
        if inner.other == other:
            return _test(land(condition, inner.condition), inner.then, unite(inner.other, other))
        if inner.then == other:
            return _test(land(condition, lnot(inner.condition)), inner.other, unite(inner.then, other))
    if not other.operations and isinstance(other.end, Test):
        inner = other.end
        if inner.then == then:
            return _test(lor(condition, inner.condition), unite(then, inner.then), inner.other)
        if inner.other == then:
            return _test(lor(condition, lnot(inner.condition)), unite(then, inner.other), inner.then)
    return Node((), Test(condition, then, other))


# --------------------------------------------------------------------------- tests of values


def _fold_values(node: Node) -> Node:
    """A test of values with all tests of values below it as one choice, where that leaves fewer ends."""
    end = node.end
    if not (isinstance(end, Choice) or (isinstance(end, Test) and _of_state(end.condition))):
        return node
    inputs: set[Expr] = set()
    ways = list(_ways(node, (), inputs))
    folded: list[tuple[frozenset[Action], tuple[Action, ...], Node]] = []
    for operations, last in ways:
        done = frozenset(operations)
        for n, (others, order, known) in enumerate(folded):
            if others == done and known == last:
                folded[n] = (others, order, unite(known, last))
                break
        else:
            folded.append((done, operations, last))
    if len(folded) == len(ways):
        return node
    always = frozenset.intersection(*(done for done, _, _ in folded))
    shared = node.operations + _once(o for o in folded[0][1] if o in always and o not in node.operations)
    own = tuple(Node(_once(o for o in order if o not in always), last.end) for _, order, last in folded)
    if len(own) == 1:
        return Node(shared + own[0].operations, own[0].end)
    return Node(shared, Choice(frozenset(inputs), own))


def _ways(node: Node, before: tuple[Action, ...], inputs: set[Expr]) -> Iterable[tuple[tuple[Action, ...], Node]]:
    """The ends below tests of values, with the operations on the way; collects what is tested."""
    operations, end = before + node.operations, node.end
    if isinstance(end, Choice):
        inputs |= end.inputs
    elif isinstance(end, Test) and _of_values(end.condition):
        inputs |= symbols(end.condition)
    else:
        yield operations, Node((), end)
        return
    for child in children(end):
        yield from _ways(child, operations, inputs)


def _once(operations: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(dict.fromkeys(operations))


def _of_state(condition: Expr) -> bool:
    """It depends on what the state holds, or on the time."""
    return _of_values(condition) and not all(is_of_frame(s) or is_option(s) for s in symbols(condition))


def _of_values(condition: Expr) -> bool:
    """It is no question about the frame alone."""
    return not all(is_of_frame(s) or s is INPUT_PORT for s in symbols(condition))
