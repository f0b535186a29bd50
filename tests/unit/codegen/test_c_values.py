"""Expressions as C calculate what `expr.evaluate` calculates."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest

from maestro_tool.codegen.c_values import UnwritableError, Writer
from maestro_tool.expr import Expr, nodes
from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.operators import OPERATORS, PART
from maestro_tool.expr.symbols import INPUT_PORT, NOW, PACKET_LENGTH, option, packet_byte

PORT, FRAME = 1, 40
OPTION = option("config.limit", 32)


def _draw(rng: Random, width: int, depth: int) -> Expr:
    """A random expression of ``width`` bits (0: a Boolean)."""
    if width == 0:
        if depth > 0 and rng.random() < 0.3:
            left, right = _draw(rng, 0, depth - 1), _draw(rng, 0, depth - 1)
            return rng.choice([nodes.land(left, right), nodes.lor(left, right), nodes.lnot(left)])
        bits = rng.choice((8, 16, 32))
        op = rng.choice(("eq", "ne", "ult", "ule", "slt", "sle", "sgt"))
        return nodes.compare(op, _draw(rng, bits, depth - 1), _draw(rng, bits, depth - 1))
    if depth <= 0 or rng.random() < 0.1:
        leaves = [nodes.const(rng.choice((0, 1, 3, 255, rng.getrandbits(width))), width)]
        if width == 8:
            leaves += [packet_byte(rng.randrange(FRAME))] * 3
        if width == 16:
            leaves += [PACKET_LENGTH, INPUT_PORT, nodes.concat(packet_byte(12), packet_byte(13))]
        if width == 32:
            leaves += [OPTION, nodes.concat(*(packet_byte(26 + n) for n in range(4)))]
        return rng.choice(leaves)
    match rng.randrange(8):
        case 0:
            return nodes.ite(_draw(rng, 0, depth - 1), _draw(rng, width, depth - 1), _draw(rng, width, depth - 1))
        case 1 if width > 8:
            return nodes.zext(_draw(rng, width // 2, depth - 1), width)
        case 2 if width > 8:
            return nodes.sext(_draw(rng, width // 2, depth - 1), width)
        case 3 if width < 64:
            low = rng.randrange(width)
            return nodes.extract(_draw(rng, 2 * width, depth - 1), low + width - 1, low)
        case 4 if width > 8:
            return nodes.concat(_draw(rng, width // 2, depth - 1), _draw(rng, width // 2, depth - 1))
        case 5:
            return nodes.bv_not(_draw(rng, width, depth - 1))
        case 6:
            op = rng.choice(("shl", "lshr", "udiv", "urem"))
            by = _draw(rng, width, 0) if op in ("shl", "lshr") else nodes.const(rng.randrange(1, 200), width)
            return nodes.binary(op, _draw(rng, width, depth - 1), by)
    op = rng.choice(("add", "sub", "mul", "and", "or", "xor"))
    return nodes.binary(op, _draw(rng, width, depth - 1), _draw(rng, width, depth - 1))


def test_random_expressions(tmp_path: Path) -> None:
    rng = Random(5)
    terms: list[Expr] = []
    lines: list[str] = []
    while len(terms) < 400:
        e = _draw(rng, rng.choice((0, 8, 16, 32, 64)), 4)
        try:
            lines.append(Writer(PORT, lambda s: "(option & UINT64_C(0xFFFFFFFF))").write(e))
        except UnwritableError:
            continue
        terms.append(e)
    assert {op for e in terms for op in _operators(e)} >= {
        "add", "sub", "mul", "and", "or", "xor", "udiv", "urem", "shl", "lshr", "eq", "ult", "ule", "slt", "sle",
        "land", "lor", "lnot", "not", "ite", "concat", "extract", "zext", "sext",
    }  # fmt: skip
    prints = "\n".join(f'printf("%" PRIu64 "\\n", (uint64_t){line});' for line in lines)
    (tmp_path / "x.c").write_text(
        "#include <inttypes.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
        "int main(int argc, char **argv) { (void)argc; uint8_t f[40]; const uint32_t length = (uint32_t)atoi(argv[1]);\n"
        "const uint64_t option = strtoull(argv[2], NULL, 10);\n"
        f"for (int i = 0; i < 40; i++) f[i] = (uint8_t)atoi(argv[3 + i]);\n{prints}\nreturn 0; }}\n"
    )
    words = ["gcc", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all", "-w", str(tmp_path / "x.c")]
    subprocess.run([*words, "-o", str(tmp_path / "x")], check=True)
    numbers = Numbers(terms)
    for _ in range(20):
        frame = [rng.choice((0, 1, 127, 128, 255, rng.randrange(256))) for _ in range(FRAME)]
        length, limit = rng.choice((0, 60, 65535)), rng.choice((0, 1, 2**31, 2**32 - 1, rng.getrandbits(32)))
        values = {packet_byte(n): b for n, b in enumerate(frame)}
        expected = numbers({**values, PACKET_LENGTH: length, INPUT_PORT: PORT, OPTION: limit})
        given = [str(n) for n in (length, limit, *frame)]
        done = subprocess.run([tmp_path / "x", *given], check=True, capture_output=True, text=True)
        assert [int(line) for line in done.stdout.split()] == expected


def _one_of(rng: Random, op: str) -> tuple[Expr, list[Expr]]:
    """A term of the operator over symbols, of at most 64 bits, nothing folded; and the symbols.  Half of the divisors
    are constants."""
    form = OPERATORS[op].form
    while True:
        count = rng.randint(2, 4) if form.arity is None else form.arity
        widths = [rng.choice((0, 1, 2, 7, 8, 16, 32, 33, 63, 64)) for _ in range(count)]
        if form.arity == 3:
            widths = [0, widths[1], widths[1]]
        elif form.arity == 2:
            widths[1] = widths[0]
        width = form.width(tuple(widths), rng.choice((1, 8, 16, 33, 64)))
        if width is not None and width <= 64:
            break
    symbols = [option(f"argument{n}", w) for n, w in enumerate(widths)]
    args = list(symbols)
    if OPERATORS[op].form.arity == 2 and widths[1] and rng.random() < 0.5:
        args[1] = nodes.const(rng.choice((0, 1, -1, widths[1] - 1, rng.getrandbits(widths[1]))), widths[1])
    low = rng.randint(0, widths[0] - width) if form is PART else 0
    value = (low + width - 1, low) if form is PART else None
    return nodes._make(op, width, tuple(args), value), symbols


def _number(rng: Random, width: int) -> int:
    bits = max(width, 1)
    edges = (0, 1, 2, bits - 1, bits, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, rng.getrandbits(bits))
    return rng.choice(edges) & ((1 << bits) - 1)


def test_every_operator_as_its_row_folds_it(tmp_path: Path) -> None:
    """Also what divides by what may be 0: such a term is not written."""
    rng = Random(11)
    lines: list[str] = []
    expected: list[int] = []
    for op in sorted(OPERATORS):
        written = 0
        for _ in range(60):
            e, symbols = _one_of(rng, op)
            numbers = {s: _number(rng, s.width) for s in symbols}
            try:
                text = Writer(PORT, lambda s, numbers=numbers: f"((volatile uint64_t){{{numbers[s]}u}})").write(e)  # type: ignore[misc]
            except UnwritableError:
                assert OPERATORS[op].hard, e
                divisor = e.args[1]
                assert not divisor.is_const or nodes.signed(divisor.const, divisor.width) in (0, -1)
                continue
            written += 1
            lines.append(text)
            expected += Numbers([e])(numbers)
        assert written > 10, op
    body = "\n".join(f'printf("%" PRIu64 "\\n", (uint64_t){line});' for line in lines)
    (tmp_path / "x.c").write_text(
        f"#include <inttypes.h>\n#include <stdio.h>\nint main(void) {{\n{body}\nreturn 0; }}\n"
    )
    words = ["gcc", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all", "-w", str(tmp_path / "x.c")]
    subprocess.run([*words, "-o", str(tmp_path / "x")], check=True)
    done = subprocess.run([tmp_path / "x"], check=True, capture_output=True, text=True)
    assert [int(line) for line in done.stdout.split()] == expected


def test_what_is_written_does_not_explode() -> None:
    """A shift names by how much it shifts twice."""
    e = packet_byte(0)
    for n in range(1, 40):
        e = nodes.binary("shl", packet_byte(n), e)
    with pytest.raises(UnwritableError):
        Writer(0, str).write(e)


def _operators(e: Expr) -> set[str]:
    return {e.op}.union(*map(_operators, e.args)) if e.args else {e.op}


def test_what_is_not_of_the_packet_is_refused() -> None:
    def refuse(symbol: Expr) -> str:
        raise UnwritableError

    for e in (NOW, OPTION, nodes.binary("udiv", packet_byte(3), packet_byte(4)), nodes.concat(NOW, packet_byte(1))):
        with pytest.raises(UnwritableError):
            Writer(0, refuse).write(e)


def test_it_says_how_much_of_the_frame_is_read() -> None:
    writer = Writer(0, str)
    writer.write(nodes.concat(packet_byte(5), packet_byte(30)))
    writer.write(packet_byte(7))
    assert writer.needed == 31
