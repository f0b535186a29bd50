"""Numbers calculated without building expressions are those that folding gives."""

from __future__ import annotations

import random

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import Numbers

SYMBOLS = [nodes.sym(f"evaluated.{n}", 8) for n in range(3)]
BINARY = ["add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr"]


def number(r: random.Random, depth: int) -> Expr:
    """A random expression of 8 bits."""
    if depth == 0:
        return r.choice([*SYMBOLS, nodes.const(r.randrange(256), 8)])
    a, b = number(r, depth - 1), number(r, depth - 1)
    match r.randrange(6):
        case 0:
            return nodes.ite(truth(r, depth - 1), a, b)
        case 1:
            low = r.randrange(9)
            return nodes.extract(nodes.concat(a, b), low + 7, low)
        case 2:
            wide = r.choice([nodes.zext, nodes.sext])(a, 16)
            return nodes.extract(nodes.binary(r.choice(BINARY), wide, nodes.zext(b, 16)), 11, 4)
        case 3:
            return nodes.bv_not(a)
    return nodes.binary(r.choice(BINARY), a, b)


def truth(r: random.Random, depth: int) -> Expr:
    a, b = number(r, depth), number(r, depth)
    test = r.choice([nodes.eq, *(lambda x, y, op=op: nodes.compare(op, x, y) for op in ("ult", "ule", "slt", "sle"))])(
        a, b
    )
    other = nodes.eq(a, nodes.const(r.randrange(256), 8))
    return r.choice([test, nodes.lnot(test), nodes.land(test, other), nodes.lor(test, nodes.lnot(other))])


def test_numbers_are_those_of_folding() -> None:
    r = random.Random(3)
    for _ in range(1500):
        e = r.choice([number, truth])(r, r.randrange(1, 5))
        values = {s: r.choice([0, 1, 7, 8, 127, 128, 255, r.randrange(256)]) for s in SYMBOLS}
        folded = nodes.substitute(e, {s: nodes.const(v, 8) for s, v in values.items()})
        assert Numbers([e])(values) == [folded.const], e
