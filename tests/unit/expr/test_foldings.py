"""Every folding of the constructors is proved: the folded term equals the plain one, for all values."""

from __future__ import annotations

import json
import random

import pytest
import z3

from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.symbols import option, packet_byte
from maestro_tool.expr.text import from_json, show, to_json
from maestro_tool.solver.translate import Translator

ARITHMETIC = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr")
COMPARISONS = ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge")
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFF00, 0x00F0, 0xFFFF, 0x8000)


class Pair:
    """The same term built by the folding constructors and, without any, in z3."""

    def __init__(self, expr: Expr, term: z3.ExprRef) -> None:
        self.expr, self.term = expr, term


class Generator:
    """Random terms of small widths, biased to the shapes that C code makes."""

    def __init__(self, seed: int, context: z3.Context) -> None:
        self.random = random.Random(seed)
        self.context = context

    def leaf(self, width: int) -> Pair:
        if self.random.random() < 0.45:
            value = self.random.choice((*INTERESTING, self.random.getrandbits(16))) & ((1 << width) - 1)
            return Pair(nodes.const(value, width), z3.BitVecVal(value, width, self.context))
        name = f"{self.random.choice('xyz')}{width}"
        return Pair(option(name, width), z3.BitVec(f"cfg.{name}", width, self.context))

    def vector(self, width: int, depth: int) -> Pair:
        r = self.random
        if depth == 0 or r.random() < 0.1:
            return self.leaf(width)
        kind = r.choice(("binary", "binary", "concat", "extract", "zext", "sext", "not", "ite"))
        if kind == "binary":
            op = r.choice(ARITHMETIC)
            a, b = self.vector(width, depth - 1), self.vector(width, depth - 1)
            return Pair(nodes.binary(op, a.expr, b.expr), PLAIN[op](a.term, b.term))
        if kind == "concat" and width > 1:
            cuts = sorted(r.sample(range(1, width), r.randint(1, min(3, width - 1))))
            parts = [self.vector(b - a, depth - 1) for a, b in zip((0, *cuts), (*cuts, width), strict=True)]
            return Pair(nodes.concat(*(p.expr for p in parts)), z3.Concat(*(p.term for p in parts)))
        if kind == "extract":
            whole = width + r.randint(1, 8)
            low = r.randint(0, whole - width)
            a = self.vector(whole, depth - 1)
            return Pair(nodes.extract(a.expr, low + width - 1, low), z3.Extract(low + width - 1, low, a.term))
        if kind in ("zext", "sext") and width > 1:
            inner = r.randint(1, width - 1)
            a = self.vector(inner, depth - 1)
            if kind == "zext":
                return Pair(nodes.zext(a.expr, width), z3.ZeroExt(width - inner, a.term))
            return Pair(nodes.sext(a.expr, width), z3.SignExt(width - inner, a.term))
        if kind == "not":
            a = self.vector(width, depth - 1)
            return Pair(nodes.bv_not(a.expr), ~a.term)
        c, a, b = self.boolean(depth - 1), self.vector(width, depth - 1), self.vector(width, depth - 1)
        return Pair(nodes.ite(c.expr, a.expr, b.expr), z3.If(c.term, a.term, b.term, self.context))

    def boolean(self, depth: int) -> Pair:
        r = self.random
        kind = (
            r.choice(("compare", "compare", "compare", "land", "lor", "lnot", "ite", "eq")) if depth > 1 else "compare"
        )
        if kind == "compare":
            width = r.choice((1, 4, 8, 16))
            op = r.choice(COMPARISONS)
            a, b = self.vector(width, max(depth - 1, 0)), self.vector(width, max(depth - 1, 0))
            return Pair(nodes.compare(op, a.expr, b.expr), PLAIN_COMPARE[op](a.term, b.term))
        if kind == "lnot":
            a = self.boolean(depth - 1)
            return Pair(nodes.lnot(a.expr), z3.Not(a.term))
        a, b = self.boolean(depth - 1), self.boolean(depth - 1)
        if kind == "land":
            return Pair(nodes.land(a.expr, b.expr), z3.And(a.term, b.term))
        if kind == "lor":
            return Pair(nodes.lor(a.expr, b.expr), z3.Or(a.term, b.term))
        if kind == "eq":
            return Pair(nodes.eq(a.expr, b.expr), a.term == b.term)
        c = self.boolean(depth - 1)
        return Pair(nodes.ite(c.expr, a.expr, b.expr), z3.If(c.term, a.term, b.term, self.context))


