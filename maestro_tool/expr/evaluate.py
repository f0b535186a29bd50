"""The numbers that expressions are for given numbers of their symbols, without building expressions on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FOLD, signed


def arguments_first(terms: Iterable[Expr]) -> list[Expr]:
    """All subterms of the terms, once each, every one behind its arguments: what `numbers` takes."""
    done: dict[Expr, None] = {}
    stack = list(terms)
    while stack:
        x = stack[-1]
        missing = [a for a in x.args if a not in done] if x not in done else []
        if missing:
            stack.extend(missing)
        else:
            done[stack.pop()] = None
    return list(done)


def numbers(order: Iterable[Expr], symbols: Mapping[Expr, int]) -> dict[Expr, int]:
    """The number of every term in ``order`` (truth: 1 or 0).  KeyError if a symbol has none."""
    found: dict[Expr, int] = {}
    for x in order:
        if x.op == "sym":
            found[x] = symbols[x]
        elif x.op == "const":
            found[x] = x.const
        elif x.op in FOLD:
            found[x] = FOLD[x.op](found[x.args[0]], found[x.args[1]], x.width) & ((1 << x.width) - 1)
        else:
            found[x] = _OTHERS[x.op](x, [found[a] for a in x.args])
    return found


def _concat(x: Expr, a: list[int]) -> int:
    result = 0
    for part, value in zip(x.args, a, strict=True):
        result = result << part.width | value
    return result


def _extract(x: Expr, a: list[int]) -> int:
    high, low = x.bounds
    return a[0] >> low & ((1 << (high - low + 1)) - 1)


def _signed(x: Expr, a: list[int]) -> tuple[int, ...]:
    return tuple(signed(n, x.args[0].width) for n in a)


def _less(x: Expr, a: list[int]) -> bool:
    left, right = _signed(x, a)
    return left < right


_OTHERS: Final[dict[str, Callable[[Expr, list[int]], int]]] = {
    "not": lambda x, a: a[0] ^ ((1 << x.width) - 1),
    "concat": _concat,
    "extract": _extract,
    "zext": lambda x, a: a[0],
    "sext": lambda x, a: signed(a[0], x.args[0].width) & ((1 << x.width) - 1),
    "ite": lambda x, a: a[1] if a[0] else a[2],
    "eq": lambda x, a: int(a[0] == a[1]),
    "ult": lambda x, a: int(a[0] < a[1]),
    "ule": lambda x, a: int(a[0] <= a[1]),
    "slt": lambda x, a: int(_less(x, a)),
    "sle": lambda x, a: int(a[0] == a[1] or _less(x, a)),
    "lnot": lambda x, a: 1 - a[0],
    "land": lambda x, a: a[0] & a[1],
    "lor": lambda x, a: a[0] | a[1],
}
