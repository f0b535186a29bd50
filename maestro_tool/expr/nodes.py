"""Bit-vector and Boolean expressions with the foldings that keep packet fields recognisable.

An `Expr` is interned: equal expressions are one object, so equality is identity and expressions are
cheap dictionary keys.  ``width`` is in bits; Booleans have width 0.  Constructors fold constants,
undo byte-wise assembly (adjacent extracts and concats merge) and see through ``ite(c, 1, 0) != 0``,
which is how C spells a Boolean.  z3 is not needed for any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final
from weakref import WeakValueDictionary

from maestro_tool.expr.operators import ARITHMETIC, OPERATORS
from maestro_tool.expr.operators import signed as signed
from maestro_tool.expr.walk import bottom_up

_TABLE: WeakValueDictionary[tuple[object, ...], Expr] = WeakValueDictionary()


class Expr:
    """``op`` with ``args``; ``value`` holds a constant, a symbol (`expr.symbols`), or extract bounds (hi, lo).

    ``depth`` is the longest way to a leaf: foldings that descend into arguments stop at deep terms, so that
    building an expression stays cheap (subterms are shared; descending is not).
    """

    __slots__ = ("__weakref__", "_hash", "_symbols", "args", "depth", "op", "value", "width")
    op: str
    width: int
    args: tuple[Expr, ...]
    value: Hashable
    depth: int
    _hash: int
    _symbols: frozenset[Expr] | None

    def __repr__(self) -> str:
        from maestro_tool.expr.text import show

        return show(self)

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_const(self) -> bool:
        return self.op == "const"

    @property
    def const(self) -> int:
        """Value of a constant; an internal error otherwise."""
        assert isinstance(self.value, int) and self.op == "const", self
        return self.value

    @property
    def bounds(self) -> tuple[int, int]:
        """(high, low) of an extract; an internal error otherwise."""
        assert isinstance(self.value, tuple), self
        return self.value

    def __reduce__(self) -> tuple[object, ...]:
        return (_make, (self.op, self.width, self.args, self.value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from maestro_tool.expr.text import reference

        return reference()


def _make(op: str, width: int, args: tuple[Expr, ...] = (), value: Hashable = None) -> Expr:
    key = (op, width, value, *map(id, args))
    found = _TABLE.get(key)
    if found is not None:
        return found
    e = object.__new__(Expr)
    e.op, e.width, e.args, e.value = op, width, args, value
    e.depth = 1 + max(a.depth for a in args) if args else 0
    e._symbols = None
    e._hash = hash((op, width, value, *(a._hash for a in args)))
    _TABLE[key] = e
    return e


def const(value: int, width: int) -> Expr:
    return _make("const", width, (), value & ((1 << width) - 1))


def sym(symbol: Hashable, width: int) -> Expr:
    """A free variable; ``symbol`` says what it stands for (`expr.symbols`), its text orders expressions."""
    return _make("sym", width, (), symbol)


TRUE: Final = _make("const", 0, (), 1)
FALSE: Final = _make("const", 0, (), 0)


def boolean(value: bool) -> Expr:
    return TRUE if value else FALSE


#: Foldings do not descend into terms deeper than this (2**depth visits at worst).
MAX_DESCENT: Final = 8


def _constant(op: str, width: int, shape: object, *args: Expr) -> Expr:
    """What ``op`` makes of constants."""
    return const(OPERATORS[op].fold(shape, *(a.const for a in args)), width)


def binary(op: str, a: Expr, b: Expr) -> Expr:
    """``a op b`` for the operators of the form `operators.ARITHMETIC`; both have one width."""
    w = a.width
    assert w == b.width and w > 0, (op, a, b)
    operator = OPERATORS[op]
    if a.is_const and b.is_const:
        return const(operator.fold(w, a.const, b.const), w)
    if operator.commutative and a.is_const:
        a, b = b, a
    if b.is_const:
        c = b.const
        full = (1 << w) - 1
        if c == 0:
            if op in ("add", "sub", "or", "xor", "shl", "lshr", "ashr"):
                return a
            if op in ("and", "mul"):
                return b
        if c == 1 and op in ("mul", "udiv"):
            return a
        if c == 1 and op == "urem":
            return const(0, w)
        if c and c & (c - 1) == 0 and op in ("mul", "udiv", "urem"):
            return _by_power_of_two(op, a, c)
        if op == "and":
            if c == full:
                return a
            return _and_mask(a, c)
        if op == "or" and c == full:
            return b
        if op == "sub":
            return binary("add", a, const(-c, w))
        if op in ("add", "xor", "or") and a.op == op and a.args[1].is_const:
            return binary(op, a.args[0], binary(op, a.args[1], b))
        if op in ("shl", "lshr") and c >= w:
            return const(0, w)
        if op == "shl":
            return concat(extract(a, w - 1 - c, 0), const(0, c))
        if op == "lshr":
            return zext(extract(a, w - 1, c), w)
    if a is b:
        if op in ("sub", "xor"):
            return const(0, w)
        if op in ("and", "or"):
            return a
    if op in ("or", "add", "xor"):
        merged = _merge_disjoint(a, b)
        if merged is not None:
            return merged
    if operator.commutative and not b.is_const and repr_key(b) < repr_key(a):
        a, b = b, a
    return _make(op, w, (a, b))


def _by_power_of_two(op: str, a: Expr, c: int) -> Expr:
    """Multiplication and unsigned division as moves of bits: keeps field boundaries visible."""
    if op == "urem":
        return binary("and", a, const(c - 1, a.width))
    return binary("shl" if op == "mul" else "lshr", a, const(c.bit_length() - 1, a.width))


def repr_key(e: Expr) -> tuple[int, str, str]:
    """An order on expressions that does not depend on addresses."""
    return (len(e.args), e.op, str(e.value))


def _and_mask(a: Expr, mask: int) -> Expr:
    """``a & mask`` as extract/concat when the mask is a run of ones: keeps field boundaries visible."""
    w = a.width
    low = (mask & -mask).bit_length() - 1
    run = mask >> low
    if run & (run + 1):
        if a.op == "and" and a.args[1].is_const:
            return binary("and", a.args[0], const(a.args[1].const & mask, w))
        return _make("and", w, (a, const(mask, w)))
    high = low + run.bit_length() - 1
    parts = extract(a, high, low)
    if low:
        parts = concat(parts, const(0, low))
    return zext(parts, w)


def _pieces(e: Expr) -> list[Expr]:
    if e.op == "concat":
        return list(e.args)
    if e.op == "zext":
        return [const(0, e.width - e.args[0].width), *_pieces(e.args[0])]
    return [e]


def _merge_disjoint(a: Expr, b: Expr) -> Expr | None:
    """``a | b`` where in every bit one side is a constant zero: a concat of the other sides."""
    pa, pb = _pieces(a), _pieces(b)
    if len(pa) == 1 and len(pb) == 1:
        return None
    result: list[Expr] = []
    pa.reverse()
    pb.reverse()
    while pa and pb:
        x, y = pa.pop(), pb.pop()
        if x.width > y.width:
            pa.append(extract(x, x.width - y.width - 1, 0))
            x = extract(x, x.width - 1, x.width - y.width)
        elif y.width > x.width:
            pb.append(extract(y, y.width - x.width - 1, 0))
            y = extract(y, y.width - 1, y.width - x.width)
        if x.is_const and x.const == 0:
            result.append(y)
        elif y.is_const and y.const == 0:
            result.append(x)
        else:
            return None
    return concat(*result)


def concat(*parts: Expr) -> Expr:
    """Most significant part first."""
    flat: list[Expr] = []
    for part in parts:
        if part.width == 0:
            continue
        for p in part.args if part.op == "concat" else (part,):
            if flat:
                joined = _join(flat[-1], p)
                if joined is not None:
                    flat[-1] = joined
                    continue
            flat.append(p)
    if len(flat) == 1:
        return flat[0]
    return _make("concat", sum(p.width for p in flat), tuple(flat))


def _join(a: Expr, b: Expr) -> Expr | None:
    if a.is_const and b.is_const:
        return _constant("concat", a.width + b.width, (a.width, b.width), a, b)
    if a.op == "extract" and b.op == "extract" and a.args[0] is b.args[0]:
        (ah, al), (bh, bl) = a.bounds, b.bounds
        if al == bh + 1:
            return extract(a.args[0], ah, bl)
    return None


def extract(e: Expr, high: int, low: int) -> Expr:
    """Bits high..low (inclusive) of ``e``."""
    width = high - low + 1
    if width <= 0:
        return _make("const", 0, (), 0)
    if width == e.width:
        return e
    if e.is_const:
        return _constant("extract", width, (high, low), e)
    if e.op == "extract":
        base = e.bounds[1]
        return extract(e.args[0], base + high, base + low)
    if e.op == "concat":
        parts: list[Expr] = []
        top = e.width
        for p in e.args:
            bottom = top - p.width
            first, last = min(high, top - 1), max(low, bottom)
            if first >= last:
                parts.append(extract(p, first - bottom, last - bottom))
            top = bottom
        return concat(*parts)
    if e.op in ("zext", "sext"):
        inner = e.args[0]
        if high < inner.width:
            return extract(inner, high, low)
        if e.op == "zext":
            if low >= inner.width:
                return const(0, width)
            return zext(extract(inner, inner.width - 1, low), width)
    if e.depth > MAX_DESCENT:
        return _make("extract", width, (e,), (high, low))
    if e.op in ("and", "or", "xor"):
        return binary(e.op, extract(e.args[0], high, low), extract(e.args[1], high, low))
    if e.op == "not":
        return bv_not(extract(e.args[0], high, low))
    if e.op == "ite":
        return ite(e.args[0], extract(e.args[1], high, low), extract(e.args[2], high, low))
    if low == 0 and e.op in ("add", "sub", "mul") and all(_fits(a, width) for a in e.args):
        return binary(e.op, extract(e.args[0], high, 0), extract(e.args[1], high, 0))
    return _make("extract", width, (e,), (high, low))


def _fits(e: Expr, width: int) -> bool:
    """Was ``e`` widened from at most ``width`` bits?  Then cutting it again undoes C's integer promotion."""
    return e.is_const or (e.op in ("zext", "sext") and e.args[0].width <= width)


