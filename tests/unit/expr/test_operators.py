"""Every row of the table of operators says one thing: folded, calculated and asked of z3, numbers are the same."""

from __future__ import annotations

import json
import random

import pytest
import z3

from maestro_tool.codegen.c_values import Writer
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.operators import (
    ARITHMETIC,
    BITS,
    CONNECTIVE,
    NEGATION,
    OPERATORS,
    ORDER,
    PART,
    Operator,
)
from maestro_tool.expr.symbols import option
from maestro_tool.expr.text import from_json, show, to_json
from maestro_tool.packet.terms import Terms
from maestro_tool.solver.translate import Translator

WIDTHS = (0, 1, 2, 5, 8, 16, 64)


def drawn(r: random.Random, op: str) -> tuple[list[int], int, tuple[int, int] | None]:
    """Widths of arguments that fit, and width and value of a term of them."""
    form = OPERATORS[op].form
    while True:
        widths = [r.choice(WIDTHS) for _ in range(r.randint(2, 4) if form.arity is None else form.arity)]
        if form.arity and r.random() < 0.8:  # most take arguments of one width
            widths = [*widths[:-1], widths[-2] if form.arity > 1 else widths[-1]]
        width = form.width(tuple(widths), r.choice(WIDTHS))
        if width is not None:
            low = r.randint(0, widths[0] - width) if form is PART else 0
            return widths, width, (low + width - 1, low) if form is PART else None


def number(r: random.Random, width: int) -> int:
    bits = max(width, 1)
    return r.choice([0, 1, bits - 1, bits, (1 << bits) - 1, 1 << (bits - 1), r.getrandbits(bits)]) & ((1 << bits) - 1)


def constant(value: int, width: int) -> Expr:
    return nodes.const(value, width) if width else nodes.boolean(bool(value))


