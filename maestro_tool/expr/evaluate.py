"""The numbers that expressions are for given numbers of their symbols, without building expressions on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from maestro_tool.expr.nodes import Expr
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.walk import arguments_first


class Numbers:
    """Calculates terms, as often as asked; what there is to do for each number of symbols is found out once."""

    def __init__(self, terms: Iterable[Expr]) -> None:
        terms = tuple(terms)
        order = arguments_first(terms)
        place = {e: n for n, e in enumerate(order)}
        self._start = [e.const if e.is_const else 0 for e in order]
        self._symbols = [(place[e], e) for e in order if e.op == "sym"]
        self._steps = [
            (n, row.fold, row.shape(e), tuple(place[a] for a in e.args), (1 << max(e.width, 1)) - 1)
            for n, e in enumerate(order)
            if (row := OPERATORS.get(e.op)) is not None
        ]
        self._terms = tuple(place[e] for e in terms)

    def __call__(self, symbols: Mapping[Expr, int]) -> list[int]:
        """The number of each term (truth: 1 or 0).  KeyError if a symbol has none."""
        found = self._start.copy()
        for n, symbol in self._symbols:
            found[n] = symbols[symbol]
        for n, fold, shape, args, mask in self._steps:
            found[n] = fold(shape, *[found[a] for a in args]) & mask
        return [found[n] for n in self._terms]
