"""What a question concerns: conditions on other symbols than its own are left out."""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols


def sharing(conditions: Iterable[Expr], about: Expr) -> tuple[Expr, ...]:
    """The conditions that share a symbol with ``about``: leaving others out makes a proof only harder."""
    wanted = symbols(about)
    return tuple(c for c in conditions if not wanted.isdisjoint(symbols(c)))


def connected(conditions: Iterable[Expr], about: Expr) -> tuple[Expr, ...]:
    """The conditions that share symbols with ``about``, directly or through others, in their order.

    Where something fulfils all conditions, it fulfils the rest, too, whatever these symbols are: nothing is lost.
    """
    wanted = set(symbols(about))
    found = [(c, symbols(c)) for c in conditions]
    chosen: set[Expr] = set()
    while more := [(c, names) for c, names in found if c not in chosen and not wanted.isdisjoint(names)]:
        for c, names in more:
            chosen.add(c)
            wanted |= names
    return tuple(c for c, _ in found if c in chosen)
