"""The walks over expressions: every subterm once, behind its arguments; and from the top, as far as one operator goes.

Iterative, since expressions may be deep.  Others have no walks of their own (`tests/vocabulary/test_walks.py`): what
they do with a subterm they give to these, and what is true of an operator whoever asks is in its row (`operators`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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


def parts(e: Expr, split: Callable[[Expr], tuple[Expr, ...] | None]) -> Iterator[Expr]:
    """What ``e`` is made of, in order: of what ``split`` says is made of others, those, and so on."""
    work = [e]
    while work:
        x = work.pop()
        others = split(x)
        if others is None:
            yield x
        else:
            work.extend(reversed(others))


def operands(e: Expr, op: str) -> Iterator[Expr]:
    """The operands of ``e`` where it is ``op`` of terms of ``op``, however grouped, in order; else ``e``."""
    return parts(e, lambda x: x.args if x.op == op else None)


def beneath(e: Expr, *ops: str) -> Expr:
    """The first argument, as long as ``e`` is one of ``ops``."""
    while e.op in ops:
        e = e.args[0]
    return e
