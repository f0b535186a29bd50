"""Numbers of expressions, for the relations of constraints: SMT-LIB's meaning of bit vectors, written for the oracle alone."""

from __future__ import annotations

from collections.abc import Mapping

from maestro_tool.expr import Expr


def symbols_of(e: Expr) -> dict[str, Expr]:
    """The symbols in ``e`` by their texts."""
    return {str(x.value): x for x in _in_order(e) if x.op == "sym"}


def _in_order(e: Expr) -> list[Expr]:
    """All terms of ``e``, each behind its arguments."""
    done: dict[Expr, None] = {}
    stack = [e]
    while stack:
        x = stack[-1]
        missing = [a for a in x.args if a not in done]
        stack.extend(missing)
        if not missing:
            done[stack.pop()] = None
    return list(done)


def holds(e: Expr, values: Mapping[str, int]) -> bool:
    """Whether a Boolean is true if its symbols have these values."""
    found: dict[Expr, int] = {}
    for x in _in_order(e):
        found[x] = _value(x, [found[a] for a in x.args], values)
    return bool(found[e])


def _value(x: Expr, a: list[int], values: Mapping[str, int]) -> int:
    width = x.width
    size = x.args[0].width if x.args else 0
    signed = [n - (1 << size) if size and n >> size - 1 else n for n in a]
    match x.op:
        case "sym":
            return values[str(x.value)]
        case "const":
            result = x.value
            assert isinstance(result, int)
        case "add":
            result = a[0] + a[1]
        case "sub":
            result = a[0] - a[1]
        case "mul":
            result = a[0] * a[1]
        case "udiv":
            result = a[0] // a[1] if a[1] else -1
        case "urem":
            result = a[0] % a[1] if a[1] else a[0]
        case "and" | "land":
            result = a[0] & a[1]
        case "or" | "lor":
            result = a[0] | a[1]
        case "xor":
            result = a[0] ^ a[1]
        case "not":
            result = ~a[0]
        case "lnot":
            return 1 - a[0]
        case "shl":
            result = a[0] << a[1] if a[1] < width else 0
        case "lshr":
            result = a[0] >> a[1] if a[1] < width else 0
        case "ashr":
            result = signed[0] >> min(a[1], width - 1)
        case "concat":
            result = 0
            for part, n in zip(x.args, a, strict=True):
                result = result << part.width | n
        case "extract":
            high, low = x.bounds
            result = a[0] >> low & (1 << high - low + 1) - 1
        case "zext":
            result = a[0]
        case "sext":
            result = signed[0]
        case "ite":
            return a[1] if a[0] else a[2]
        case "eq":
            return int(a[0] == a[1])
        case "ult":
            return int(a[0] < a[1])
        case "ule":
            return int(a[0] <= a[1])
        case "slt":
            return int(signed[0] < signed[1])
        case "sle":
            return int(signed[0] <= signed[1])
        case _:
            raise NotImplementedError(x.op)
    return result & (1 << width) - 1 if width else result
