"""Is a path feasible?  Three-valued answers from small, remembered queries.

A query about a condition concerns only the conjuncts that share symbols with it, directly or through
others; paths have such slices in common, so most answers come from the table.

Products and quotients of two unknowns are left open, as are products with constants of many bits (a billion, say), and
quotients of what is left open by such constants:
bit-blasting them takes seconds, and no path of a network function is known to be infeasible because of one.  "no" stays
a proof; "yes" may then be too generous.

What merged paths know (one of many ways led here) is a condition on all bytes that those ways looked at, and hard to
solve.  It is left out where the others are a proof, and where a witness fulfils it all but the question's own bytes are
kept as they are (`near`).
"""

from __future__ import annotations

from collections.abc import Iterable

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.symbols import Placeholder, placeholder
from maestro_tool.expr.walk import bottom_up
from maestro_tool.solver import Answer, Context, Session, connected, sharing
from maestro_tool.symex.limits import Limits

#: Why a term is left open.
_NONLINEAR_TERM = "nonlinear"

#: Constants with more bits set than this make products that are hard to reason about.
_EASY_FACTOR_BITS = 4

#: Alternatives about more symbols than this come from many merged paths.
_MANY_SYMBOLS = 8

#: Values of symbols under which conditions hold; symbols that are missing may have any value (zero, if asked).
Witness = dict[Expr, Expr]