def zext(e: Expr, width: int) -> Expr:
    assert width >= e.width > 0, (e, width)
    if width == e.width:
        return e
    if e.is_const:
        return _constant("zext", width, e.width, e)
    if e.op == "zext":
        return zext(e.args[0], width)
    if e.op == "ite" and e.args[1].is_const and e.args[2].is_const:
        return ite(e.args[0], zext(e.args[1], width), zext(e.args[2], width))
    if e.op == "concat" and e.args[0].is_const and e.args[0].const == 0:
        return zext(concat(*e.args[1:]), width)
    return _make("zext", width, (e,))


def sext(e: Expr, width: int) -> Expr:
    assert width >= e.width > 0, (e, width)
    if width == e.width:
        return e
    if e.is_const:
        return _constant("sext", width, e.width, e)
    if e.op == "zext":
        return zext(e.args[0], width)
    if e.op == "ite" and e.args[1].is_const and e.args[2].is_const:
        return ite(e.args[0], sext(e.args[1], width), sext(e.args[2], width))
    return _make("sext", width, (e,))


def neg(e: Expr) -> Expr:
    return binary("sub", const(0, e.width), e)


def bv_not(e: Expr) -> Expr:
    if e.is_const:
        return _constant("not", e.width, e.width, e)
    if e.op == "not":
        return e.args[0]
    return _make("not", e.width, (e,))


