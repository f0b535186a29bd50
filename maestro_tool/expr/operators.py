"""The operators of expressions: all that anybody has to know of one is its row in `OPERATORS`.

The semantics are those of SMT-LIB, also for division by zero; the executor reports C's errors before it gets here.
Where a row says enough, `nodes.binary` and `nodes.compare` build the operator's terms; others have constructors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maestro_tool.expr.nodes import Expr

#: Widths of the arguments, in bits; 0: a Boolean.
Widths = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """What operators take and give.

    arity   number of arguments; None: one or more
    width   (widths of arguments, width that the term says it has) -> the width it must have; None: the arguments do
            not fit
    """

    arity: int | None
    width: Callable[[Widths, int], int | None]


ARITHMETIC: Final = Form(2, lambda w, _: w[0] if w[0] == w[1] > 0 else None)
ORDER: Final = Form(2, lambda w, _: 0 if w[0] == w[1] > 0 else None)
EQUALITY: Final = Form(2, lambda w, _: 0 if w[0] == w[1] else None)
BITS: Final = Form(1, lambda w, _: w[0] or None)
NEGATION: Final = Form(1, lambda w, _: 0 if w[0] == 0 else None)
CONNECTIVE: Final = Form(2, lambda w, _: 0 if w == (0, 0) else None)
CHOICE: Final = Form(3, lambda w, _: w[1] if w[0] == 0 and w[1] == w[2] else None)
JOIN: Final = Form(None, lambda w, _: sum(w) if all(w) else None)
WIDER: Final = Form(1, lambda w, said: said if 0 < w[0] <= said else None)
PART: Final = Form(1, lambda w, said: said if 0 < said <= w[0] else None)


def _width(e: Expr) -> int:
    """What most operators have to know of their arguments beside numbers: how wide the first one is."""
    return e.args[0].width


def _widths(e: Expr) -> Widths:
    return tuple(a.width for a in e.args)


def _bounds(e: Expr) -> tuple[int, int]:
    return e.bounds


@dataclass(frozen=True, slots=True)
class Operator:
    """What one operator means, and how it is written; its key in `OPERATORS` is its name, also in JSON.

    fold         (shape, numbers of the arguments ...) -> the number, of which as many bits count as the term has
    smt          (the module z3, the term, z3's terms of the arguments ...) -> z3's term
    shape        what ``fold`` has to know of a term
    text         between the arguments, for people; "": is not written so
    c            the same in C, where types say what is signed; "": as ``text``
    precedence   in C, higher ones first (``*`` 10, ``+`` 9, ``<<`` 8, ``<`` 7, ``==`` 6, ``&`` 5 ...)
    commutative  arguments may be swapped;  associative: and grouped in any way
    bitwise      what it does to parts of the arguments it does to the whole
    hard         of two unknowns, z3 takes long
    """

    form: Form
    fold: Callable[..., int]
    smt: Callable[..., Any]
    text: str = ""
    precedence: int = 0
    c: str = ""
    shape: Callable[[Expr], Any] = _width
    commutative: bool = False
    associative: bool = False
    bitwise: bool = False
    hard: bool = False

    @property
    def in_c(self) -> str:
        return self.c or self.text


def signed(value: int, width: int) -> int:
    """The number in two's complement that these bits are."""
    return value - (1 << width) if value >> (width - 1) else value


def _udiv(w: int, a: int, b: int) -> int:
    return a // b if b else -1


def _urem(w: int, a: int, b: int) -> int:
    return a % b if b else a


def _sdiv(w: int, a: int, b: int) -> int:
    a, b = signed(a, w), signed(b, w)
    if b == 0:
        return 1 if a < 0 else -1
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def _srem(w: int, a: int, b: int) -> int:
    a, b = signed(a, w), signed(b, w)
    if b == 0:
        return a
    r = abs(a) % abs(b)
    return -r if a < 0 else r


def _ashr(w: int, a: int, b: int) -> int:
    return signed(a, w) >> min(b, w - 1)


def _concat(widths: Widths, *numbers: int) -> int:
    result = 0
    for width, number in zip(widths, numbers, strict=True):
        result = result << width | number
    return result


#: Whose arguments may come in any order, grouped in any way.
_any_order = partial(Operator, commutative=True, associative=True)

OPERATORS: Final[dict[str, Operator]] = {
    "add": _any_order(ARITHMETIC, lambda w, a, b: a + b, lambda z, e, a, b: a + b, "+", 9),
    "sub": Operator(ARITHMETIC, lambda w, a, b: a - b, lambda z, e, a, b: a - b, "-", 9),
    "mul": _any_order(ARITHMETIC, lambda w, a, b: a * b, lambda z, e, a, b: a * b, "*", 10, hard=True),
    "udiv": Operator(ARITHMETIC, _udiv, lambda z, e, a, b: z.UDiv(a, b), "/", 10, hard=True),
    "urem": Operator(ARITHMETIC, _urem, lambda z, e, a, b: z.URem(a, b), "%", 10, hard=True),
    "sdiv": Operator(ARITHMETIC, _sdiv, lambda z, e, a, b: a / b, "/s", 10, "/", hard=True),
    "srem": Operator(ARITHMETIC, _srem, lambda z, e, a, b: z.SRem(a, b), "%s", 10, "%", hard=True),
    "and": _any_order(ARITHMETIC, lambda w, a, b: a & b, lambda z, e, a, b: a & b, "&", 5, bitwise=True),
    "or": _any_order(ARITHMETIC, lambda w, a, b: a | b, lambda z, e, a, b: a | b, "|", 3, bitwise=True),
    "xor": _any_order(ARITHMETIC, lambda w, a, b: a ^ b, lambda z, e, a, b: a ^ b, "^", 4, bitwise=True),
    "shl": Operator(ARITHMETIC, lambda w, a, b: a << b if b < w else 0, lambda z, e, a, b: a << b, "<<", 8),
    "lshr": Operator(ARITHMETIC, lambda w, a, b: a >> b if b < w else 0, lambda z, e, a, b: z.LShR(a, b), ">>", 8),
    "ashr": Operator(ARITHMETIC, _ashr, lambda z, e, a, b: a >> b, ">>s", 8, ">>"),
    "eq": Operator(EQUALITY, lambda w, a, b: a == b, lambda z, e, a, b: a == b, "==", 6, commutative=True),
    "ult": Operator(ORDER, lambda w, a, b: a < b, lambda z, e, a, b: z.ULT(a, b), "<", 7),
    "ule": Operator(ORDER, lambda w, a, b: a <= b, lambda z, e, a, b: z.ULE(a, b), "<=", 7),
    "slt": Operator(ORDER, lambda w, a, b: signed(a, w) < signed(b, w), lambda z, e, a, b: a < b, "<s", 7, "<"),
    "sle": Operator(ORDER, lambda w, a, b: signed(a, w) <= signed(b, w), lambda z, e, a, b: a <= b, "<=s", 7, "<="),
    "land": _any_order(CONNECTIVE, lambda w, a, b: a & b, lambda z, e, a, b: z.And(a, b), "&&", 2),
    "lor": _any_order(CONNECTIVE, lambda w, a, b: a | b, lambda z, e, a, b: z.Or(a, b), "||", 1),
    "lnot": Operator(NEGATION, lambda w, a: 1 - a, lambda z, e, a: z.Not(a)),
    "not": Operator(BITS, lambda w, a: ~a, lambda z, e, a: ~a, bitwise=True),
    "ite": Operator(CHOICE, lambda w, c, a, b: a if c else b, lambda z, e, c, a, b: z.If(c, a, b)),
    "concat": Operator(JOIN, _concat, lambda z, e, *parts: z.Concat(*parts), shape=_widths),
    "extract": Operator(PART, lambda bounds, a: a >> bounds[1], lambda z, e, a: z.Extract(*e.bounds, a), shape=_bounds),
    "zext": Operator(WIDER, lambda w, a: a, lambda z, e, a: z.ZeroExt(e.width - e.args[0].width, a)),
    "sext": Operator(WIDER, lambda w, a: signed(a, w), lambda z, e, a: z.SignExt(e.width - e.args[0].width, a)),
}  # fmt: skip
