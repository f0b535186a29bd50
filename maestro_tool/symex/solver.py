"""Is a path feasible?  Three-valued answers from small, remembered queries.

A query about a condition concerns only the conjuncts that share symbols with it, directly or through
others; paths have such slices in common, so most answers come from the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import z3

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.smt import Translator
from maestro_tool.symex.limits import Limits

Answer = Literal["yes", "no", "unknown"]


class Solver:
    """Decides whether conditions can hold together; one per analysis, with its own z3 context."""

    def __init__(self, limits: Limits, assumptions: Iterable[Expr] = ()) -> None:
        self.queries = 0
        self._limits = limits
        self._translate = Translator(z3.Context())
        self._z3 = z3.SolverFor("QF_BV", ctx=self._translate.context)
        self._z3.set("rlimit", limits.rlimit)
        self._assumptions = tuple(assumptions)
        self._symbols: dict[Expr, frozenset[Expr]] = {}
        self._answers: dict[tuple[Expr, ...], Answer] = {}

    def symbols(self, e: Expr) -> frozenset[Expr]:
        found = self._symbols.get(e)
        if found is None:
            found = self._symbols[e] = nodes.symbols(e)
        return found

    def may_hold(self, conditions: tuple[Expr, ...], condition: Expr) -> Answer:
        """Can ``condition`` hold where ``conditions``, which are satisfiable, do?"""
        query = (*self._slice(conditions, condition), condition)
        answer = self._answers.get(query)
        if answer is None:
            answer = self._answers[query] = self._check(query)
        return answer

    def values(self, conditions: tuple[Expr, ...], e: Expr, limit: int) -> list[int] | None:
        """All values ``e`` can take, sorted; None when there are more than ``limit`` or z3 gives up."""
        relevant = self._slice(conditions, e)
        self._z3.push()
        try:
            for c in relevant:
                self._z3.add(self._translate(c))
            term = self._translate(e)
            found: list[int] = []
            while True:
                self.queries += 1
                answer = self._z3.check()
                if answer == z3.unsat:
                    return sorted(found)
                if answer == z3.unknown or len(found) >= limit:
                    return None
                value = self._z3.model().eval(term, model_completion=True).as_long()
                found.append(value)
                self._z3.add(term != value)
        finally:
            self._z3.pop()

    def _slice(self, conditions: tuple[Expr, ...], about: Expr) -> list[Expr]:
        wanted = set(self.symbols(about))
        rest = [*self._assumptions, *conditions]
        chosen: set[Expr] = set()
        while True:
            more = [c for c in rest if c not in chosen and not wanted.isdisjoint(self.symbols(c))]
            if not more:
                return [c for c in rest if c in chosen]
            for c in more:
                chosen.add(c)
                wanted |= self.symbols(c)

    def _check(self, query: tuple[Expr, ...]) -> Answer:
        self.queries += 1
        self._z3.push()
        try:
            for c in query:
                self._z3.add(self._translate(c))
            answer = self._z3.check()
        finally:
            self._z3.pop()
        return "yes" if answer == z3.sat else "no" if answer == z3.unsat else "unknown"