def check(op: str, rounds: int = 120) -> None:
    r, translate, widths_seen = random.Random(op), Translator(), set()
    for _ in range(rounds):
        widths, width, value = drawn(r, op)
        symbols = [option(f"argument{n}", w) for n, w in enumerate(widths)]
        term = nodes._make(op, width, tuple(symbols), value)  # as it is, nothing folded
        numbers = [number(r, w) for w in widths]
        constants = [constant(n, w) for n, w in zip(numbers, widths, strict=True)]

        folded = nodes.build(op, constants, width, value)
        assert folded.is_const and folded.width == width
        assert Numbers([term])(dict(zip(symbols, numbers, strict=True))) == [folded.const], (op, widths, numbers)
        given = [(translate(s), translate(c)) for s, c in zip(symbols, constants, strict=True)]
        answer = z3.simplify(z3.substitute(translate(term), *given))
        assert answer.eq(translate(folded)), (op, widths, numbers, answer, folded)

        again = from_json(json.loads(json.dumps(to_json(nodes.build(op, symbols, width, value)))))
        assert again is nodes.build(op, symbols, width, value)
        widths_seen.add(tuple(widths))
    assert len(widths_seen) > (0 if {w for ws in widths_seen for w in ws} == {0} else 4)


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_all_agree_on_an_operator(op: str) -> None:
    check(op)


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_bits_go_where_the_row_says(op: str) -> None:
    r, row, moves = random.Random(op), OPERATORS[op], 0
    for _ in range(200):
        widths, width, value = drawn(r, op)
        args = [option(f"argument{n}", w) for n, w in enumerate(widths)]
        numbers = [number(r, w) for w in widths]
        if len(args) == 2 and r.random() < 0.5:  # shifts by what is known
            args[1] = constant(numbers[1], widths[1])
        term = nodes._make(op, width, tuple(args), value)
        given = [[f"{n:0{w}b}"[i] if w else "" for i in range(w)] for n, w in zip(numbers, widths, strict=True)]
        bits = row.moved(term, *given) if row.moved is not None else None
        if bits is None:
            continue
        moves += 1
        of = {a: n for a, n in zip(args, numbers, strict=True) if not a.is_const}
        assert "".join(map(str, bits)) == f"{Numbers([term])(of)[0]:0{width}b}"
    assert (moves > 50) == (row.moved is not None)


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_no_number_is_greater_than_the_row_says(op: str) -> None:
    r, row = random.Random(op), OPERATORS[op]
    for _ in range(300):
        widths, width, value = drawn(r, op)
        args = [option(f"argument{n}", w) for n, w in enumerate(widths)]
        numbers = [number(r, w) for w in widths]
        if len(args) == 2 and r.random() < 0.5:  # divisors that are known
            args[1] = constant(numbers[1], widths[1])
        term = nodes._make(op, width, tuple(args), value)
        bounds = [
            n if a.is_const else r.randint(n, (1 << max(w, 1)) - 1)
            for a, n, w in zip(args, numbers, widths, strict=True)
        ]
        of = {a: n for a, n in zip(args, numbers, strict=True) if not a.is_const}
        assert Numbers([term])(of)[0] <= row.most(term, *bounds) < 1 << max(width, 1), (term, numbers, bounds)


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_laws_hold(op: str) -> None:
    """What a row says of the order of arguments, and of parts of them, is proved or refuted for all values."""
    row, translate = OPERATORS[op], Translator()
    size = 0 if row.form in (CONNECTIVE, NEGATION) else 4
    a, b, c = (option(name, size) for name in "abc")

    def apply(*args: Expr) -> Expr:
        return nodes._make(op, args[0].width if row.form in (ARITHMETIC, BITS) else 0, args)

    def same(x: Expr, y: Expr) -> bool:
        solver = z3.Solver(ctx=translate.context)
        solver.add(translate(x) != translate(y))
        return bool(solver.check() == z3.unsat)

    if row.form.arity == 2:
        assert same(apply(a, b), apply(b, a)) == row.commutative
    else:
        assert not row.commutative
    if row.form in (ARITHMETIC, CONNECTIVE):
        assert same(apply(apply(a, b), c), apply(a, apply(b, c))) == row.associative
    else:
        assert not row.associative
    if row.form in (ARITHMETIC, BITS):
        args = (a, b)[: row.form.arity]
        high, low = (apply(*(nodes.extract(x, n + 1, n) for x in args)) for n in (2, 0))
        assert same(apply(*args), nodes._make("concat", 4, (high, low))) == row.bitwise
    else:
        assert not row.bitwise


def test_an_operator_more_is_a_row_more(monkeypatch: pytest.MonkeyPatch) -> None:
    nand = Operator(
        ARITHMETIC,
        lambda w, a, b: ~(a & b),
        lambda z, e, a, b: ~(a & b),
        lambda e, a, b: f"(~({a} & {b}) & 0xFF)",
        "~&",
        5,
        commutative=True,
        bitwise=True,
    )
    above = Operator(
        ORDER, lambda w, a, b: a > b, lambda z, e, a, b: z.UGT(a, b), lambda e, a, b: f"({a} > {b})", "above", 7, ">"
    )
    monkeypatch.setitem(OPERATORS, "nand", nand)
    monkeypatch.setitem(OPERATORS, "above", above)
    for op in ("nand", "above"):
        check(op)
        test_laws_hold(op)
    x, y = option("x", 8), option("y", 8)
    assert nodes.build("nand", [y, x]) is nodes.build("nand", [x, y])
    assert show(nodes.build("nand", [x, y])) == "(cfg.x ~& cfg.y)"
    assert Terms({}).value(nodes.build("above", [nodes.build("nand", [x, y]), x])) == "(cfg.x ~& cfg.y) > cfg.x"
    assert (
        Writer(0, str).write(nodes.build("above", [nodes.build("nand", [x, y]), x]))
        == "((~(cfg.x & cfg.y) & 0xFF) > cfg.x)"
    )
    assert nodes.substitute(nodes.build("nand", [x, y]), {x: nodes.const(5, 8), y: nodes.const(6, 8)}).const == 0xFB
