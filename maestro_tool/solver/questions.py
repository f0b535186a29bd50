"""Conditions that z3 is asked about, within a budget of its own units of work: answers are repeatable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any, Literal

import z3

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import symbols
from maestro_tool.solver.translate import Translator

#: "unknown": the budget did not suffice.
Answer = Literal["yes", "no", "unknown"]


class Context:
    """Terms and answers that questions have in common; z3's contexts are not for several threads."""

    def __init__(self) -> None:
        self._refuted: dict[tuple[tuple[Expr, ...], Expr, bool, int], bool] = {}

    @cached_property
    def translate(self) -> Translator:
        """Made when it is needed: a context of z3's takes some milliseconds."""
        return Translator()

    def session(self, budget: int, conditions: Iterable[Expr] = ()) -> Session:
        """Questions about values for which all ``conditions`` hold."""
        session = Session(self.translate, budget)
        for c in conditions:
            session.require(c)
        return session

    def follows(self, conditions: tuple[Expr, ...], claim: Expr, budget: int) -> bool:
        """Proved: where all ``conditions`` hold, ``claim`` does."""
        return self._none(conditions, claim, True, budget)

    def impossible(self, conditions: tuple[Expr, ...], claim: Expr, budget: int) -> bool:
        """Proved: ``conditions`` and ``claim`` never hold together."""
        return self._none(conditions, claim, False, budget)

    def find(
        self, conditions: tuple[Expr, ...], claim: Expr, negated: bool, budget: int
    ) -> tuple[Answer, Mapping[Expr, int]]:
        """Can ``conditions`` and ``claim`` (or its contrary) hold together?  If so, values for which they do."""
        session = self.session(budget, conditions)
        session.require(claim, negated=negated)
        answer = session.ask()
        named = {s for e in (*conditions, claim) for s in symbols(e) if s.width} if answer == "yes" else ()
        return answer, {s: session.number(s) for s in named}

    def _none(self, conditions: tuple[Expr, ...], claim: Expr, negated: bool, budget: int) -> bool:
        query = (conditions, claim, negated, budget)
        if query not in self._refuted:
            session = self.session(budget, conditions)
            session.require(claim, negated=negated)
            self._refuted[query] = session.ask() == "no"
        return self._refuted[query]


class Session:
    """Conditions that are asked about together.

    A new one for each set of conditions: what z3 does before it searches, and leaves out where solvers are kept and
    extended, saves more than keeping them does.
    """

    def __init__(self, translate: Translator, budget: int) -> None:
        self._translate = translate
        self._solver = z3.SolverFor("QF_BV", ctx=translate.context)
        self._solver.set("rlimit", budget)
        self._model: Any = None

    def require(self, condition: Expr, *, negated: bool = False) -> None:
        term = self._translate(condition)
        self._solver.add(z3.Not(term) if negated else term)

    def differ(self, a: Expr, b: Expr) -> None:
        """Requires that these have different values."""
        self._solver.add(self._translate(a) != self._translate(b))

    def exclude(self, e: Expr, value: int) -> None:
        """Requires that ``e`` is not ``value``."""
        self._solver.add(self._translate(e) != value)

    def ask(self) -> Answer:
        """Can all that is required hold?"""
        answer = self._solver.check()
        self._model = self._solver.model() if answer == z3.sat else None
        return "yes" if answer == z3.sat else "no" if answer == z3.unsat else "unknown"

    def ask_odd(self, bits: Sequence[Expr]) -> Answer:
        """Can it hold while an odd number of ``bits`` is 1?  Requires nothing from now on."""
        self._solver.push()
        self._solver.add(reduce(lambda x, y: x ^ y, map(self._translate, bits)) == 1)
        answer = self.ask()
        self._solver.pop()
        return answer

    def number(self, e: Expr) -> int:
        """The value of ``e`` in what was found when the last answer was "yes"."""
        return int(self._model.eval(self._translate(e), model_completion=True).as_long())

    @property
    def work(self) -> int:
        """Resource units that z3 has used for all that was asked in this context."""
        return int(self._solver.statistics().get_key_value("rlimit count"))

    @property
    def reason(self) -> str:
        """Why the last answer is "unknown"."""
        return str(self._solver.reason_unknown())
