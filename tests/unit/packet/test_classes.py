"""Packet classes partition all frames; the concrete function and the predicates agree."""

from __future__ import annotations

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import const, substitute, symbols
from maestro_tool.packet import classes
from maestro_tool.solver.translate import Translator


def frame(ether_type: int, ip: bytes = b"") -> bytes:
    return bytes(12) + ether_type.to_bytes(2, "big") + ip


def ipv4(
    protocol: int, words: int = 5, fragment: int = 0, payload: int = 20, version: int = 4, total: int | None = None
) -> bytes:
    header = bytearray(4 * words)
    header[0] = version << 4 | words
    header[2:4] = (4 * words + payload if total is None else total).to_bytes(2, "big")
    header[6:8] = fragment.to_bytes(2, "big")
    header[9] = protocol
    return frame(0x0800, bytes(header) + bytes(payload))


def ipv6(next_header: int, payload: int = 20, version: int = 6, total: int | None = None) -> bytes:
    header = bytearray(40)
    header[0], header[6] = version << 4, next_header
    header[4:6] = (payload if total is None else total).to_bytes(2, "big")
    return frame(0x86DD, bytes(header) + bytes(payload))


EXAMPLES = {
    "tcp4": [ipv4(6), ipv4(6, payload=24), ipv4(6, fragment=0x4000), ipv4(6) + bytes(6)],
    "udp4": [ipv4(17), ipv4(17, payload=8)],
    "sctp4": [ipv4(132), ipv4(132, payload=12)],
    "ipv4_other": [ipv4(1), ipv4(1, payload=0), ipv4(50)],
    "tcp4_options": [ipv4(6, words=6)],
    "udp4_options": [ipv4(17, words=15)],
    "sctp4_options": [ipv4(132, words=6)],
    "ipv4_options_other": [ipv4(2, words=6, payload=0)],
    "ipv4_fragment": [ipv4(6, fragment=0x2000), ipv4(17, fragment=1), ipv4(6, fragment=0x2001, payload=0)],
    "tcp6": [ipv6(6), ipv6(6) + bytes(6)],
    "udp6": [ipv6(17), ipv6(17, payload=8)],
    "sctp6": [ipv6(132)],
    "ipv6_other": [ipv6(58), ipv6(59, payload=0), ipv6(0, total=0)],
    "ipv6_fragment": [ipv6(44)],
    "vlan": [frame(0x8100, ipv4(6)[14:]), frame(0x88A8), frame(0x9100)],
    "non_ip": [frame(0x0806, bytes(28)), frame(0x0000)],
    "malformed": [
        b"",
        bytes(13),
        frame(0x0800),
        ipv4(6)[:33],
        ipv4(6, version=6),
        ipv4(6, payload=3),
        ipv4(6, payload=19),
        ipv4(17, payload=7),
        ipv4(132, payload=11),
        ipv4(6, total=39),
        ipv4(1, total=19),
        ipv4(1, total=41),
        ipv4(6, fragment=1, total=41),
        frame(0x0800, bytes([0x44]) + bytes(30)),
        frame(0x0800, bytes([0x4F]) + bytes(30)),
        frame(0x86DD, bytes(39)),
        ipv6(6)[:53],
        ipv6(6, version=4),
        ipv6(6, payload=19),
        ipv6(17, payload=7),
        ipv6(132, payload=11),
        ipv6(6, total=21),
        ipv6(58, total=21),
    ],
}


@pytest.mark.parametrize(("name", "example"), [(n, e) for n, es in EXAMPLES.items() for e in es])
def test_example_is_of_its_class(name: str, example: bytes) -> None:
    assert classes.classify(example) == name


def test_every_class_has_an_example() -> None:
    assert set(EXAMPLES) == set(classes.CLASSES)


def test_predicates_partition_all_frames() -> None:
    """z3: every frame is in at least one class, and in no two."""
    z3ify = Translator()
    terms = [z3ify(classes.predicate(name)) for name in classes.CLASSES]
    solver = z3.Solver(ctx=z3ify.context)
    solver.add(z3.Not(z3.PbEq([(t, 1) for t in terms], 1)))
    assert solver.check() == z3.unsat


def test_views_of_classes_are_exact() -> None:
    """z3: a class has exactly the views that its row lists."""
    z3ify = Translator()
    for name in classes.CLASSES:
        possible = []
        for view in classes.VIEWS:
            solver = z3.Solver(ctx=z3ify.context)
            solver.add(z3ify(classes.predicate(name)), z3ify(classes.exact_view_predicate(view)))
            if solver.check() == z3.sat:
                possible.append(view)
        assert tuple(possible) == classes.CLASSES[name].views, name


def holds(predicate: Expr, data: bytes) -> bool:
    values = {}
    for s in symbols(predicate):
        name = str(s.value)
        n = len(data) if name == "pkt_len" else (data + bytes(64))[int(name[4:])]
        values[s] = const(n, s.width)
    result = substitute(predicate, values)
    assert result.is_const
    return bool(result.const)


EDGES = st.sampled_from([example for examples in EXAMPLES.values() for example in examples])


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(EDGES))
    for _ in range(draw(st.integers(0, 3))):
        if data:
            data[draw(st.integers(0, min(len(data), 24) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@settings(max_examples=60, deadline=None)
@given(frames())
def test_predicates_agree_with_the_functions(data: bytes) -> None:
    assert [name for name in classes.CLASSES if holds(classes.predicate(name), data)] == [classes.classify(data)]
    views = [v for v in classes.VIEWS if holds(classes.exact_view_predicate(v), data)]
    assert views == [classes.view(data)]


def test_l3_fields_are_offered_by_frames_of_either_view() -> None:
    both = ipv4(6)
    assert classes.view(both) == "l4" and holds(classes.view_predicate("l3"), both)
    assert not holds(classes.view_predicate("l4"), ipv4(1)) and holds(classes.view_predicate("l3"), ipv4(1))


def test_views_of_ipv6_are_none_of_ipv4() -> None:
    both = ipv6(17)
    assert classes.view(both) == classes.view(both[:58]) == "l4v6" and holds(classes.view_predicate("l3v6"), both)
    assert classes.view(both[:57]) == classes.view(ipv6(58)) == classes.view(ipv6(44)) == "l3v6"
    assert classes.view(both[:53]) is None
    assert not holds(classes.view_predicate("l3"), both) and not holds(classes.view_predicate("l3v6"), ipv4(17) + both)
