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
    code         (the term, C of the arguments ...) -> C that calculates it, each as a ``uint64_t`` with zeros above its
                 bits; None: a processor might trap
    shape        what ``fold`` has to know of a term
    text         for people, between two arguments or before one; "": is not written so
    c            the same in C, where types say what is signed; "": as ``text``
    precedence   in C, higher ones first (``*`` 10, ``+`` 9, ``<<`` 8, ``<`` 7, ``==`` 6, ``&`` 5 ...)
    commutative  arguments may be swapped;  associative: and grouped in any way
    bitwise      what it does to parts of the arguments it does to the whole
    moved        (the term, bits of the arguments, most significant first ...) -> its bits, as 0, 1 and those of the
                 arguments, which stay what they are; None, or no such function: they are calculated
    most         (the term, the greatest number that each argument may be ...) -> the greatest that it may be, or more
    hard         of two unknowns, z3 takes long
    """

    form: Form
    fold: Callable[..., int]
    smt: Callable[..., Any]
    code: Callable[..., str | None]
    text: str = ""
    precedence: int = 0
    c: str = ""
    shape: Callable[[Expr], Any] = _width
    commutative: bool = False
    associative: bool = False
    bitwise: bool = False
    moved: Callable[..., list[Any] | None] | None = None
    most: Callable[..., int] = lambda e, *most: (1 << max(e.width, 1)) - 1
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


# --------------------------------------------------------------------- as C, in 64 bits


def _cut(text: str, width: int) -> str:
    return text if width in (0, 64) else f"({text} & UINT64_C({(1 << width) - 1}))"


def _as_signed(text: str, width: int) -> str:
    return f"((int64_t)({text} << {64 - width}) >> {64 - width})"


def _infix(sign: str) -> Callable[..., str]:
    return lambda e, a, b: _cut(f"({a} {sign} {b})", e.width)


def _signed_order(sign: str) -> Callable[..., str]:
    return lambda e, a, b: f"({_as_signed(a, _width(e))} {sign} {_as_signed(b, _width(e))})"


def _quotient(sign: str) -> Callable[..., str | None]:
    return lambda e, a, b: f"({a} {sign} {b})" if _divisor(e) > 0 else None


def _signed_quotient(sign: str) -> Callable[..., str | None]:
    def code(e: Expr, a: str, b: str) -> str | None:
        divisor = signed(_divisor(e), e.width)
        if divisor in (0, -1):  # of -1, the quotient of the least number is none
            return None
        return _cut(f"((uint64_t)({_as_signed(a, e.width)} {sign} {_as_signed(b, e.width)}))", e.width)

    return code


def _divisor(e: Expr) -> int:
    """The divisor if it is known; else 0, which it may be."""
    return e.args[1].const if e.args[1].is_const else 0


def _logical_shift(sign: str) -> Callable[..., str]:
    return lambda e, a, b: _cut(f"({b} < {e.width} ? {a} {sign} {b} : 0)", e.width)


def _sign_shift(e: Expr, a: str, b: str) -> str:
    most = e.width - 1
    return _cut(f"((uint64_t)({_as_signed(a, e.width)} >> ({b} < {most} ? {b} : {most})))", e.width)


def _side_by_side(e: Expr, *parts: str) -> str:
    low, shifted = e.width, []
    for part, text in zip(e.args, parts, strict=True):
        low -= part.width
        shifted.append(f"{text} << {low}" if low else text)
    return f"({' | '.join(shifted)})"


# --------------------------------------------------------------------- where bits go

#: Bits, most significant first, of whatever they are.
Bits = list[Any]


def _shift(e: Expr, a: Bits) -> int | None:
    """By how many bits; None if that is not known."""
    return min(e.args[1].const, len(a)) if e.args[1].is_const else None


def _to_the_left(e: Expr, a: Bits, b: Bits) -> Bits | None:
    return None if (n := _shift(e, a)) is None else [*a[n:], *n * [0]]


def _to_the_right(e: Expr, a: Bits, b: Bits) -> Bits | None:
    return None if (n := _shift(e, a)) is None else [*n * [0], *a[: len(a) - n]]


def _to_the_right_with_sign(e: Expr, a: Bits, b: Bits) -> Bits | None:
    return None if (n := _shift(e, a)) is None else [*n * a[:1], *a[: len(a) - n]]


# --------------------------------------------------------------------- how large numbers get


def _at_most(e: Expr, most: int) -> int:
    """``most``, or what fits: beyond that, numbers wrap around."""
    return min((1 << e.width) - 1, most)


def _as_many_bits(e: Expr, a: int, b: int) -> int:
    return int((1 << max(a.bit_length(), b.bit_length())) - 1)


def _most_quotient(e: Expr, a: int, b: int) -> int:
    return a // _divisor(e) if _divisor(e) else (1 << e.width) - 1


def _most_signed_quotient(e: Expr, a: int, b: int) -> int:
    """Where neither number is negative it is the quotient of numbers without a sign."""
    full = (1 << e.width) - 1
    return _most_quotient(e, a, b) if max(a, _divisor(e)) <= full // 2 else full


def _most_joined(e: Expr, first: int, *rest: int) -> int:
    return (first + 1 << sum(a.width for a in e.args[1:])) - 1


#: Whose arguments may come in any order, grouped in any way.
_any_order = partial(Operator, commutative=True, associative=True)

OPERATORS: Final[dict[str, Operator]] = {
    "add": _any_order(ARITHMETIC, lambda w, a, b: a + b, lambda z, e, a, b: a + b, _infix("+"), "+", 9,
                      most=lambda e, a, b: _at_most(e, a + b)),
    "sub": Operator(ARITHMETIC, lambda w, a, b: a - b, lambda z, e, a, b: a - b, _infix("-"), "-", 9),
    "mul": _any_order(ARITHMETIC, lambda w, a, b: a * b, lambda z, e, a, b: a * b, _infix("*"), "*", 10, hard=True,
                      most=lambda e, a, b: _at_most(e, a * b)),
    "udiv": Operator(ARITHMETIC, _udiv, lambda z, e, a, b: z.UDiv(a, b), _quotient("/"), "/", 10, hard=True,
                     most=_most_quotient),
    "urem": Operator(ARITHMETIC, _urem, lambda z, e, a, b: z.URem(a, b), _quotient("%"), "%", 10, hard=True),
    "sdiv": Operator(ARITHMETIC, _sdiv, lambda z, e, a, b: a / b, _signed_quotient("/"), "/s", 10, "/", hard=True,
                     most=_most_signed_quotient),
    "srem": Operator(ARITHMETIC, _srem, lambda z, e, a, b: z.SRem(a, b), _signed_quotient("%"), "%s", 10, "%",
                     hard=True),
    "and": _any_order(ARITHMETIC, lambda w, a, b: a & b, lambda z, e, a, b: a & b, _infix("&"), "&", 5, bitwise=True,
                      most=lambda e, a, b: min(a, b)),
    "or": _any_order(ARITHMETIC, lambda w, a, b: a | b, lambda z, e, a, b: a | b, _infix("|"), "|", 3, bitwise=True,
                     most=_as_many_bits),
    "xor": _any_order(ARITHMETIC, lambda w, a, b: a ^ b, lambda z, e, a, b: a ^ b, _infix("^"), "^", 4, bitwise=True,
                      most=_as_many_bits),
    "shl": Operator(ARITHMETIC, lambda w, a, b: a << b if b < w else 0, lambda z, e, a, b: a << b, _logical_shift("<<"),
                    "<<", 8, moved=_to_the_left),
    "lshr": Operator(ARITHMETIC, lambda w, a, b: a >> b if b < w else 0, lambda z, e, a, b: z.LShR(a, b),
                     _logical_shift(">>"), ">>", 8, moved=_to_the_right),
    "ashr": Operator(ARITHMETIC, _ashr, lambda z, e, a, b: a >> b, _sign_shift, ">>s", 8, ">>",
                     moved=_to_the_right_with_sign),
    "eq": Operator(EQUALITY, lambda w, a, b: a == b, lambda z, e, a, b: a == b, _infix("=="), "==", 6,
                   commutative=True),
    "ult": Operator(ORDER, lambda w, a, b: a < b, lambda z, e, a, b: z.ULT(a, b), _infix("<"), "<", 7),
    "ule": Operator(ORDER, lambda w, a, b: a <= b, lambda z, e, a, b: z.ULE(a, b), _infix("<="), "<=", 7),
    "slt": Operator(ORDER, lambda w, a, b: signed(a, w) < signed(b, w), lambda z, e, a, b: a < b, _signed_order("<"),
                    "<s", 7, "<"),
    "sle": Operator(ORDER, lambda w, a, b: signed(a, w) <= signed(b, w), lambda z, e, a, b: a <= b, _signed_order("<="),
                    "<=s", 7, "<="),
    "land": _any_order(CONNECTIVE, lambda w, a, b: a & b, lambda z, e, a, b: z.And(a, b), _infix("&"), "&&", 2),
    "lor": _any_order(CONNECTIVE, lambda w, a, b: a | b, lambda z, e, a, b: z.Or(a, b), _infix("|"), "||", 1),
    "lnot": Operator(NEGATION, lambda w, a: 1 - a, lambda z, e, a: z.Not(a), lambda e, a: f"(!{a})", "!", 11),
    "not": Operator(BITS, lambda w, a: ~a, lambda z, e, a: ~a, lambda e, a: _cut(f"(~{a})", e.width), "~", 11,
                    bitwise=True),
    "ite": Operator(CHOICE, lambda w, c, a, b: a if c else b, lambda z, e, c, a, b: z.If(c, a, b),
                    lambda e, c, a, b: f"({c} ? {a} : {b})", most=lambda e, c, a, b: max(a, b)),
    "concat": Operator(JOIN, _concat, lambda z, e, *parts: z.Concat(*parts), _side_by_side, shape=_widths,
                       moved=lambda e, *parts: [bit for part in parts for bit in part], most=_most_joined),
    "extract": Operator(PART, lambda bounds, a: a >> bounds[1], lambda z, e, a: z.Extract(*e.bounds, a),
                        lambda e, a: _cut(f"({a} >> {e.bounds[1]})", e.width), shape=_bounds,
                        moved=lambda e, a: a[len(a) - 1 - e.bounds[0] : len(a) - e.bounds[1]],
                        most=lambda e, a: _at_most(e, a >> e.bounds[1])),
    "zext": Operator(WIDER, lambda w, a: a, lambda z, e, a: z.ZeroExt(e.width - _width(e), a), lambda e, a: a,
                     moved=lambda e, a: [*(e.width - len(a)) * [0], *a], most=lambda e, a: a),
    "sext": Operator(WIDER, lambda w, a: signed(a, w), lambda z, e, a: z.SignExt(e.width - _width(e), a),
                     lambda e, a: _cut(f"((uint64_t){_as_signed(a, _width(e))})", e.width),
                     moved=lambda e, a: [*(e.width - len(a)) * a[:1], *a]),
}  # fmt: skip
