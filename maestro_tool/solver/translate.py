"""Expressions as z3 terms, in a context of the caller's."""

from __future__ import annotations

from typing import Any

import z3

from maestro_tool.expr import Expr
from maestro_tool.expr.operators import OPERATORS
from maestro_tool.expr.walk import bottom_up
from maestro_tool.solver import contexts


class Translator:
    """Translates and remembers; one per `z3.Context` (contexts must not be shared between threads)."""

    def __init__(self, context: z3.Context | None = None) -> None:
        self.context = context or contexts.fresh()
        self._done: dict[Expr, Any] = {}

    def __call__(self, e: Expr) -> Any:
        return bottom_up(e, self._one, self._done)

    def _one(self, e: Expr, args: list[Any]) -> Any:
        if e.op == "const":
            return z3.BitVecVal(e.const, e.width, self.context) if e.width else z3.BoolVal(bool(e.const), self.context)
        if e.op == "sym":
            name = str(e.value)
            return z3.BitVec(name, e.width, self.context) if e.width else z3.Bool(name, self.context)
        return OPERATORS[e.op].smt(z3, e, *args)
