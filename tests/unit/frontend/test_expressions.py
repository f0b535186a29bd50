"""Random expressions: gcc's values, widths and signs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .against_gcc import check

TYPES = [
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long", "unsigned long",
    "long long", "unsigned long long", "_Bool", "enum Colour", "int8_t", "uint16_t", "uint32_t", "int64_t",
]  # fmt: skip
FIELDS = [
    ("unsigned", 3), ("int", 5), ("unsigned", 32), ("int", 32), ("unsigned short", 9), ("signed char", 7),
    ("_Bool", 1), ("unsigned long", 31), ("long", 32), ("uint8_t", 8), ("unsigned long", 64),
    ("unsigned long", 33), ("long", 45), ("unsigned long long", 63), ("long long", 40), ("unsigned long", 40),
]  # fmt: skip
SUFFIXES = ["", "u", "l", "ul", "LL", "uLL", "U", "L"]
ARITHMETIC = ["+", "-", "*", "&", "|", "^"]
COMPARISONS = ["<", ">", "<=", ">=", "==", "!="]


class Generator:
    """``variables`` False: constant expressions only."""

    def __init__(self, seed: int, variables: bool = True) -> None:
        self.random = random.Random(seed)
        self.variables = variables

    def number(self) -> int:
        edge = 1 << self.random.choice([3, 7, 8, 15, 16, 31, 32, 63])
        return self.random.choice([0, 1, 2, edge - 1, edge, self.random.randrange(1 << 63), self.random.randrange(200)])

    def constant(self) -> str:
        pick = self.random.random()
        if pick < 0.1:
            return self.random.choice(["'a'", "'\\xff'", "'\\0'", "'\\n'", "'\\377'", "'ab'"])
        if pick < 0.2:
            return self.random.choice(["RED", "GREEN", "BLUE"])
        if pick < 0.3:
            return f"sizeof(+{self.expression(1)})"
        value = self.number()
        decimal = ["{}"] if value < 1 << 63 else []  # gcc makes an __int128 of larger ones
        form = self.random.choice(["{:#x}", "0{:o}", "0b{:b}", *decimal])
        return form.format(value) + self.random.choice(SUFFIXES)

    def leaf(self) -> str:
        if not self.variables or self.random.random() < 0.35:
            return self.constant()
        if self.random.random() < 0.2:
            return f"fields.f{self.random.randrange(len(FIELDS))}"
        return f"v{self.random.randrange(3 * len(TYPES))}"

    def expression(self, depth: int) -> str:
        if depth == 0:
            return self.leaf()
        one = lambda: self.expression(depth - 1 - self.random.randrange(min(depth, 2)))  # noqa: E731
        match self.random.randrange(12):
            case 0 | 1 | 2:
                return f"({one()} {self.random.choice(ARITHMETIC)} {one()})"
            case 3:
                return f"({one()} {self.random.choice(COMPARISONS)} {one()})"
            case 4:
                return f"({one()} {self.random.choice(['/', '%'])} (({one()} & 0x7f) + 1))"
            case 5:
                return f"({one()} {self.random.choice(['<<', '>>'])} ({one()} & 7))"
            case 6:
                return f"({self.random.choice('-~!+')}{one()})"
            case 7 | 8:
                return f"(({self.random.choice(TYPES)}){one()})"
            case 9:
                return f"({one()} {self.random.choice(['?:', f'? {one()} :'])} {one()})"
            case 10:
                return f"({one()} {self.random.choice(['&&', '||'])} {one()})"
        return f"({one()}, {one()})" if self.variables else one()

    def assignment(self) -> str:
        target = f"fields.f{self.random.randrange(len(FIELDS))}" if self.random.random() < 0.4 else ""
        target = target or f"v{self.random.randrange(3 * len(TYPES))}"
        match self.random.randrange(4):
            case 0:
                return f"({target} = {self.expression(3)})"
            case 1:
                return f"({target} {self.random.choice([*ARITHMETIC])}= {self.expression(2)})"
            case 2:
                return f"({target} {self.random.choice(['<<=', '>>='])} ({self.expression(2)} & 7))"
        return self.random.choice([f"({target}++)", f"(--{target})", f"(++{target})", f"({target}--)"])

    def program(self, count: int) -> str:
        lines = ["enum Colour { RED, GREEN = 0x7ffffffe, BLUE };"]
        for i in range(3 * len(TYPES)):
            lines.append(f"{TYPES[i % len(TYPES)]} v{i} = ({TYPES[i % len(TYPES)]}){self.number():#x};")
        members = " ".join(f"{t} f{i} : {w};" for i, (t, w) in enumerate(FIELDS))
        values = ", ".join(hex(self.number()) for _ in FIELDS)
        lines.append(f"struct {{ {members} }} fields = {{ {values} }};")
        lines.append("void run(void) {")
        for _ in range(count):
            expression = self.assignment() if self.random.random() < 0.15 else self.expression(4)
            lines.append(f"out({expression});")
            pure = self.expression(3)
            lines.append(f"out(sizeof(+{pure})); out((1 ? -1 : {pure}) < 0);")
        lines += [f"out(v{i});" for i in range(3 * len(TYPES))]
        return "\n".join([*lines, "}"])


@pytest.mark.parametrize("seed", range(3))
def test_random_expressions(tmp_path: Path, seed: int) -> None:
    assert len(check(tmp_path, Generator(seed).program(400))) > 1200


@pytest.mark.parametrize("seed", range(2))
def test_random_constant_initialisers(tmp_path: Path, seed: int) -> None:
    """The same values where the compiler computes them: static initialisers, enumerators, array lengths."""
    generator = Generator(100 + seed, variables=False)
    lines = ["enum Colour { RED, GREEN = 0x7ffffffe, BLUE };"]
    for i in range(500):
        lines.append(f"static {generator.random.choice(TYPES)} c{i} = {generator.expression(4)};")
    for i in range(60):
        lines.append(
            f"enum {{ E{i} = (int)({generator.expression(3)}) }}; char a{i}[(({generator.expression(3)}) & 63) + 1];"
        )
    body = [f"out(c{i});" for i in range(500)] + [f"out(E{i}); out(sizeof a{i});" for i in range(60)]
    check(tmp_path, "\n".join([*lines, "void run(void) {", *body, "}"]))


FLOAT_CASES = """
double d = 1.5, e = -2.25, tiny = 1e-300; float f = 0.1f, g = 16777217.0f;
int i = -7; unsigned u = 4000000000u; long l = (1L << 62) + 12345; unsigned long ul = ~0UL; _Bool b;
unsigned char c = 200; short s = -300;
static double table[] = { 1, 2.5f, 'a', 1.0 / 3, -0.0, 1e3, 0x1.8p3, 3 % 2 };
void run(void) {
  out_double(d + i); out_double(f * g); out_double(f + d); out_double(u / f); out_double(l); out_double((float)l);
  out_double(ul); out_double((float)u); out_double(-d); out_double(-0.0); out_double(-(d - d)); out_double(c * 0.01);
  out_double((4000 / 8) * (c * 0.01)); out_double(s / 7); out_double(s / 7.0); out_double(1 ? i : d);
  out_double(i < 0 ? f : u); out_double((double)(float)0.1); out_double(0.1f); out_double(.5e1f); out_double(5.);
  out((int)d); out((int)e); out((unsigned char)f); out((long)1e15); out((unsigned long)1.8e19); out((short)-12.75);
  out(d < e); out(d > i); out(f == 0.1); out(f == 0.1f); out(!d); out(!tiny); out(tiny && d); b = tiny; out(b); b = 0.0;
  out(b); out(d ? 1 : 2); i += 2.7; out(i); c *= 1.1; out(c); f++; out_double(f); d--; out_double(d); d /= 3; out_double(d);
  f -= 1e-3; out_double(f); out(sizeof(f + 1) + sizeof(f + d) * 10 + sizeof(1.0f) * 100 + sizeof(1.0) * 1000);
  for (int k = 0; k < 8; k++) out_double(table[k]);
  out_double(e == e ? 1e308 * 10 : 0); out((e != e) + (d >= 0.5) * 2 + (d <= 0.5) * 4);
}
"""


def test_floating_point(tmp_path: Path) -> None:
    check(tmp_path, FLOAT_CASES)