def ite(c: Expr, a: Expr, b: Expr) -> Expr:
    """``c ? a : b``; ``a`` and ``b`` have one width (0 for Booleans)."""
    assert c.width == 0 and a.width == b.width
    if c is TRUE or a is b:
        return a
    if c is FALSE:
        return b
    if c.op == "lnot":
        return ite(c.args[0], b, a)
    if a.width == 0:
        if a is TRUE and b is FALSE:
            return c
        if a is FALSE and b is TRUE:
            return lnot(c)
        return lor(land(c, a), land(lnot(c), b))
    return _make("ite", a.width, (c, a, b))


def eq(a: Expr, b: Expr) -> Expr:
    assert a.width == b.width, (a, b)
    if a is b:
        return TRUE
    if a.width == 0:
        return ite(a, b, lnot(b))
    if a.is_const and b.is_const:
        return FALSE  # interned: equal constants are one object
    if a.is_const:
        a, b = b, a
    if b.is_const:
        c = b.const
        if a.op == "ite" and a.depth <= MAX_DESCENT and (a.args[1].is_const or a.args[2].is_const):
            yes, no = eq(a.args[1], b), eq(a.args[2], b)
            if yes.is_const or no.is_const:
                return ite(a.args[0], yes, no)
        if a.op == "zext":
            inner = a.args[0]
            return eq(inner, const(c, inner.width)) if c >> inner.width == 0 else FALSE
        if a.op == "sext":
            inner = a.args[0]
            narrow = const(c, inner.width)
            return eq(inner, narrow) if sext(narrow, a.width) is b else FALSE
        if a.op == "concat" and any(p.is_const for p in a.args):
            return _eq_parts(a, c)
        if a.op in ("add", "xor") and a.args[1].is_const:
            return eq(a.args[0], binary("sub" if a.op == "add" else "xor", b, a.args[1]))
    else:
        if a.op == "zext" and b.op == "zext":
            n = max(a.args[0].width, b.args[0].width)
            return eq(zext(a.args[0], n), zext(b.args[0], n))
        if repr_key(b) < repr_key(a):
            a, b = b, a
    return _make("eq", 0, (a, b))


