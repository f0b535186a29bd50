"""Walks from the top keep the order of what they find, and go as far as they are told."""

from __future__ import annotations

from maestro_tool.expr.nodes import binary, compare, const, land, lor, zext
from maestro_tool.expr.symbols import option
from maestro_tool.expr.walk import beneath, operands, parts

A, B, C, D = (compare("ult", option(name, 8), const(9, 8)) for name in "abcd")


def test_operands_of_nested_terms_come_in_order() -> None:
    assert list(operands(land(land(A, B), land(lor(C, D), A)), "land")) == [A, B, lor(C, D), A]
    assert list(operands(lor(A, B), "land")) == [lor(A, B)]


def test_deep_terms_are_no_trouble() -> None:
    e = A
    for n in range(20_000):
        e = land(e, compare("ult", option(f"x{n}", 8), const(9, 8)))
    assert len(list(operands(e, "land"))) == 20_001


def test_parts_are_what_is_not_split() -> None:
    x, y = option("x", 8), option("y", 8)
    e = binary("add", zext(binary("mul", x, y), 16), zext(y, 16))
    found = list(parts(e, lambda t: t.args if t.op in ("add", "zext") else None))
    assert sorted(map(str, found)) == sorted(map(str, [binary("mul", x, y), y]))


def test_beneath_goes_on_as_long_as_it_may() -> None:
    x = option("x", 8)
    assert beneath(zext(x, 32), "zext", "sext") is x
    assert beneath(zext(x, 32), "sext") is zext(x, 32)
