"""What constraints over bytes leave to part packets by, and which of them are given up for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_nfs import same

from maestro_tool.expr.nodes import eq
from maestro_tool.expr.symbols import packet_byte
from maestro_tool.packet.fields import field_of
from maestro_tool.sharding.plan import Code, Constraint, FieldBits
from maestro_tool.sharding.rules import by_bytes
from maestro_tool.sharding.rules.by_bytes import clashes, starved, starving


def of(obj: int, *pairs: tuple[str, str], ports: tuple[int, int] = (0, 0), over: str = "vlan") -> Constraint:
    """Frames of one class that agree in all pairs of (whole) fields meet, for the sake of object ``obj``."""
    equal = tuple((_whole(x), _whole(y)) for x, y in pairs)
    return Constraint(ports, equal, ((over,), (over,)), "R1", (obj,), (obj,))  # type: ignore[arg-type]


def _whole(text: str) -> FieldBits:
    name, _, part = text.partition("|")
    high, low = map(int, part.split(":")) if part else (field_of(name).bits - 1, 0)
    return FieldBits(name, high, low)


def by(obj: int, *names: str, ports: tuple[int, int] = (0, 0), over: str = "vlan") -> Constraint:
    return of(obj, *same(*names), ports=ports, over=over)


RELATION = replace(by(7), relation=eq(packet_byte(30), packet_byte(31)))


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        ([], False),
        ([by(0, "src_mac")], False),
        ([by(0, "src_mac"), by(1, "dst_mac")], True),
        ([by(0, "src_mac"), by(1, "dst_mac", over="tcp4")], False),
        ([by(0, "src_mac"), by(1, "dst_mac", ports=(1, 1))], False),
        ([by(0, "src_mac"), RELATION], False),
        ([RELATION], False),
        # Parts of a field; the first of one is the last of another.
        ([by(0, "src_mac|3:0"), by(1, "src_mac|7:4")], True),
        ([by(0, "src_mac|4:0"), by(1, "src_mac|7:4")], False),
        ([by(0, "src_mac|7:0"), by(1, "frame[11]")], False),
        ([by(0, "src_mac|7:0"), by(1, "src_mac|15:8")], True),
        ([by(0, "src_mac|47:47"), by(1, "src_mac|0:0")], True),
        # What a packet puts another asks for.
        ([of(0, ("src_mac", "dst_mac"))], True),
        ([of(0, ("src_mac", "dst_mac"), ports=(0, 1))], False),
        ([of(0, ("src_mac", "dst_mac"), ports=(0, 1)), by(1, "src_mac", ports=(1, 1))], True),
        ([of(0, ("src_mac", "dst_mac"), ports=(0, 1)), by(1, "dst_mac", ports=(1, 1))], False),
    ],
)
def test_what_is_left_to_part_packets_by(constraints: list[Constraint], expected: bool) -> None:
    assert starved(constraints) is expected


@pytest.mark.parametrize(
    ("constraints", "groups", "lost"),
    [
        ([by(0, "src_ip"), by(1, "dst_ip")], ((0,), (1,)), []),  # cards' fields are `disjoint.choose`'s
        ([by(0, "src_mac")], ((0,),), []),
        ([by(0, "src_mac"), by(1, "src_mac")], ((0,), (1,)), []),
        ([by(0, "src_mac"), by(1, "src_ip")], ((0,), (1,)), [{0}]),
        ([by(0, "src_mac"), by(1, "dst_mac"), by(2, "src_mac")], ((0,), (1,), (2,)), [{1}]),
        ([by(0, "src_mac"), by(1, "dst_mac"), by(2, "dst_mac")], ((0,), (1, 2)), [{1, 2}]),
        ([by(0, "src_ip"), by(1, "src_mac"), by(2, "src_ip")], ((0, 1), (2,)), [{0, 1}]),
        ([by(0, "src_ip"), by(0, "src_mac"), by(1, "dst_ip", over="tcp4")], ((0,), (1,)), [{0}]),
        # What is about a group that is lost is in nobody's way.
        ([replace(by(0, "src_ip"), objects=(0, 2)), by(1, "dst_mac"), by(2, "src_mac")], ((0,), (1,), (2,)), [{2}]),
        ([by(0, "src_mac"), by(1, "src_ip"), RELATION], ((0,), (1,), (7,)), [{0}]),
    ],
)
def test_of_what_software_hashes_the_rest_is_shared(
    constraints: list[Constraint], groups: tuple[tuple[int, ...], ...], lost: list[set[int]]
) -> None:
    found = clashes(constraints, {o: frozenset(group) for group in groups for o in group})
    assert [set(o.objects) for o in found] == lost


def test_a_clash_names_what_has_nothing_in_common() -> None:
    """No more than that, and each field once."""
    others = [by(3, "src_ip"), by(4, "dst_ip", ports=(1, 1)), RELATION]
    [found] = clashes([*others, by(0, "src_mac"), by(0, "src_mac", "dst_mac")], {n: frozenset((n,)) for n in range(8)})
    assert (found.code, set(found.objects), set(found.about)) == (Code.NOTHING_IN_COMMON, {0}, {0, 3})
    assert {f.name for f in found.fields} == {"src_ip", "src_mac"} and len(found.constraints) == 2


def test_of_hundreds_of_constraints_few_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers of any length give a constraint for each two lengths: those that starve packets are found by halving."""
    asked = []

    def counted(constraints: list[Constraint]) -> bool:
        asked.append(len(constraints))
        return starved(constraints)

    monkeypatch.setattr(by_bytes, "starved", counted)
    apart = [by(0, f"frame[{n}]", ports=(n, n)) for n in range(20, 220)]
    first, last = by(0, "src_mac", ports=(3, 3)), by(0, "dst_mac", ports=(3, 3))
    found = starving(0, [*apart[:150], first, *apart[150:], last])
    assert {f.field for d in found.fields for f in ([d.bits] if d.bits else [])} == {"src_mac", "dst_mac"}
    assert len(asked) < 30