PLAIN = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "udiv": z3.UDiv,
    "urem": z3.URem, "sdiv": lambda a, b: a / b, "srem": z3.SRem, "and": lambda a, b: a & b,
    "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b, "shl": lambda a, b: a << b, "lshr": z3.LShR,
    "ashr": lambda a, b: a >> b,
}  # fmt: skip
PLAIN_COMPARE = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "ult": z3.ULT, "ule": z3.ULE, "ugt": z3.UGT,
    "uge": z3.UGE, "slt": lambda a, b: a < b, "sle": lambda a, b: a <= b, "sgt": lambda a, b: a > b,
    "sge": lambda a, b: a >= b,
}  # fmt: skip


def assert_equal(pair: Pair, translate: Translator) -> None:
    solver = z3.Solver(ctx=translate.context)
    solver.set("rlimit", 400_000)
    folded = translate(pair.expr)
    solver.add(folded != pair.term)
    answer = solver.check()
    assert answer != z3.sat, f"{pair.term} was folded to {show(pair.expr)}: {solver.model()}"


@pytest.mark.parametrize("seed", range(8))
def test_random_terms_mean_what_they_say(seed: int) -> None:
    context = z3.Context()
    generator, translate = Generator(seed, context), Translator(context)
    for _ in range(150):
        width = generator.random.choice((1, 4, 8, 12, 16))
        assert_equal(generator.vector(width, generator.random.randint(1, 3)), translate)
        assert_equal(generator.boolean(generator.random.randint(1, 4)), translate)


@pytest.mark.parametrize("op", ARITHMETIC)
def test_constants_fold_as_z3_computes(op: str) -> None:
    for a in INTERESTING:
        for b in INTERESTING:
            plain = z3.simplify(PLAIN[op](z3.BitVecVal(a, 16), z3.BitVecVal(b, 16)))
            assert nodes.binary(op, nodes.const(a, 16), nodes.const(b, 16)).const == plain.as_long(), (op, a, b)


@pytest.mark.parametrize("op", COMPARISONS)
def test_comparisons_with_constants(op: str) -> None:
    context = z3.Context()
    translate = Translator(context)
    for x, term in (
        (option("x", 8), z3.BitVec("cfg.x", 8, context)),
        (nodes.zext(option("y", 4), 8), z3.ZeroExt(4, z3.BitVec("cfg.y", 4, context))),
        (nodes.sext(option("y", 4), 8), z3.SignExt(4, z3.BitVec("cfg.y", 4, context))),
    ):
        for value in (0, 1, 15, 16, 127, 128, 254, 255):
            c, plain = nodes.const(value, 8), z3.BitVecVal(value, 8, context)
            assert_equal(Pair(nodes.compare(op, x, c), PLAIN_COMPARE[op](term, plain)), translate)
            assert_equal(Pair(nodes.compare(op, c, x), PLAIN_COMPARE[op](plain, term)), translate)


def byte(n: int) -> Expr:
    return packet_byte(n)