def _eq_parts(a: Expr, value: int) -> Expr:
    """``a == value`` for a concat: decides its constant parts, keeps runs of the others together."""
    conjunction, run = TRUE, []
    low = a.width
    for p in (*a.args, None):
        if p is not None:
            low -= p.width
        if p is not None and not p.is_const:
            run.append(p)
            continue
        if run:
            whole = concat(*run)
            end = low + (p.width if p is not None else 0)
            conjunction = land(conjunction, eq(whole, const(value >> end, whole.width)))
            run = []
        if p is not None and p.const != (value >> low) & ((1 << p.width) - 1):
            return FALSE
    return conjunction


def compare(op: str, a: Expr, b: Expr) -> Expr:
    """eq ne ult ule ugt uge slt sle sgt sge -> Boolean."""
    if op == "eq":
        return eq(a, b)
    if op == "ne":
        return lnot(eq(a, b))
    if op in ("ugt", "uge", "sgt", "sge"):
        return compare(op[0] + "l" + op[2], b, a)
    w = a.width
    assert w == b.width and w > 0
    if a.is_const and b.is_const:
        return boolean(bool(OPERATORS[op].fold(w, a.const, b.const)))
    if a is b:
        return boolean(op in ("ule", "sle"))
    if op[0] == "s" and _non_negative(a) and _non_negative(b):
        op = "u" + op[1:]
    full = (1 << w) - 1
    if op == "ult":
        if (b.is_const and b.const == 0) or (a.is_const and a.const == full):
            return FALSE
        if b.is_const and b.const == 1:
            return eq(a, const(0, w))
        if a.is_const and a.const == 0:
            return lnot(eq(b, a))
    if op == "ule":
        if (a.is_const and a.const == 0) or (b.is_const and b.const == full):
            return TRUE
        if b.is_const and b.const == 0:
            return eq(a, b)
    if a.op == "zext" and b.op == "zext" and op[0] == "u":
        n = max(a.args[0].width, b.args[0].width)
        return compare(op, zext(a.args[0], n), zext(b.args[0], n))
    for x, y, flip in ((a, b, False), (b, a, True)):
        if x.op == "zext" and y.is_const and op[0] == "u":
            n = x.args[0].width
            if y.const >> n:
                return boolean(not flip)
            narrow = const(y.const, n)
            return compare(op, narrow, x.args[0]) if flip else compare(op, x.args[0], narrow)
        if x.op == "ite" and x.args[1].is_const and x.args[2].is_const and y.is_const:
            pair = [compare(op, y, v) if flip else compare(op, v, y) for v in x.args[1:]]
            return ite(x.args[0], pair[0], pair[1])
    return _make(op, 0, (a, b))