class Solver:
    """Decides whether conditions can hold together; one per analysis, with its own z3 context."""

    def __init__(self, limits: Limits, assumptions: Iterable[Expr] = ()) -> None:
        self.queries = 0
        self.likely: Witness = {}  # values that symbols have in some run
        self._context = Context()
        self._last: Session | None = None
        self._limits = limits
        self._assumptions = tuple(assumptions)
        self._open: dict[Expr, Expr] = {}  # terms with their nonlinear parts replaced by symbols
        self._answers: dict[tuple[Expr, ...], tuple[Answer, Witness | None]] = {}
        self._calculate: dict[Expr, Numbers] = {}
        self._values: dict[tuple[Expr, ...], list[int] | None] = {}

    @property
    def work(self) -> int:
        """z3's resource units for all queries so far; they are the same on any machine."""
        return 0 if self._last is None else self._last.work

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
        calculate = self._calculate.get(condition)
        if calculate is None:
            calculate = self._calculate[condition] = Numbers([condition])
        return bool(calculate(values)[0])

    def may_hold(self, conditions: tuple[Expr, ...], condition: Expr) -> Answer:
        """Can ``condition`` hold where ``conditions``, which are satisfiable, do?"""
        return self.find(conditions, condition)[0]

    def find(self, conditions: tuple[Expr, ...], condition: Expr) -> tuple[Answer, Witness | None]:
        """As `may_hold`, and for "yes" values of the symbols that matter, for which it does (if some are known)."""
        query = (*connected((*self._assumptions, *conditions), condition), condition)
        if query not in self._answers:
            plain = self._plain(conditions)
            refuted = len(plain) < len(conditions) and self.find(plain, condition)[0] == "no"
            self._answers[query] = ("no", None) if refuted else self._check(query)
        return self._answers[query]

    def _plain(self, conditions: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Without what many merged paths know together."""
        return tuple(c for c in conditions if c.op != "lor" or len(self.symbols(c)) <= _MANY_SYMBOLS)

    def near(self, conditions: tuple[Expr, ...], witness: Witness, condition: Expr) -> Witness | None:
        """``witness`` with other values for the symbols of ``condition`` alone, such that it holds, too; None if there
        are none.  Asked only where many paths were merged: there it spares the search."""
        plain = self._plain(conditions)
        if len(plain) == len(conditions):
            return None
        own = self.symbols(condition)
        # Only these, or also what is compared with them: the header's length with an option's.
        for free in (own, own.union(*(self.symbols(c) for c in sharing(plain, condition)))):
            if (found := self._nearby(conditions, witness, condition, free)) is not None:
                return found
        return None

    def _nearby(
        self, conditions: tuple[Expr, ...], witness: Witness, condition: Expr, free: frozenset[Expr]
    ) -> Witness | None:
        """``witness`` with other values for ``free``."""
        concerned = [c for c in (*self._assumptions, *conditions) if not free.isdisjoint(self.symbols(c))]
        others = frozenset[Expr]().union(*map(self.symbols, concerned)) - free
        fixed = {s: witness.get(s) or nodes.const(0, s.width) for s in others if s.width}
        left = [c for c in (nodes.substitute(c, fixed) for c in concerned) if c is not nodes.TRUE]
        found = None if nodes.FALSE in left else self._check((*left, condition))[1]
        return None if found is None else {**witness, **found}

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
        """All values ``e`` can take, sorted; None when there are more than ``limit`` or z3 gives up.

        Where many paths were merged, maybe others, too."""
        plain = self._plain(conditions)
        if len(plain) < len(conditions) and (found := self.values(plain, e, limit)) is not None:
            return found
        query = (*connected((*self._assumptions, *conditions), e), e)
        if query not in self._values:
            self._values[query] = self._tried(query) or self._enumerated(query, limit)
        found = self._values[query]
        return found if found is None or len(found) <= limit else None

    def _tried(self, query: tuple[Expr, ...]) -> list[int] | None:
        """The values of the last term where the conditions before it hold, if all depends on a single byte."""
        symbols = frozenset[Expr]().union(*(self.symbols(c) for c in query))
        if len(symbols) != 1 or not 0 < (symbol := next(iter(symbols))).width <= 8:
            return None
        calculate = Numbers(query)
        found = set()
        for value in range(1 << symbol.width):
            *holds, number = calculate({symbol: value})
            if all(holds):
                found.add(number)
        return sorted(found)

    def _enumerated(self, query: tuple[Expr, ...], limit: int) -> list[int] | None:
        *conditions, e = query
        session = self._asked(conditions)
        term = self._opened(e)
        found: list[int] = []
        while True:
            self.queries += 1
            answer = session.ask()
            if answer == "no":
                return sorted(found)
            if answer == "unknown" or len(found) >= limit:
                return None
            found.append(session.number(term))
            session.exclude(term, found[-1])

    def _asked(self, conditions: Iterable[Expr]) -> Session:
        self._last = self._context.session(self._limits.rlimit, map(self._opened, conditions))
        return self._last

    def _opened(self, e: Expr) -> Expr:
        """``e`` with products and quotients that are left open replaced by symbols of their own."""
        return bottom_up(e, self._opened_node, self._open)

    def _opened_node(self, e: Expr, args: list[Expr]) -> Expr:
        if (operator := OPERATORS.get(e.op)) is not None and operator.hard:
            dense = args[1].is_const and _is_dense(args[1].const)
            if not args[1].is_const or (dense and (e.op == "mul" or _is_open(args[0]))):
                return placeholder(_NONLINEAR_TERM, len(self._open), e.width)
        return nodes.rebuild(e, args) if tuple(args) != e.args else e

    def _check(self, query: tuple[Expr, ...]) -> tuple[Answer, Witness | None]:
        self.queries += 1
        session = self._asked(query)
        answer = session.ask()
        if answer != "yes":
            return answer, None
        witness: Witness = {}
        symbols = frozenset[Expr]().union(*(self.symbols(c) for c in query))
        for s in sorted(symbols, key=lambda s: str(s.value)):  # z3 counts its work, which depends on the order
            if s.width:
                witness[s] = nodes.const(session.number(s), s.width)
        exact = all(self._opened(c) is c or self.holds_under(witness, c) for c in query)
        return "yes", witness if exact else None


def _is_open(e: Expr) -> bool:
    """A term that was left open: anything at all, so its quotients may be, too."""
    return isinstance(e.value, Placeholder) and e.value.what == _NONLINEAR_TERM


def _is_dense(factor: int) -> bool:
    return factor.bit_count() > _EASY_FACTOR_BITS
