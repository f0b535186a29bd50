"""The shapes that tell frames apart which have a key at different places: from what the paths' conditions say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, binary, compare, concat, const, eq, extract, land, lnot, sext, sym, zext
from maestro_tool.expr.symbols import packet_byte, packet_length
from maestro_tool.packet.fields import MOST_BYTES
from maestro_tool.packet.kinds import MOST_SHAPES
from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.sharding.rules.places import shapes
from maestro_tool.symex.callpath import Analysis

#: A path's condition, and the key that packets have there.
Place = tuple[tuple[Expr, ...], Expr]


def four(at: int) -> Expr:
    return concat(*(packet_byte(at + n) for n in range(4)))


def is_(at: int, value: int) -> Expr:
    return eq(packet_byte(at), const(value, 8))


def at_least(length: int) -> Expr:
    return compare("uge", packet_length(), const(length, 16))


TAGGED = eq(concat(packet_byte(12), packet_byte(13)), const(0x8100, 16))


def found(*places: Place, how: str = "key", ports: tuple[int, ...] = ()) -> dict[tuple[int, str], list[str]]:
    """Each place is of a path of its own; all keys are of one table.  Shapes of tagged frames and of plain TCP only."""
    ports = ports or (0,) * len(places)
    paths = [SimpleNamespace(condition=c, port=port) for (c, _), port in zip(places, ports, strict=True)]
    analysis = cast(Analysis, SimpleNamespace(paths=paths))
    accesses = [
        SimpleNamespace(object=0, port=port, path=n, how=how, name=(key,))
        for n, ((_, key), port) in enumerate(zip(places, ports, strict=True))
    ]
    of = shapes(analysis, cast(list[Access], accesses), Reach(analysis))
    return {at: [s.text for s in some] for at, some in of.items() if at[1] in ("vlan", "tcp4")}


def tagged(*places: Place, **more: Any) -> list[str]:
    """The shapes of tagged frames."""
    return found(*(((TAGGED, *c), key) for c, key in places), **more).get((0, "vlan"), [])


def test_what_the_others_do_not_have_is_enough() -> None:
    """Of three bytes that all frames of the second place have, one contradicts the first."""
    one = (is_(16, 8), is_(17, 0), at_least(60)), four(30)
    two = (is_(16, 0x81), is_(17, 0), is_(18, 5), at_least(60)), four(34)
    assert tagged(one, two) == tagged(two, one) == ["17 16=81"]


def test_several_tests_where_one_does_not_part_all() -> None:
    """What parts it from most comes first."""
    a, b = ((is_(16, 1), is_(17, 1), is_(18, 1)), four(30)), ((is_(16, 2), is_(17, 2), is_(18, 3)), four(34))
    c = (is_(16, 2), is_(17, 1), is_(18, 3), is_(19, 0), is_(20, 0)), four(38)
    # The last has 17 = 1 as the first has, 16 = 2 as the second has: it takes both.
    assert tagged(a, b, c) == ["18 16=0201", "18 17=02"]


def test_what_contradicts_nothing_is_all_that_is_not_common() -> None:
    """Any frame may take the first place's path, so that the second's is told by all that it says itself."""
    one, two = ((is_(16, 8),), four(30)), ((is_(16, 8), is_(20, 1), is_(22, 7)), four(34))
    assert tagged(one, two) == ["23 20=01 22=07"]


def test_the_length_counts_where_it_is_another() -> None:
    """The frames with the shorter length are what is left."""
    short, long = ((at_least(40),), four(30)), ((at_least(60),), four(34))
    assert tagged(short, long) == ["60"]
    longer = (at_least(60), is_(20, 1)), four(34)
    assert tagged(short, longer) == ["60 20=01"]
    same = (at_least(40), is_(20, 1)), four(34)
    assert tagged(short, same) == ["21 20=01"]


def test_no_tests_beside_some() -> None:
    places = ((at_least(40),), four(30)), ((at_least(60),), four(34)), ((at_least(50), is_(20, 1)), four(38))
    assert tagged(*places) == found(*places)[0, "vlan"] == ["50 20=01", "60"]


@pytest.mark.parametrize("least", [
    compare("ugt", packet_length(), const(59, 16)),
    compare("sge", zext(packet_length(), 32), const(60, 32)),
    compare("sge", binary("add", zext(packet_length(), 32), const(0, 32)), const(60, 32)),
    lnot(compare("ult", packet_length(), const(60, 16))),
    compare("sgt", sext(packet_length(), 32), const(59, 32)),
    compare("sge", sext(packet_length(), 32), const(60, 32)),
])  # fmt: skip
def test_lengths_however_they_are_compared(least: Expr) -> None:
    assert tagged(((at_least(40),), four(30)), ((least,), four(34))) == ["60"]


@pytest.mark.parametrize("other", [
    TRUE,
    compare("uge", concat(packet_byte(50), packet_byte(51)), const(8000, 16)),  # of something else
    compare("ule", packet_byte(20), packet_byte(21)),
    compare("ule", concat(packet_byte(50), packet_byte(51)), packet_length()),
    eq(packet_byte(20), packet_byte(21)),
    lnot(is_(20, 5)),
    lnot(eq(extract(packet_byte(20), 1, 0), const(1, 2))),
    lnot(eq(concat(extract(packet_byte(20), 1, 1), sym("state.0", 1)), const(1, 2))),
    lnot(eq(binary("and", packet_byte(20), const(0x80, 8)), const(0x40, 8))),  # holds of all
    eq(binary("add", extract(packet_byte(20), 3, 0), sym("state.0", 4)), const(1, 4)),
    land(is_(20, 5), is_(21, 5)),  # conditions are in parts already
    is_(MOST_BYTES, 5),
])  # fmt: skip
def test_what_is_no_test_and_no_length(other: Expr) -> None:
    assert tagged(((at_least(40),), four(30)), ((other, at_least(60)), four(34))) == ["60"]


def bit(at: int, mask: int, *, holds: bool = True) -> Expr:
    clear = eq(binary("and", packet_byte(at), const(mask, 8)), const(0, 8))
    return lnot(clear) if holds else clear


def test_bits_tell_places_apart() -> None:
    """As few as will do; those that are clear are the others."""
    one, two = (bit(20, 0x10), bit(20, 0x80, holds=False)), (bit(20, 0x10), bit(20, 0x80))
    assert tagged((one, four(30)), (two, four(34))) == ["21 20=80/80"]
    assert tagged((two, four(30)), (one, four(34))) == ["21 20=80/80"]


def test_bits_beside_bytes() -> None:
    one, two, three = (bit(20, 1),), (bit(20, 1, holds=False), is_(22, 4)), (bit(20, 1, holds=False), is_(22, 5))
    assert tagged((one, four(30)), (two, four(34)), (three, four(38))) == ["23 20=00/01 22=04", "23 20=00/01 22=05"]
    assert tagged(((is_(20, 7),), four(30)), ((bit(20, 8),), four(34))) == ["21 20=08/08"]
    assert tagged(((is_(20, 7),), four(30)), ((bit(20, 4, holds=False),), four(34))) == ["21 20=07"]
    # That the one has bits which are not asked for in the other is no contradiction.
    clear = bit(20, 8, holds=False)
    assert tagged(((is_(20, 7), is_(22, 9)), four(30)), ((clear,), four(34))) == ["23 20=07 22=09"]
    assert tagged(((is_(20, 7),), four(30)), ((clear, is_(22, 9)), four(34))) == ["23 20=00/08 22=09"]


def test_bits_of_one_byte_are_one_test() -> None:
    """A place by both flags or by neither, another by one of them: no bit is common to the ways to either."""
    ways = {(a, b): (bit(20, 0x80, holds=a), bit(20, 0x20, holds=b)) for a in (False, True) for b in (False, True)}
    assert tagged(*((ways[a, b], four(34 if a != b else 30)) for a, b in ways)) == ["21 20=20/a0", "21 20=80/a0"]


def test_bits_count_only_where_the_rest_does_not_tell() -> None:
    """By bits it would be two shapes of the second place."""
    one = (bit(14, 0x80), is_(16, 9)), four(30)
    two = [((bit(14, 0x80, holds=holds), is_(16, 8), is_(17, 0)), four(34)) for holds in (False, True)]
    assert tagged(one, *two) == ["17 16=08"]


def test_bits_that_do_not_tell_are_not_asked_for() -> None:
    two = [((bit(20, 1, holds=holds), is_(22, 7)), four(34)) for holds in (False, True)]
    assert tagged(((), four(30)), *two) == ["23 22=07"]


def test_places_of_which_the_same_is_known_are_told_by_lengths() -> None:
    """Another place that a byte tells from both makes that no less needed."""
    same = [((is_(20, 1), at_least(length)), four(length)) for length in (40, 60)]
    assert tagged(((is_(20, 2), at_least(40)), four(30)), *same) == ["60 20=01", "21 20=02"]


@pytest.mark.parametrize("more", [False, True])
def test_bits_that_make_too_many_shapes(more: bool) -> None:
    """By the parity of five bits, 16 shapes; one way more to the second place is too much."""

    def way(value: int, flag: bool) -> tuple[Expr, ...]:
        return eq(extract(packet_byte(20), 4, 0), const(value, 5)), bit(21, 1, holds=flag)

    places = [(way(value, False), four(30 + 4 * (value.bit_count() % 2))) for value in range(32)]
    odd = [f"21 20={value:02x}/1f" for value in range(32) if value.bit_count() % 2]
    assert len(odd) == MOST_SHAPES
    assert tagged(*places, *[(way(0, True), four(34))] * more) == (["22 21=00/01"] if more else odd)


@pytest.mark.parametrize("more", [False, True])
def test_bits_in_too_many_ways(more: bool) -> None:
    """Of six bits, the values below 62, and both others; one way more is too much."""
    low = extract(packet_byte(20), 5, 0)
    above = extract(binary("add", zext(low, 7), const(2, 7)), 6, 6)
    places = [((eq(above, const(n, 1)),), four(30 + 4 * n)) for n in (0, 1)]
    also = (eq(low, const(0, 6)), bit(21, 1)), four(30)
    assert tagged(*places, *[also] * more) == (["21 20=3e/3e"] if more else ["21 20=3e/3f", "21 20=3f/3f"])


def test_whole_bytes_make_no_ways() -> None:
    """By the parity of two bits, where one of the four ways leaves 64 values to a byte: still four."""
    one_of_64 = eq(extract(binary("add", packet_byte(22), const(0x41, 8)), 7, 6), const(1, 2))
    ways = {(a, b): (bit(20, 2, holds=a), bit(20, 1, holds=b)) for a in (False, True) for b in (False, True)}
    more = {(False, True): (one_of_64,)}
    places = [((*ways[at], *more.get(at, ())), four(34 if at[0] != at[1] else 30)) for at in ways]
    assert tagged(*places) == ["21 20=01/03", "21 20=02/03"]


def test_what_bits_are_not_is_what_is_left() -> None:
    two = eq(extract(packet_byte(20), 1, 0), const(0, 2))
    assert tagged(((two,), four(30)), ((lnot(two),), four(34))) == ["21 20=00/03"]


def test_bits_that_are_calculated_on_both_sides() -> None:
    """Both are even, or none is: squares are so, too."""
    one, two = (extract(packet_byte(at), 0, 0) for at in (20, 21))
    squares = (binary("mul", zext(bit, 2), binary("add", zext(bit, 2), const(2, 2))) for bit in (one, two))
    equal = eq(*squares), bit(20, 1)
    assert tagged(((), four(30)), ((equal), four(34))) == ["22 20=01/01 21=01/01"]


@pytest.mark.parametrize(("values", "shape"), [(64, "22 21=01/01"), (65, "22 21=00/01")])
def test_ways_of_one_path(values: int, shape: str) -> None:
    """The highest ``values`` of eight bits; nothing is known of too many, so that what the others are like counts."""
    eight = concat(extract(packet_byte(21), 0, 0), extract(packet_byte(20), 6, 0))
    high = eq(extract(binary("add", zext(eight, 9), const(values, 9)), 8, 8), const(1, 1))
    assert tagged(((high,), four(30)), ((bit(21, 1, holds=False),), four(34))) == [shape]


def test_no_frame_takes_a_path() -> None:
    """What says so may be found only here; what else it says counts."""
    two = zext(extract(packet_byte(20), 1, 0), 4)
    odd = eq(binary("mul", two, two), const(2, 4)), is_(22, 7)
    assert tagged(((), four(30)), (odd, four(34))) == ["23 22=07"]


def test_calculated_offsets_say_what_bits_are() -> None:
    """``30 + (flags >> 5 & 4) + (flags >> 3 & 4)``: equal to 34 in two ways."""
    flags = [concat(const(0, 29), extract(packet_byte(20), n, n), const(0, 2)) for n in (7, 5)]
    at = binary("add", binary("add", flags[0], flags[1]), const(30, 32))
    places = [((eq(at, const(n, 32)),), four(n)) for n in (30, 34, 38)]
    assert tagged(*places) == ["21 20=20/a0", "21 20=80/a0", "21 20=a0/a0"]
    # What is known otherwise leaves fewer ways.
    assert tagged(*(((bit(20, 0x80), *c), key) for c, key in places[1:])) == ["21 20=20/20"]


def test_more_bits_than_are_tried() -> None:
    """An offset that is calculated from nine bits, or from what no frame says, tells nothing."""
    eight, state = concat(extract(packet_byte(21), 3, 0), extract(packet_byte(20), 3, 0)), sym("state.0", 8)
    nine = concat(extract(packet_byte(22), 0, 0), eight)

    def squares(of: Expr, more: Expr) -> list[str]:
        square = binary("xor", binary("mul", of, of), more)
        return tagged(*(((eq(square, const(n * n, of.width)),), four(30 + n)) for n in (1, 3)))

    assert squares(eight, const(0, 8)) == ["21 20=02/0e", "21 20=0c/0e"]
    assert squares(nine, const(0, 9)) == squares(eight, state) == ["1"]


def test_bits_that_are_a_byte_together() -> None:
    parts = eq(extract(packet_byte(20), 7, 4), const(4, 4)), eq(extract(packet_byte(20), 3, 0), const(5, 4))
    inverted = eq(binary("xor", packet_byte(22), const(0xFF, 8)), const(0xF0, 8))
    assert tagged(((), four(30)), ((*parts, inverted), four(34))) == ["23 20=45 22=0f"]
    assert tagged(((), four(30)), ((is_(MOST_BYTES - 1, 5),), four(34))) == [f"{MOST_BYTES} {MOST_BYTES - 1}=05"]


def test_several_paths_of_one_place_have_in_common_what_counts() -> None:
    """The least of their lengths, and the bytes that all have."""
    one = (is_(16, 9),), four(30)
    two = [((is_(16, 8), is_(17, v), at_least(60 + v)), four(34)) for v in (1, 2)]
    assert tagged(one, *two) == ["17 16=08"]
    assert tagged((one[0][1:], one[1]), *(((c[1], at_least(60)), key) for c, key in two)) == ["60"]


@pytest.mark.parametrize("keys", [
    (four(30), four(30)),
    (concat(four(30), const(1, 8)), concat(four(30), const(2, 8))),
    (four(30), binary("add", four(34), const(1, 32))),  # no bits of the frame
    (concat(const(0, 24), packet_byte(30)), concat(packet_byte(30), const(0, 24))),  # bits meet constants only
])  # fmt: skip
def test_one_place_needs_no_shapes(keys: tuple[Expr, Expr]) -> None:
    assert tagged(((is_(16, 8),), keys[0]), ((is_(16, 9),), keys[1])) == []


def test_what_keys_are_calculated_from_is_at_places_too() -> None:
    """An index out of a port number, say."""

    def less(key: Expr) -> Expr:
        return binary("sub", key, const(1024, 32))

    assert tagged(((is_(16, 8),), less(four(30))), ((is_(16, 9),), less(four(34)))) == ["17 16=09"]
    state = sym("state.0", 32)
    assert tagged(((is_(16, 8),), less(four(30))), ((is_(16, 9),), binary("mul", less(four(30)), state))) == []


def test_a_part_at_another_place_will_do() -> None:
    a, b = concat(packet_byte(30), packet_byte(31)), concat(packet_byte(30), packet_byte(35))
    assert tagged(((is_(16, 8),), a), ((is_(16, 9),), b)) == ["17 16=09"]


def test_fields_that_cards_hash_need_none() -> None:
    """Source and destination of one class: that is no question of where a key is (R3 says what it is)."""
    ip = is_(12, 8), is_(13, 0), is_(14, 0x45), at_least(54)
    places = ((*ip, is_(23, 6), is_(40, 1)), four(26)), ((*ip, is_(23, 6), is_(40, 2)), four(30))
    assert found(*places) == {}
    # One of them beside what no card hashes.
    beside = ((*ip, is_(23, 6), is_(40, 3)), four(42))
    assert [*found(*places, beside)] == [(0, "tcp4")]


def test_a_class_that_comes_to_one_place_only_needs_none() -> None:
    ip = is_(12, 8), is_(13, 0), is_(14, 0x45), is_(23, 6), at_least(54)
    places = ((TAGGED, is_(16, 8)), four(30)), ((TAGGED, is_(16, 9)), four(34)), (ip, four(42))
    assert [*found(*places)] == [(0, "vlan")]
    assert found((places[0]), (ip, four(42))) == {}


def test_ports_are_asked_apart() -> None:
    places = ((TAGGED, is_(16, 8)), four(30)), ((TAGGED, is_(16, 9)), four(34))
    assert found(*places, ports=(0, 1)) == {}
    assert found(*places, *places, ports=(0, 1, 1, 0)) == {(0, "vlan"): ["17 16=09"], (1, "vlan"): ["17 16=09"]}


def test_only_keys_are_at_places() -> None:
    assert tagged(((is_(16, 8),), four(30)), ((is_(16, 9),), four(34)), how="whole") == []


@pytest.mark.parametrize(("more", "parted"), [(0, True), (1, False)])
def test_too_many_places_cost_too_much(more: int, parted: bool) -> None:
    places = [((is_(16, n),), four(30 + n)) for n in range(MOST_SHAPES + 1 + more)]
    assert bool(tagged(*places)) is parted
