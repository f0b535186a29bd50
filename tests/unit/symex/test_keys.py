"""What key equality functions compare: found, named and proved, or honestly unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maestro_tool.frontend import ir
from maestro_tool.symex import keys
from maestro_tool.symex.limits import Limits
from maestro_tool.symex.solver import Solver

from .builder import FunctionBuilder, ProgramBuilder

Fields = list[tuple[str, int, int]] | None


def compared(body: Callable[[FunctionBuilder, ir.Temp, ir.Temp], None], type_name: str = "struct Key *") -> Fields:
    """Fields of ``struct Key {uint32_t ip; uint16_t port; /* gap */ struct Mac {uint8_t b[6];} mac;}``."""
    p = ProgramBuilder()
    p.struct("struct Mac", 6, ("b", 0, 6, "uint8_t [6]"))
    p.struct("struct Key", 16, ("ip", 0, 4, "uint32_t"), ("port", 4, 2, "uint16_t"), ("mac", 8, 6, "struct Mac"))
    f = p.function("eq", ("a", 64, type_name), ("b", 64, type_name), result=8)
    body(f, f.arg(0), f.arg(1))
    found = keys.compared(p.build(), "eq", Solver(Limits()), Limits()).fields
    return None if found is None else [(k.name, k.offset, k.size) for k in found]


def test(f: FunctionBuilder, a: ir.Temp, b: ir.Temp, offset: int, bits: int) -> ir.Temp:
    return f.compare("eq", f.load(f.plus(a, offset), bits), f.load(f.plus(b, offset), bits), bits)


test.__test__ = False  # type: ignore[attr-defined]


def all_of(*fields: tuple[int, int]) -> Callable[[FunctionBuilder, ir.Temp, ir.Temp], None]:
    """Returns true when all (offset, bits) agree; one early return per field, as && does."""

    def body(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
        for offset, bits in fields:
            different = f.when(test(f, a, b, offset, bits))
            here = f.at
            f.go(different)
            f.ret(0)
            f.go(here)
        f.ret(1)

    return body


def test_padding_is_no_field() -> None:
    everything = all_of((0, 32), (4, 16), (8, 32), (12, 16))
    assert compared(everything) == [("ip", 0, 4), ("port", 4, 2), ("mac.b", 8, 6)]


def test_members_that_are_not_compared_are_left_out() -> None:
    assert compared(all_of((4, 16))) == [("port", 4, 2)]


def test_part_of_a_member_is_named_by_its_bytes() -> None:
    assert compared(all_of((0, 16))) == [("bytes_0_1", 0, 2)]


def test_without_a_type_runs_of_bytes() -> None:
    assert compared(all_of((0, 32), (4, 16)), "void *") == [("bytes_0_5", 0, 6)]


def test_memcmp_compares_padding_too() -> None:
    def body(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
        f.ret(f.cast("zext", f.compare("eq", f.call("memcmp", (a, 0), (b, 0), (16, 64)), 0, 32), 1, 8))

    found = compared(body)
    assert found == [("ip", 0, 4), ("port", 4, 2), ("bytes_6_7", 6, 2), ("mac.b", 8, 6), ("bytes_14_15", 14, 2)]


def test_xor_and_or_of_words_is_seen_through() -> None:
    """rte_is_same_ether_addr: ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0"""

    def body(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
        words = [f.binary("xor", f.load(f.plus(a, n), 16), f.load(f.plus(b, n), 16), 16) for n in (0, 2)]
        f.ret(f.cast("zext", f.compare("eq", f.binary("or", *words, 16), 0, 16), 1, 8))

    assert compared(body) == [("ip", 0, 4)]


def test_a_member_that_is_read_but_does_not_matter() -> None:
    def body(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
        f.binary("add", f.load(f.plus(a, 4), 16), f.load(f.plus(b, 4), 16), 16)
        f.ret(f.cast("zext", test(f, a, b, 0, 32), 1, 8))

    assert compared(body) == [("ip", 0, 4)]


def either(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
    f.ret(f.cast("zext", f.binary("or", test(f, a, b, 0, 32), test(f, a, b, 4, 16), 1), 1, 8))


def masked(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
    left, right = (f.binary("and", f.load(x, 32), 0xF0, 32) for x in (a, b))
    f.ret(f.cast("zext", f.compare("eq", left, right, 32), 1, 8))


def test_bits_under_a_mask() -> None:
    assert compared(masked) == [("bits_4_7", 0, 1)]


def crossed(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
    f.ret(f.cast("zext", f.compare("eq", f.load(a, 16), f.load(f.plus(b, 2), 16), 16), 1, 8))


def constant(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
    other = f.when(f.compare("eq", f.load(a, 8), 7, 8))
    f.ret(0)
    f.go(other)
    f.ret(f.cast("zext", test(f, a, b, 0, 8), 1, 8))


def inverted(f: FunctionBuilder, a: ir.Temp, b: ir.Temp) -> None:
    f.ret(f.cast("zext", f.compare("ne", f.load(a, 32), f.load(b, 32), 32), 1, 8))


@pytest.mark.parametrize("body", [either, crossed, constant, inverted])
def test_anything_else_is_unknown(body: Callable[[FunctionBuilder, ir.Temp, ir.Temp], None]) -> None:
    assert compared(body) is None


def test_library_equality_is_known_and_a_stranger_is_not() -> None:
    program = ProgramBuilder().build()
    solver = Solver(Limits())
    known = keys.compared(program, "rte_ether_addr_eq", solver, Limits()).fields
    assert known is not None and [(k.offset, k.size) for k in known] == [(0, 6)]
    stranger = keys.compared(program, "who_knows_eq", solver, Limits())
    assert stranger.fields is None and stranger.offsets is None
