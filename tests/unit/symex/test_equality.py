"""What C functions compare: what is plain is seen at once, the rest is proved, and what is neither is not claimed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.expr.nodes import binary, concat, const, eq
from maestro_tool.expr.symbols import memory_byte
from maestro_tool.frontend import load_program
from maestro_tool.symex.keys import Compared, _KeyMachine, _plainly_same, compared, hash_follows
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.solver import Solver
from tests.unit.frontend.against_gcc import write

from .builder import FunctionBuilder, ProgramBuilder

STRUCT = "struct Key { uint32_t ip; uint16_t port, spare; };\nstatic uint32_t seed;\n"


def equality(body: str) -> str:
    return f"{STRUCT}bool eq(void *v, void *w) {{ struct Key *x = v, *y = w; {body} }}\n"


@dataclass(frozen=True)
class Found:
    """``fields``: their names; ``computed``: first byte and size; ``asked``: what z3 was for it."""

    fields: list[str] | None
    computed: list[tuple[int, int]] | None
    offsets: set[int]
    asked: int


def found(folder: Path, body: str) -> Found:
    program, solver = load_program([write(folder, equality(body))]), Solver(Limits())
    with suppress(UnsupportedError):
        _KeyMachine(program, solver, Limits()).run("eq", ("a", "b"))  # asks which branches are possible
    before = solver.queries
    of = compared(program, "eq", solver, Limits())
    assert of.offsets is not None
    return Found(_names(of), _places(of), set(of.offsets), solver.queries - before)


def _names(of: Compared) -> list[str] | None:
    return None if of.fields is None else [f.name for f in of.fields]


def _places(of: Compared) -> list[tuple[int, int]] | None:
    return None if of.computed is None else [(f.offset, f.size) for f in of.computed]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("return x->ip == y->ip;", ["ip"]),
        ("return y->port == x->port && x->ip == y->ip;", ["ip", "port"]),
        ("return (x->ip & 0xff) == (y->ip & 0xff);", ["bytes_0_0"]),
        ("return (uint32_t)x->port << 16 == (uint32_t)y->port << 16;", ["port"]),
    ],
)
def test_plain_equality_is_seen_without_a_question(tmp_path: Path, body: str, fields: list[str]) -> None:
    seen = found(tmp_path, body)
    assert (seen.fields, seen.asked) == (fields, 0)


def test_what_is_about_both_keys_is_not_plain() -> None:
    """a.0 is b.0, and b.1 is b.1: that says nothing of a.1."""
    (a0, b0), b1 = (memory_byte(side, 0) for side in "ab"), memory_byte("b", 1)
    left, right = concat(a0, b1), concat(b0, b1)
    assert _plainly_same(eq(left, right)) == set() == _plainly_same(eq(right, left))
    assert _plainly_same(eq(concat(a0, a0), concat(b0, b0))) == set(range(8))
    # What is calculated beside bits that are the same must be the same, too.
    third, of_other = (binary("udiv", memory_byte(side, 1), const(3, 8)) for side in "ab")
    assert _plainly_same(eq(concat(a0, third), concat(b0, of_other))) == set()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("return !((x->ip ^ y->ip) | (x->port ^ y->port));", ["ip", "port"]),
        ("return x->ip - y->ip == 0 && !(x->port ^ y->port);", ["ip", "port"]),
    ],
)
def test_one_proof_is_enough(tmp_path: Path, body: str, fields: list[str]) -> None:
    seen = found(tmp_path, body)
    assert seen.fields == fields and seen.asked <= 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        # What occurs on both sides and does not matter.
        ("return x->ip == y->ip && (x->port * 2u | 1) == (y->port * 2u | 1) && !(x->spare > y->spare && x->ip != y->ip);",
         ["ip", "port"]),
        ("return x->ip == y->ip && ((x->port ^ y->spare) >= (y->port & 0)) ;", ["ip"]),
        ("return x->ip == y->ip && (x->port | y->port) >= x->port;", ["ip"]),
        ("return x->ip + 1 == y->ip + 1;", ["ip"]),
        ("return x->ip * 3u == y->ip * 3u;", ["ip"]),
        ("return x->port >= y->port && x->port <= y->port;", ["port"]),
        ("return (x->port | 1) >= 1 || y->port > x->port;", []),
    ],
)  # fmt: skip
def test_what_is_proved(tmp_path: Path, body: str, fields: list[str]) -> None:
    assert found(tmp_path, body).fields == fields


@pytest.mark.parametrize(
    "body",
    [
        "return x->ip != y->ip;",
        "return x->ip == y->port;",
        "return x->port == y->spare && x->spare == y->port;",
        "return x->ip == y->ip || x->port == y->port;",
        "return x->ip == y->ip && x->port == 7;",
        "return x->ip <= y->ip;",
        "return x->ip;",
        "return x->port == x->spare;",
        "return x->ip == (y->ip ^ 1);",
        "return x->ip == y->ip && (int8_t)x->port == (int8_t)y->spare;",
        "return x->port + x->spare == y->port + y->spare;",
    ],
)
def test_no_equality_of_fields(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, body).fields is None


@pytest.mark.parametrize(
    ("body", "computed"),
    [
        ("return x->ip / 3 == y->ip / 3;", [(0, 4)]),
        ("return y->port / 3 == x->port / 3;", [(4, 2)]),
        ("return x->spare / 3 == y->spare / 3 && x->ip % 5 == y->ip % 5;", [(0, 4), (6, 2)]),
        ("return x->ip / 3 == y->ip / 5;", None),
        ("return x->port / 3 == y->spare / 3;", None),
        ("return x->ip / 3 <= y->ip / 3;", None),
        ("return x->ip / 3 == y->ip / 3 && x->port > y->port;", None),
        ("return x->ip / 3 == y->ip / 3 || x->port / 3 == y->port / 3;", None),
        ("return (x->ip + y->port) / 3 == (y->ip + x->port) / 3;", None),
        ("return x->ip / 3 == 7;", None),
        # What lies between may never have been written.
        ("return (x->ip + x->spare) / 3 == (y->ip + y->spare) / 3;", None),
        ("return __builtin_ia32_crc32si(0, x->ip) == __builtin_ia32_crc32si(0, y->ip);", None),
    ],
)
def test_what_is_made_of_keys(tmp_path: Path, body: str, computed: list[tuple[int, int]] | None) -> None:
    seen = found(tmp_path, body)
    assert (seen.fields, seen.computed) == (None, computed)


def test_what_either_key_is_read_for_counts(tmp_path: Path) -> None:
    assert found(tmp_path, "return x->port == 7 && x->ip == y->ip;").offsets == set(range(6))
    assert found(tmp_path, "return y->spare == 7 && x->ip == y->ip;").offsets == {0, 1, 2, 3, 6, 7}


def test_an_equality_that_changes_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="key function 'eq'"):
        found(tmp_path, "seed++; return x->ip == y->ip;")


def test_what_returns_an_address_says_nothing() -> None:
    def body(f: FunctionBuilder) -> None:
        f.ret(f.arg(0))

    p = ProgramBuilder()
    body(p.function("eq", ("a", 64, "void *"), ("b", 64, "void *"), result=64))
    of = compared(p.build(), "eq", Solver(Limits()), Limits())
    assert (of.fields, of.formula) == (None, None)


@pytest.mark.parametrize(
    ("equal", "hashed", "follows"),
    [
        ("x->ip / 3 == y->ip / 3", "return x->ip / 3 * 7;", True),
        ("x->ip / 3 == y->ip / 3", "return x->ip;", False),
        ("x->ip / 3 == y->ip / 3", "return x->ip / 3 > 7 ? 1 : 2;", True),
        ("x->ip / 3 == y->ip / 3", "if (x->port > 7) return 1; return 2;", False),
        ("x->ip / 3 == y->ip / 3", "return __builtin_ia32_crc32si(0, x->ip / 3);", True),
        ("x->ip / 3 == y->ip / 3", "return __builtin_ia32_crc32si(0, x->ip);", False),
        ("x->ip / 3 == y->ip / 3", "return 5;", True),
    ],
)
def test_equal_keys_have_one_hash(tmp_path: Path, equal: str, hashed: str, follows: bool) -> None:
    text = f"{equality(f'return {equal};')}unsigned hash(void *v) {{ struct Key *x = v; {hashed} }}\n"
    program = load_program([write(tmp_path, text)])
    solver = Solver(Limits())
    formula = compared(program, "eq", solver, Limits()).formula
    assert formula is not None
    assert hash_follows(program, "hash", formula, solver, Limits()) is follows
