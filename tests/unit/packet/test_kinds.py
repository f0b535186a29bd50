"""Parts of packet classes: their names say all, they partition the class, and frames are told apart as predicates say."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from random import Random

import pytest

from maestro_tool.expr.evaluate import Numbers
from maestro_tool.expr.nodes import FALSE, land, lnot, lor, symbols
from maestro_tool.expr.symbols import PacketByte
from maestro_tool.packet import classes
from maestro_tool.packet.kinds import Shape, kind_of, order, parts, predicate
from maestro_tool.solver import BUDGETS, Context

SHAPES = (
    Shape(42, ((12, 0x88, 0xFF), (13, 0xA8, 0xFF), (20, 8, 0xFF))),
    Shape(18, ((16, 8, 0xFF),)),
    Shape(24, ((16, 0x01, 0x01), (17, 0x80, 0xC0), (18, 5, 0xFF), (19, 6, 0xFF))),
    Shape(60, ()),
)
NAMES = parts("vlan", SHAPES)


def test_names() -> None:
    assert NAMES == (
        "vlan[42 12=88a8 20=08]",
        "vlan[not 42 12=88a8 20=08; 18 16=08]",
        "vlan[not 42 12=88a8 20=08; not 18 16=08; 24 16=01/01 17=80/c0 18=0506]",
        "vlan[not 42 12=88a8 20=08; not 18 16=08; not 24 16=01/01 17=80/c0 18=0506; 60]",
        "vlan[not 42 12=88a8 20=08; not 18 16=08; not 24 16=01/01 17=80/c0 18=0506; not 60]",
    )
    assert [kind_of(name).name for name in NAMES] == [*NAMES] and kind_of(NAMES[3]).shapes == SHAPES
    assert parts("udp4", ()) == ("udp4",)
    assert sorted((*NAMES, "udp4", "malformed"), key=order) == ["udp4", *NAMES, "malformed"]


@pytest.mark.parametrize("name", [
    "", "vlan[", "vlan[]", "vlan[42", "ethernet", "ethernet[42]", "vlan[42; 43]", "vlan[42; not 43]", "vlan[0]", "vlan[042]",
    "vlan[42 12=8]", "vlan[42 42=88]", "vlan[42 12=88 13=a8]", "vlan[42 13=a8 12=88]", "vlan[42 12=88A8]", "vlan[400 300=88]",
    "vlan[42 12=80/ff]", "vlan[42 12=80/7f]", "vlan[42 12=00/00]", "vlan[42 12=80/]", "vlan[42 12=8001/8001]",
    "vlan[42 12=80/80/80]", "vlan[42 12=80/80 12=01/01]", "vlan[42 12=80/8]", "vlan[42 12=80/80" + "01" + "]",
    "vlan[42 12=88a8]]", "vlan[99999999]", "vlan[90 12=" + "88" * 17 + "]", "vlan[42 12=88\n]", 'vlan[42]"', "vlan [42]",
])  # fmt: skip
def test_no_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"no (kind|shape) of frames"):
        kind_of(name)


def test_they_partition_the_class() -> None:
    """z3, for all frames."""
    context, terms = Context(), [predicate(name) for name in NAMES]
    whole = classes.predicate("vlan")
    assert context.impossible((), land(whole, lnot(reduce(lor, terms, FALSE))), BUDGETS.frames)
    assert context.impossible((), land(reduce(lor, terms, FALSE), lnot(whole)), BUDGETS.frames)
    for a, b in combinations(terms, 2):
        assert context.impossible((), land(a, b), BUDGETS.frames)
        assert not context.impossible((), a, BUDGETS.frames)


def test_frames_are_of_the_kind_that_predicates_say() -> None:
    rng, calculate, seen = Random(3), Numbers([predicate(name) for name in NAMES]), set[int]()
    places = {s for name in NAMES for s in symbols(predicate(name))}
    for _ in range(400):
        frame = bytearray(rng.randbytes(rng.choice((20, 23, 24, 41, 42, 59, 60))))
        frame[12:14] = rng.choice((b"\x88\xa8", b"\x81\x00"))
        frame[16:20] = bytes([rng.choice((8, 9, 10)), rng.choice((0x9F, 0x80, 0xC0)), 5, rng.choice((6, 6, 7))])
        if len(frame) > 20:
            frame[20] = rng.choice((8, 9))
        values = {
            s: (frame[s.value.offset] if s.value.offset < len(frame) else 0)
            if isinstance(s.value, PacketByte)
            else len(frame)
            for s in places
        }
        holds = calculate(values)
        assert [kind_of(name).fits(bytes(frame)) for name in NAMES] == [bool(x) for x in holds]
        seen.add(holds.index(1))
    assert seen == {0, 1, 2, 3, 4}
