"""The executor computes what gcc computes: random C programs, run by both."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from maestro_tool.expr import Expr
from maestro_tool.frontend import load_program
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.setup import run_setup
from maestro_tool.symex.solver import Solver
from tests.quick import others_long
from tests.unit.frontend.against_gcc import by_gcc, write
from tests.unit.frontend.test_expressions import Generator

TYPES = ("uint8_t", "int8_t", "uint16_t", "int16_t", "uint32_t", "int32_t", "uint64_t", "int64_t")
RESULTS = 24


class CProgram:
    """A random program without undefined behaviour: arithmetic happens in unsigned types, divisors are odd,
    shift counts are masked; signed types come in by loads, comparisons and casts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def expression(self, depth: int) -> str:
        r = self.random
        if depth == 0:
            return r.choice(
                [
                    f"v{r.randrange(8)}",
                    f"s.m{r.randrange(4)}",
                    f"a[{r.randrange(6)}]",
                    str(r.randrange(300)),
                    "0x80000001u",
                ]
            )
        x, y = self.expression(depth - 1), self.expression(depth - 1)
        kind = r.randrange(9)
        if kind == 0:
            return f"({r.choice(TYPES)})({x})"
        if kind == 1:
            return f"(({x}) {r.choice(['<', '<=', '>', '>=', '==', '!='])} ({y}))"
        if kind == 2:
            return f"(({self.expression(0)}) ? ({x}) : ({y}))"
        if kind == 3:
            return f"((uint64_t)({x}) {r.choice(['/', '%'])} ((uint64_t)({y}) | 1))"
        if kind == 4:
            return f"((uint32_t)({x}) {r.choice(['<<', '>>'])} (({y}) & 31))"
        if kind == 5:
            return f"((int64_t)(({x})) >> (({y}) & 63))"
        if kind == 6:
            return f"(({x}) {r.choice(['&&', '||'])} !({y}))"
        if kind == 7:
            return f"mix((uint32_t)({x}), (uint16_t)({y}))"
        unsigned = r.choice(["uint32_t", "uint64_t"])
        return f"(({unsigned})({x}) {r.choice(['+', '-', '*', '&', '|', '^'])} ({unsigned})({y}))"

    def statement(self, n: int) -> str:
        r = self.random
        e = self.expression(r.randint(1, 3))
        target = r.choice(
            [
                f"v{r.randrange(8)}",
                f"s.m{r.randrange(4)}",
                f"a[(uint32_t)({self.expression(0)}) % 6u]",
                f"p->m{r.randrange(4)}",
                "s.bits",
            ]
        )
        kind = r.randrange(5)
        if kind == 0:
            return f"if ({self.expression(1)}) {{ {target} = {e}; }} else {{ v{r.randrange(8)}++; }}"
        if kind == 1:
            head = f"for (int i{n} = 0; i{n} < {r.randint(1, 5)}; i{n}++)"
            return f"{head} {{ {target} = {e}; if (v1 & 1) continue; v2 += i{n}; }}"
        if kind == 2:
            return f"switch ((uint8_t)({e}) & 3) {{ case 0: v3 ^= 5; break; case 1: v4 = 7; default: v5 -= 3; }}"
        if kind == 3:
            return f"t = s; t.m1 = {e}; s = t; memcpy(&a[1], &s.m2, 2);"
        return f"{target} = {e};"

    def text(self) -> str:
        r = self.random
        locals_ = "\n".join(f"  {TYPES[i]} v{i} = ({TYPES[i]}){r.getrandbits(40)};" for i in range(8))
        statements = "\n".join(f"  {self.statement(n)}" for n in range(14))
        results = [f"v{i}" for i in range(8)] + [f"s.m{i}" for i in range(4)] + [f"a[{i}]" for i in range(6)]
        results += ["s.bits", "s.more", "sizeof(s)", "mix(1, 2)", "*q", "q - a"]
        stores = "\n".join(f"  out[{i}] = (uint64_t)({e});" for i, e in enumerate(results))
        return f"""#include <stdbool.h>
#include <stdint.h>
#include <string.h>
struct S {{ uint8_t m0; int16_t m1; unsigned bits : 5; int more : 7; uint32_t m2; int64_t m3; }};
uint64_t out[{RESULTS}];
static uint32_t mix(uint32_t x, uint16_t y) {{ return x * 31u + (y ^ (x >> 3)); }}
bool nf_init(void) {{
  struct S s = {{ .m1 = -5, .m3 = {r.getrandbits(50)}, .bits = 9, .more = -3 }}, t;
  struct S *p = &s;
  uint16_t a[6] = {{ 1, 2, [4] = {r.getrandbits(16)} }}, *q = &a[{r.randrange(6)}];
{locals_}
{statements}
{stores}
  return true;
}}
"""


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    source, executable = tmp_path / "nf.c", tmp_path / "nf"
    source.write_text(CProgram(seed).text())
    main = tmp_path / "main.c"
    main.write_text(
        "#include <stdio.h>\n#include <stdint.h>\n#include <stdbool.h>\n"
        f"extern uint64_t out[{RESULTS}]; bool nf_init(void);\n"
        f"int main(void) {{ nf_init(); for (int i = 0; i < {RESULTS}; i++)"
        ' printf("%llu\\n", (unsigned long long)out[i]); }\n'
    )
    subprocess.run(["gcc", "-std=gnu11", "-w", "-O1", source, main, "-o", executable], check=True)
    printed = subprocess.run([executable], check=True, capture_output=True, text=True).stdout.split()
    program = load_program([source], [tmp_path], [])
    result = run_setup(program, (), 2, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]
    block = result.memory.get(result.globals["out"])
    assert block is not None
    computed = []
    for i in range(RESULTS):
        segments = list(block.segments(8 * i, 8))
        value = segments[0][2]
        assert value is None or isinstance(value, Expr)
        computed.append(str(value.const) if value is not None else "0")
    assert computed == printed


ROUNDS = 320  # of two random expressions and three results each

RECORDER = """
#include <stdbool.h>
unsigned long long results[8192];
unsigned n_results;
void run(void);
void out(unsigned long long value) { results[n_results++] = value; }
bool nf_init(void) { run(); return true; }
"""


@pytest.mark.parametrize("seed", others_long(range(16), range(6)))
def test_ten_thousand_random_expressions(seed: int, tmp_path: Path) -> None:
    """Over all seeds; of all integer types, of bit-fields of any width; values, sizes and signs."""
    source, recorder = write(tmp_path, Generator(2000 + seed).program(ROUNDS)), tmp_path / "recorder.c"
    recorder.write_text(RECORDER)
    expected = by_gcc(tmp_path, [source])
    assert len(expected) > 3 * ROUNDS
    program = load_program([source, recorder], [tmp_path], [])
    result = run_setup(program, (), 2, Solver(Limits()), Limits(), None)  # type: ignore[arg-type]
    block = result.memory.get(result.globals["results"])
    assert block is not None
    computed = [_number(next(iter(block.segments(8 * i, 8)))[2]) for i in range(len(expected))]
    assert computed == expected


def _number(value: object) -> int:
    assert value is None or (isinstance(value, Expr) and value.is_const)
    return 0 if value is None else value.const