def test_byte_swap_leaves_a_packet_field() -> None:
    loaded = nodes.concat(byte(29), byte(28), byte(27), byte(26))
    swapped = nodes.const(0, 32)
    for shift in (0, 8, 16, 24):
        part = nodes.binary("and", nodes.binary("lshr", loaded, nodes.const(shift, 32)), nodes.const(0xFF, 32))
        swapped = nodes.binary("or", swapped, nodes.binary("shl", part, nodes.const(24 - shift, 32)))
    assert swapped is nodes.concat(byte(26), byte(27), byte(28), byte(29))
    assert show(swapped) == "pkt[26..29]"


def test_booleans_of_c_are_seen_through() -> None:
    condition = nodes.compare("ult", option("x", 8), option("y", 8))
    as_int = nodes.ite(condition, nodes.const(1, 32), nodes.const(0, 32))
    assert nodes.compare("ne", as_int, nodes.const(0, 32)) is condition
    assert nodes.compare("eq", nodes.zext(as_int, 64), nodes.const(0, 64)) is nodes.lnot(condition)


def test_little_endian_comparison_prints_in_wire_order() -> None:
    ether_type = nodes.concat(byte(13), byte(12))
    assert show(nodes.eq(ether_type, nodes.const(8, 16))) == "(pkt[12..13] == 0x800)"


def test_interning_makes_equality_identity() -> None:
    x, y = option("x", 8), option("y", 8)
    assert nodes.binary("add", x, y) is nodes.binary("add", y, x)
    assert nodes.eq(x, y) is nodes.eq(y, x)
    assert option("x", 8) is not option("x", 16)


def test_shared_subterms_stay_cheap() -> None:
    x = option("x", 32)
    for _ in range(300):
        x = nodes.binary("add", nodes.binary("mul", x, option("y", 32)), nodes.binary("xor", x, option("z", 32)))
    low = nodes.extract(x, 7, 0)
    assert len(show(low)) < 10_000
    assert from_json(json.loads(json.dumps(to_json(x)))) is x
    assert nodes.substitute(x, {option("x", 32): nodes.const(0, 32)}) is not x


@pytest.mark.parametrize("seed", range(3))
def test_json_round_trip(seed: int) -> None:
    generator = Generator(seed, z3.Context())
    for _ in range(100):
        e = generator.boolean(4).expr
        assert from_json(json.loads(json.dumps(to_json(e)))) is e


@pytest.mark.parametrize(
    "data",
    [
        None, [], {}, 3, "x", [[]], [["const", 8]], [["const", 8, 256]], [["const", 8, -1]], [["const", True, 1]],
        [["const", 8, "1"]], [["sym", 8, ""]], [["sym", 8, None]], [["sym", -1, "cfg.x"]], [["sym", 1 << 40, "cfg.x"]], [["sym", 8, "x"]], [["sym", 16, "pkt.0"]], [["sym", 8, "pkt.01"]], [["sym", 8, "pkt.999999"]],
        [["system", 8, "x"]], [["__class__", 8, "x"]], [["add", 8, None, 0, 0]],
        [["sym", 8, "pkt.0"], ["add", 8, None, 0]], [["sym", 8, "pkt.0"], ["add", 9, None, 0, 0]],
        [["sym", 8, "pkt.0"], ["add", 8, 7, 0, 0]], [["sym", 8, "pkt.0"], ["add", 8, None, 0, 1]],
        [["sym", 8, "pkt.0"], ["add", 8, None, 0, -1]], [["sym", 8, "pkt.0"], ["extract", 8, [8, 1], 0]],
        [["sym", 8, "pkt.0"], ["extract", 4, None, 0]], [["sym", 8, "pkt.0"], ["land", 0, None, 0, 0]],
        [["sym", 8, "pkt.0"], ["ite", 8, None, 0, 0, 0]], [["sym", 8, "pkt.0"], ["zext", 4, None, 0]],
        [["sym", 8, "pkt.0"], ["concat", 0, None]], [["sym", 0, "cfg.b"], ["not", 0, None, 0]],
    ],
)  # fmt: skip
def test_hostile_json_is_refused(data: object) -> None:
    with pytest.raises(ValueError):
        from_json(data)
