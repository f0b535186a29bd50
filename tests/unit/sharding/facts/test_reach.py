"""Which frames take paths: what conditions say of them, without a question where constants say it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, binary, compare, concat, const, eq, extract, land, lnot, lor
from maestro_tool.expr.symbols import NOW, packet_byte, packet_length
from maestro_tool.packet import classes
from maestro_tool.packet.fields import ALL_FIELDS
from maestro_tool.packet.kinds import Shape, kind_of
from maestro_tool.sharding.facts.reach import Reach
from maestro_tool.symex.callpath import Analysis


def reach_of(*conditions: tuple[Expr, ...]) -> Reach:
    """Of paths with these conditions."""
    paths = [SimpleNamespace(condition=c, port=0) for c in conditions]
    return Reach(cast(Analysis, SimpleNamespace(paths=paths)))


def field(name: str) -> Expr:
    f = ALL_FIELDS[name]
    return concat(*(packet_byte(f.offset + n) for n in range(f.size)))


def is_(name: str, value: int) -> Expr:
    return eq(field(name), const(value, ALL_FIELDS[name].bits))


def at_least(length: int) -> Expr:
    return compare("uge", packet_length(), const(length, 16))


IPV4, IPV6 = is_("ether_type", 0x0800), is_("ether_type", 0x86DD)
NO_OPTIONS = eq(packet_byte(14), const(0x45, 8))
L3, L4 = (IPV4, at_least(34)), (IPV4, at_least(38), is_("protocol", 17))
WHOLE6 = (IPV6, at_least(54))
OF_IPV6 = {name for name in classes.CLASSES if name.endswith("6") or name.startswith("ipv6")}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What z3 is asked."""
    found: list[Any] = []
    from maestro_tool.solver import Context

    find = Context.find
    monkeypatch.setattr(Context, "find", lambda self, *of: found.append(of) or find(self, *of))  # type: ignore[func-returns-value]
    return found


def test_classes_of_paths_and_of_several() -> None:
    r = reach_of((), (IPV4,), (IPV6,), (*WHOLE6, lnot(IPV4)), (*L4, NO_OPTIONS))
    assert r.classes([0]) == tuple(classes.CLASSES)
    of_ipv4, of_ipv6 = set(r.classes([1])), set(r.classes([2]))
    assert "tcp4" in of_ipv4 and "vlan" not in of_ipv4 and not of_ipv4 & OF_IPV6
    assert of_ipv6 == OF_IPV6 | {"malformed"}
    assert set(r.classes([1, 2])) == of_ipv4 | of_ipv6
    assert r.classes([2, 1]) == tuple(name for name in classes.CLASSES if name in of_ipv4 | of_ipv6)
    assert {"udp4", "malformed"} <= set(r.classes([4])) and "udp4_options" not in r.classes([4])


def test_what_is_known_at_once_is_not_asked(asked: list[Any]) -> None:
    r = reach_of((IPV4, is_("protocol", 6)), ())
    assert not r.always([0], IPV6) and r.always([0], lor(IPV4, at_least(99)))
    assert r.always([0], is_("protocol", 6)) and not r.always([0], is_("protocol", 17))
    assert not r.always([1], at_least(60)) and r.family(0) == 4 and r.family(1) == 4
    assert asked == []


def test_what_was_asked_is_not_asked_again(asked: list[Any]) -> None:
    r = reach_of(L3, (*L3, eq(NOW, const(1, 64))), (IPV6,))
    first = r.classes([0]), r.always([0], at_least(30)), r.always([0], at_least(35))
    before = len(asked)
    assert before and (r.classes([1]), r.always([1], at_least(30)), r.always([0], at_least(35))) == first
    assert len(asked) == before


def test_a_frame_that_was_found_answers_for_other_paths(asked: list[Any]) -> None:
    long = compare("ult", packet_length(), const(600, 16))
    r = reach_of((at_least(60),), (at_least(60), long), (at_least(600),), (at_least(61), at_least(60)))
    assert [r.always([n], at_least(100)) for n in (0, 1, 2)] == [False, False, True]
    assert len(asked) == 2
    assert (
        not r.always([1, 2], at_least(100)) and r.always([2, 2], at_least(100)) and not r.always([2, 1], at_least(100))
    )


def test_no_frame_is_made_up_where_none_was_found() -> None:
    r = reach_of((at_least(600),), (at_least(0),), (compare("ult", packet_length(), const(600, 16)),))
    assert r.always([0], at_least(500)) and not r.always([2], at_least(500))
    assert r.always([0], at_least(501))


def test_what_else_is_asked_says_nothing_of_frames() -> None:
    kind = extract(NOW, 15, 0)
    known = eq(kind, const(0x86DD, 16))
    r = reach_of((eq(field("ether_type"), kind), known, land(known, at_least(20))))
    assert r.classes([0]) == tuple(classes.CLASSES)


def test_only_equalities_say_what_bytes_are() -> None:
    below = compare("ult", field("ether_type"), const(0x86DD, 16))
    masked = eq(concat(packet_byte(12), binary("and", packet_byte(13), const(0xF0, 8))), const(0x0800, 16))
    r = reach_of((below,), (masked,), (eq(packet_byte(12), packet_byte(13)),))
    assert "tcp4" in r.classes([0]) and "tcp6" not in r.classes([0])
    assert "tcp4" in r.classes([1]) and "tcp6" not in r.classes([1])
    assert not set(r.classes([2])) & {"tcp4", "tcp6", "vlan"}


