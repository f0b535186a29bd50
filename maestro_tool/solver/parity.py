"""Sums of bits (XOR) that two packets have equal, or not: what Toeplitz hashes are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import z3

from maestro_tool.diagnostics import ResourceLimitError
from maestro_tool.expr import Expr
from maestro_tool.solver.budgets import BUDGETS
from maestro_tool.solver.translate import Translator

#: Equalities are substituted and XORs cancelled before SAT sees them: parity is hard for SAT alone.
_TACTICS = ("simplify", "propagate-values", "solve-eqs", "simplify", "bit-blast", "sat")

#: Bits, most significant first, as terms of z3.
Bits = list[Any]


class Parities:
    """Sums of bits in a z3 context of their own."""

    def __init__(self) -> None:
        self._translate = Translator()
        self._context = self._translate.context
        self._tactic = z3.Then(*(z3.Tactic(t, self._context) for t in _TACTICS), ctx=self._context)

    def sums(self, of: Sequence[Sequence[Expr]]) -> Bits:
        """One sum of bits for each."""
        zero = z3.BitVecVal(0, 1, self._context)
        return [reduce(lambda x, y: x ^ y, map(self._translate, bits), zero) for bits in of]

    def looked_up(self, index: Bits, table: tuple[int, ...]) -> Bits:
        """The entry of ``table`` at the index: decisions on the index bits, equal subterms once."""
        done: dict[tuple[int, ...], Any] = {}
        bits = [bit == 1 for bit in index]

        def look_up(column: tuple[int, ...], depth: int) -> Any:
            if len(set(column)) == 1:
                return z3.BoolVal(bool(column[0]), self._context)
            if column not in done:
                half = len(column) // 2
                low, high = look_up(column[:half], depth + 1), look_up(column[half:], depth + 1)
                done[column] = z3.If(bits[depth], high, low)
            return done[column]

        return [look_up(tuple(entry >> n & 1 for entry in table), 0) for n in range(max(table).bit_length())]

    def differ(
        self, first: Bits, second: Bits, related: Expr, conditions: Sequence[Expr], *, at_once: bool
    ) -> dict[str, int] | None:
        """Values of symbols under which ``related`` and ``conditions`` hold and some bits differ; None: there are none.

        Bit by bit, or all of them in one question.  ResourceLimitError if z3 gives up.
        """
        differences = [x != y for x, y in zip(first, second, strict=True)]
        if at_once:
            differences = [z3.Or([z3.BoolVal(False, self._context), *differences])]
        relation = self._translate(related)
        more: list[Any] = []
        for difference in differences:
            # What holds for all packets need not be asked under the conditions, which takes z3 far longer.
            if not more and self._model([relation, difference]) is None:
                continue
            if not more:
                more = [self._translate(c) for c in conditions]
                if self._model([relation, *more]) is None:
                    return None  # no such packets: frames of different versions of IP, mostly
            model = self._model([relation, *more, difference])
            if model is not None:
                return {d.name(): model[d].as_long() for d in model.decls() if z3.is_bv_value(model[d])}
        return None

    def _model(self, conditions: list[Any]) -> Any:
        solver = self._tactic.solver()
        solver.set("rlimit", BUDGETS.key)
        solver.add(*conditions)
        answer = solver.check()
        if answer == z3.unknown:
            raise ResourceLimitError(f"could not decide whether a key is right: {solver.reason_unknown()}")
        return solver.model() if answer == z3.sat else None
