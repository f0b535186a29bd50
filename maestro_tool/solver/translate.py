"""Expressions as z3 terms, in a context of the caller's."""

from __future__ import annotations

from typing import Any

import z3

from maestro_tool.expr.nodes import Expr


class Translator:
    """Translates and remembers; one per `z3.Context` (contexts must not be shared between threads)."""

    def __init__(self, context: z3.Context | None = None) -> None:
        self.context = context or z3.Context()
        self._done: dict[Expr, Any] = {}

    def __call__(self, e: Expr) -> Any:
        stack = [e]
        while stack:
            x = stack[-1]
            if x in self._done:
                stack.pop()
                continue
            missing = [a for a in x.args if a not in self._done]
            if missing:
                stack.extend(missing)
                continue
            self._done[x] = self._one(x, [self._done[a] for a in x.args])
            stack.pop()
        return self._done[e]

    def _one(self, e: Expr, a: list[Any]) -> Any:
        ctx = self.context
        match e.op:
            case "const":
                return z3.BitVecVal(e.const, e.width, ctx) if e.width else z3.BoolVal(bool(e.const), ctx)
            case "sym":
                return z3.BitVec(str(e.value), e.width, ctx) if e.width else z3.Bool(str(e.value), ctx)
            case "add":
                return a[0] + a[1]
            case "sub":
                return a[0] - a[1]
            case "mul":
                return a[0] * a[1]
            case "udiv":
                return z3.UDiv(a[0], a[1])
            case "urem":
                return z3.URem(a[0], a[1])
            case "sdiv":
                return a[0] / a[1]
            case "srem":
                return z3.SRem(a[0], a[1])
            case "and":
                return a[0] & a[1]
            case "or":
                return a[0] | a[1]
            case "xor":
                return a[0] ^ a[1]
            case "shl":
                return a[0] << a[1]
            case "lshr":
                return z3.LShR(a[0], a[1])
            case "ashr":
                return a[0] >> a[1]
            case "not":
                return ~a[0]
            case "concat":
                return z3.Concat(*a)
            case "extract":
                return z3.Extract(*e.bounds, a[0])
            case "zext":
                return z3.ZeroExt(e.width - e.args[0].width, a[0])
            case "sext":
                return z3.SignExt(e.width - e.args[0].width, a[0])
            case "ite":
                return z3.If(a[0], a[1], a[2], ctx)
            case "eq":
                return a[0] == a[1]
            case "ult":
                return z3.ULT(a[0], a[1])
            case "ule":
                return z3.ULE(a[0], a[1])
            case "slt":
                return a[0] < a[1]
            case "sle":
                return a[0] <= a[1]
            case "lnot":
                return z3.Not(a[0], ctx)
            case "land":
                return z3.And(a[0], a[1])
            case "lor":
                return z3.Or(a[0], a[1])
        raise AssertionError(e.op)