def test_families() -> None:
    r = reach_of(WHOLE6, WHOLE6[:1], WHOLE6[1:], (IPV6, at_least(53)), L3)
    assert [r.family(n) for n in range(5)] == [6, 4, 4, 4, 4]


PORT = is_("src_port", 80)
NEAR = eq(field("src_ip"), field("dst_ip"))


@pytest.mark.parametrize(
    ("conditions", "known"),
    [
        ([(*L4, PORT)], PORT),
        ([(*L4, PORT), (*L4, NEAR)], lor(NEAR, PORT)),
        ([(*L4, PORT, NEAR)], land(NEAR, PORT)),
        ([(*L3, PORT, NEAR)], NEAR),  # frames of other protocols have no ports
        ([(*L3, PORT)], TRUE),
        ([(IPV4, NEAR)], TRUE),
        ([(*L4, PORT), L4], TRUE),
        ([(*L4, PORT), (*L3, NEAR)], TRUE),
    ],
)
def test_what_is_known_of_fields(conditions: list[tuple[Expr, ...]], known: Expr) -> None:
    found = reach_of(*conditions).known_of_fields(range(len(conditions)), 4)
    assert found in (known, _turned(known))


def _turned(e: Expr) -> Expr:
    return {"lor": lor, "land": land}[e.op](*reversed(e.args)) if e.op in ("lor", "land") else e


def test_of_many_ways_nothing_is_known() -> None:
    ways = [(*L4, is_("src_port", n)) for n in range(65)]
    r = reach_of(*ways)
    assert r.known_of_fields(range(64), 4) is not TRUE
    assert r.known_of_fields(range(65), 4) is TRUE


@pytest.mark.parametrize(
    ("conditions", "ties"),
    [
        ([(*L4, NEAR)], (("src_ip", "dst_ip"),)),
        ([(*L4, eq(field("src_port"), field("dst_port")))], (("src_port", "dst_port"),)),
        ([(*L4, NEAR), (*L4, NEAR, PORT)], (("src_ip", "dst_ip"),)),
        ([(*L4, NEAR), L4], ()),
        ([(*L4, lnot(NEAR))], ()),
        ([(*L4, is_("src_ip", 5))], ()),
        # One value for all is no tie between fields.
        ([(*L4, is_("src_ip", 5), is_("dst_ip", 5))], ()),
        ([(*L4, NEAR), (*L4, is_("src_ip", 5), is_("dst_ip", 5))], ()),
    ],
)
def test_fields_that_are_the_same(conditions: list[tuple[Expr, ...]], ties: tuple[tuple[str, str], ...]) -> None:
    assert reach_of(*conditions).ties(range(len(conditions)), 4) == ties


def bit(at: int, mask: int) -> Expr:
    return lnot(eq(binary("and", packet_byte(at), const(mask, 8)), const(0, 8)))


def test_bits_that_conditions_fix_need_no_question(asked: list[Any]) -> None:
    """Of a byte that is known in part, what is known of it tells shapes apart."""
    shapes = tuple(Shape(15, ((14, value, 0x0F),)) for value in range(5, 16))
    known = IPV4, at_least(60), eq(extract(packet_byte(14), 3, 0), const(7, 4))
    r = reach_of(known).parted({(0, "ipv4_fragment"): shapes})
    before = len(asked)
    [found] = [name for name in r.classes([0]) if name.startswith("ipv4_fragment")]
    assert kind_of(found).shape == shapes[2]
    assert len(asked) - before <= len(classes.CLASSES) + 2
    assert r.always([0], lnot(shapes[0].predicate("")))


def test_frames_that_may_come_to_two_places() -> None:
    r = reach_of((bit(20, 1),), (lnot(bit(20, 1)),), (bit(20, 2),), ())
    assert not r.coincide([0], [1])
    assert r.coincide([0], [2]) and r.coincide([1], [2]) and r.coincide([0, 1], [1]) and r.coincide([3], [0])


def test_too_many_ways_to_two_places_may_be_one_frame_s() -> None:
    r = reach_of(*((is_("src_ip", n),) for n in range(130)))
    assert not r.coincide(range(8), range(8, 16))
    assert r.coincide(range(65), range(65, 130))


def test_examples_answer_before_z3_is_asked(asked: list[Any]) -> None:
    """What frames of classes show, z3 need not find; it is asked what no example shows."""
    r = reach_of((*L3, NO_OPTIONS))
    assert r.classes([0]) == ("tcp4", "udp4", "sctp4", "ipv4_other", "ipv4_fragment", "malformed")
    assert asked == []
    total_length = concat(packet_byte(16), packet_byte(17))
    rare = reach_of((*L3, NO_OPTIONS, eq(total_length, const(1234, 16))))
    assert "tcp4" in rare.classes([0])
    tcp4 = classes.predicate("tcp4")
    assert tcp4 in [predicate for _, predicate, _, _ in asked]
    assert not rare.always([0], tcp4) and not rare.always([0], lnot(tcp4))


@pytest.mark.parametrize("name", ["udp4", "tcp6", "ipv4_fragment"])
def test_frames_of_a_class_are_all_of_it(name: str) -> None:
    """Example frames of the class are none of the others, of which it is asked whether there is one."""
    r = reach_of((classes.predicate(name),))
    assert r.classes([0]) == (name,) and r.always([0], classes.predicate(name))
