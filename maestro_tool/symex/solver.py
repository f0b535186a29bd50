"""Is a path feasible?  Three-valued answers from small, remembered queries.

A query about a condition concerns only the conjuncts that share symbols with it, directly or through
others; paths have such slices in common, so most answers come from the table.

Products and quotients of two unknowns are left open, as are products with constants of many bits (a billion, say), and
quotients of what is left open by such constants:
bit-blasting them takes seconds, and no path of a network function is known to be infeasible because of one.  "no" stays
a proof; "yes" may then be too generous.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import z3

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import arguments_first, numbers
from maestro_tool.expr.smt import Translator
from maestro_tool.expr.symbols import Placeholder, placeholder
from maestro_tool.symex.limits import Limits

Answer = Literal["yes", "no", "unknown"]

#: Why a term is left open.
_NONLINEAR_TERM = "nonlinear"

_NONLINEAR = frozenset({"mul", "udiv", "urem", "sdiv", "srem"})

#: Constants with more bits set than this make products that are hard to reason about.
_EASY_FACTOR_BITS = 4

#: Values of symbols under which conditions hold; symbols that are missing may have any value (zero, if asked).
Witness = dict[Expr, Expr]


class Solver:
    """Decides whether conditions can hold together; one per analysis, with its own z3 context."""

    def __init__(self, limits: Limits, assumptions: Iterable[Expr] = ()) -> None:
        self.queries = 0
        self.likely: Witness = {}  # values that symbols have in some run
        self._translate = Translator(z3.Context())
        self._limits = limits
        self._assumptions = tuple(assumptions)
        self._open: dict[Expr, Expr] = {}  # terms with their nonlinear parts replaced by symbols
        self._answers: dict[tuple[Expr, ...], tuple[Answer, Witness | None]] = {}
        self._orders: dict[Expr, list[Expr]] = {}
        self._values: dict[tuple[Expr, ...], list[int] | None] = {}

    def symbols(self, e: Expr) -> frozenset[Expr]:
        return nodes.symbols(e)

    def first_witness(self) -> Witness:
        """Values under which the assumptions hold."""
        witness: Witness = {}
        for assumption in self._assumptions:
            witness.update(self.find((), assumption)[1] or {})
        return witness

    def holds_under(self, witness: Witness, condition: Expr) -> bool:
        """Is the condition true for these values (and zero for all others)?"""
        symbols = self.symbols(condition)
        if any(s.width == 0 for s in symbols):  # nobody says whether they hold: perhaps it does not matter
            known = {s: witness.get(s) or nodes.const(0, s.width) for s in symbols if s.width}
            return nodes.substitute(condition, known) is nodes.TRUE
        values = {s: witness[s].const if s in witness else 0 for s in symbols}
        order = self._orders.get(condition)
        if order is None:
            order = self._orders[condition] = arguments_first([condition])
        return bool(numbers(order, values)[condition])

    def may_hold(self, conditions: tuple[Expr, ...], condition: Expr) -> Answer:
        """Can ``condition`` hold where ``conditions``, which are satisfiable, do?"""
        return self.find(conditions, condition)[0]

    def find(self, conditions: tuple[Expr, ...], condition: Expr) -> tuple[Answer, Witness | None]:
        """As `may_hold`, and for "yes" values of the symbols that matter, for which it does (if some are known)."""
        query = (*self._slice(conditions, condition), condition)
        answer = self._answers.get(query)
        if answer is None:
            answer = self._answers[query] = self._check(query)
        return answer

    def guess(self, conditions: tuple[Expr, ...], witness: Witness, condition: Expr) -> Witness | None:
        """``witness``, under which ``conditions`` hold, with other values for symbols that they leave free, such that
        ``condition`` holds too; None if none of a few guesses will do."""
        bound = frozenset[Expr]().union(*(self.symbols(c) for c in (*self._assumptions, *conditions)))
        free = [s for s in self.symbols(condition) - bound if s.width]
        for value in (0, -1, 1) if free else ():
            guess = {**witness, **{s: self.likely.get(s) or nodes.const(value, s.width) for s in free}}
            if self.holds_under(guess, condition):
                return guess
        return None

    def values(self, conditions: tuple[Expr, ...], e: Expr, limit: int) -> list[int] | None:
        """All values ``e`` can take, sorted; None when there are more than ``limit`` or z3 gives up."""
        query = (*self._slice(conditions, e), e)
        if query not in self._values:
            self._values[query] = self._tried(query) or self._enumerated(query, limit)
        found = self._values[query]
        return found if found is None or len(found) <= limit else None

    def _tried(self, query: tuple[Expr, ...]) -> list[int] | None:
        """The values of the last term where the conditions before it hold, if all depends on a single byte."""
        symbols = frozenset[Expr]().union(*(self.symbols(c) for c in query))
        if len(symbols) != 1 or not 0 < (symbol := next(iter(symbols))).width <= 8:
            return None
        order = arguments_first(query)
        found = set()
        for value in range(1 << symbol.width):
            result = numbers(order, {symbol: value})
            if all(result[c] for c in query[:-1]):
                found.add(result[query[-1]])
        return sorted(found)

    def _enumerated(self, query: tuple[Expr, ...], limit: int) -> list[int] | None:
        *conditions, e = query
        solver = self._asked(conditions)
        term = self._translate(self._opened(e))
        found: list[int] = []
        while True:
            self.queries += 1
            answer = solver.check()
            if answer == z3.unsat:
                return sorted(found)
            if answer == z3.unknown or len(found) >= limit:
                return None
            value = solver.model().eval(term, model_completion=True).as_long()
            found.append(value)
            solver.add(term != value)

    def _slice(self, conditions: tuple[Expr, ...], about: Expr) -> list[Expr]:
        """The conditions that share symbols with ``about``, directly or through others."""
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

    def _asked(self, conditions: Iterable[Expr]) -> Any:
        """A z3 solver that holds these conditions.  A new one: what z3 does before it searches, and leaves out where
        solvers are kept and extended, saves more than keeping them does."""
        solver = z3.SolverFor("QF_BV", ctx=self._translate.context)
        solver.set("rlimit", self._limits.rlimit)
        for c in conditions:
            solver.add(self._translate(self._opened(c)))
        return solver

    def _opened(self, e: Expr) -> Expr:
        """``e`` with products and quotients that are left open replaced by symbols of their own."""
        stack = [e]
        while stack:
            x = stack[-1]
            missing = [a for a in x.args if a not in self._open]
            if x in self._open or not missing:
                stack.pop()
                if x not in self._open:
                    self._open[x] = self._opened_node(x, tuple(self._open[a] for a in x.args))
            else:
                stack.extend(missing)
        return self._open[e]

    def _opened_node(self, e: Expr, args: tuple[Expr, ...]) -> Expr:
        if e.op in _NONLINEAR:
            dense = args[1].is_const and _is_dense(args[1].const)
            if not args[1].is_const or (dense and (e.op == "mul" or _is_open(args[0]))):
                return placeholder(_NONLINEAR_TERM, len(self._open), e.width)
        return nodes.rebuild(e, args) if args != e.args else e

    def _check(self, query: tuple[Expr, ...]) -> tuple[Answer, Witness | None]:
        self.queries += 1
        solver = self._asked(query)
        answer = solver.check()
        if answer != z3.sat:
            return ("no" if answer == z3.unsat else "unknown"), None
        model = solver.model()
        witness: Witness = {}
        for s in frozenset[Expr]().union(*(self.symbols(c) for c in query)):
            if s.width:
                value = model.eval(self._translate(s), model_completion=True)
                witness[s] = nodes.const(value.as_long(), s.width)
        exact = all(self._opened(c) is c or self.holds_under(witness, c) for c in query)
        return "yes", witness if exact else None


def _is_open(e: Expr) -> bool:
    """A term that was left open: anything at all, so its quotients may be, too."""
    return isinstance(e.value, Placeholder) and e.value.what == _NONLINEAR_TERM


def _is_dense(factor: int) -> bool:
    return factor.bit_count() > _EASY_FACTOR_BITS
