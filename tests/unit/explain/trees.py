"""Walks a decision tree beside a call path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from maestro_tool.explain import tree
from maestro_tool.explain.steps import Action
from maestro_tool.explain.tree import Leaf, Lookup, Node, children
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import lnot

#: A condition that a way through a tree asks for, or a lookup with its outcome.
Question = Expr | Action


def ways(
    node: Node, asked: tuple[Question, ...] = (), done: tuple[Action, ...] = ()
) -> Iterator[tuple[Leaf, tuple[Question, ...], tuple[Action, ...]]]:
    """Every leaf with the questions and the operations on the way to it."""
    done += node.operations
    match node.end:
        case Leaf():
            yield node.end, asked, done
        case tree.Test(condition, then, other):
            yield from ways(then, (*asked, condition), done)
            yield from ways(other, (*asked, lnot(condition)), done)
        case Lookup(operation, yes, no):
            for result, child in ((True, yes), (False, no)):
                outcome = replace(operation, result=result)
                yield from ways(child, (*asked, outcome), (*done, outcome))
        case _:
            for child in children(node.end):
                yield from ways(child, asked, done)