def _non_negative(e: Expr) -> bool:
    return (
        e.op == "zext"
        or (e.is_const and not e.const >> (e.width - 1))
        or (e.op == "ite" and _non_negative(e.args[1]) and _non_negative(e.args[2]))
    )


def lnot(e: Expr) -> Expr:
    assert e.width == 0
    if e.is_const:
        return FALSE if e is TRUE else TRUE
    if e.op == "lnot":
        return e.args[0]
    if e.op in ("ult", "ule", "slt", "sle"):
        return compare(e.op[0] + ("lt" if e.op[1:] == "le" else "le"), e.args[1], e.args[0])
    return _make("lnot", 0, (e,))


def land(a: Expr, b: Expr) -> Expr:
    if a is FALSE or b is FALSE:
        return FALSE
    if a is TRUE or a is b:
        return b
    if b is TRUE:
        return a
    if lnot(a) is b:
        return FALSE
    return _make("land", 0, (a, b))


def lor(a: Expr, b: Expr) -> Expr:
    if a is TRUE or b is TRUE:
        return TRUE
    if a is FALSE or a is b:
        return b
    if b is FALSE:
        return a
    if lnot(a) is b:
        return TRUE
    return _make("lor", 0, (a, b))


def symbols(e: Expr) -> frozenset[Expr]:
    """All symbols that occur in ``e``; found once."""
    if e.op == "sym":
        return frozenset((e,))  # not kept: an expression that knows itself would never be freed
    if e._symbols is None:
        found: set[Expr] = set()

        def collect(x: Expr, _: list[None]) -> None:
            found.update(symbols(x) if x.op == "sym" else x._symbols or ())

        bottom_up(e, collect, {}, lambda x: x.args if x._symbols is None else ())
        e._symbols = frozenset(found)
    return e._symbols


_CONSTRUCTORS: Final[dict[str, Callable[[Sequence[Expr], int, Any], Expr]]] = {
    "eq": lambda a, width, value: eq(*a),
    "land": lambda a, width, value: land(*a),
    "lor": lambda a, width, value: lor(*a),
    "lnot": lambda a, width, value: lnot(*a),
    "not": lambda a, width, value: bv_not(*a),
    "ite": lambda a, width, value: ite(*a),
    "concat": lambda a, width, value: concat(*a),
    "extract": lambda a, width, value: extract(a[0], *value),
    "zext": lambda a, width, value: zext(a[0], width),
    "sext": lambda a, width, value: sext(a[0], width),
}


def build(op: str, args: Sequence[Expr], width: int = 0, value: Any = None) -> Expr:
    """The term of any operator, folded.  ``width``, ``value``: where arguments do not say everything (extensions and
    extracts).  KeyError if the operator is unknown."""
    constructor = _CONSTRUCTORS.get(op)
    if constructor is not None:
        return constructor(args, width, value)
    return binary(op, *args) if OPERATORS[op].form is ARITHMETIC else compare(op, *args)


def rebuild(e: Expr, args: Sequence[Expr]) -> Expr:
    """``e`` with other arguments (of the same widths), folded again."""
    return build(e.op, args, e.width, e.value) if args else e


def substitute(e: Expr, values: dict[Expr, Expr]) -> Expr:
    """``e`` with symbols replaced, folded again."""
    return bottom_up(e, rebuild, dict(values))


def substitute_all(terms: Iterable[Expr], values: dict[Expr, Expr]) -> list[Expr]:
    """The same of several; what they have in common is folded once."""
    done = dict(values)
    return [bottom_up(e, rebuild, done) for e in terms]
