"""The walk over expressions: every subterm once, behind its arguments.  Iterative, since expressions may be deep."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from maestro_tool.expr.nodes import Expr

T = TypeVar("T")


def bottom_up(
    e: Expr,
    visit: Callable[[Expr, list[T]], T],
    done: dict[Expr, T],
    into: Callable[[Expr], tuple[Expr, ...]] | None = None,
) -> T:
    """What ``visit`` makes of ``e`` and of what it made of the arguments.

    ``done`` remembers; what is in it already is not visited.  ``into``: the subterms to look at first, if not
    all arguments.
    """
    stack = [e]
    while stack:
        x = stack[-1]
        if x in done:
            stack.pop()
            continue
        args = x.args if into is None else into(x)
        missing = [a for a in args if a not in done]
        if missing:
            stack.extend(missing)
            continue
        done[x] = visit(x, [done[a] for a in args])
        stack.pop()
    return done[e]


def arguments_first(terms: Iterable[Expr]) -> list[Expr]:
    """All subterms of the terms, once each, every one behind its arguments."""
    done: dict[Expr, None] = {}
    for e in terms:
        bottom_up(e, lambda x, args: None, done)
    return list(done)
