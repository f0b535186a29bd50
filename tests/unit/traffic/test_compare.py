"""The comparison notices what a wrong parallel program would do, and only that."""

from __future__ import annotations

import io
import json
import random

import dpkt
import pytest

from maestro_tool.traffic.compare import Comparison, compare, flow_of
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.spec import TrafficSpec

Streams = dict[int, list[bytes]]


@pytest.fixture(scope="module")
def sent() -> Streams:
    captures = generate(TrafficSpec(flows=50, packets=1000, odd=0.1, unknown=0.1, replies=0.4))
    return {port: [data for _, data in dpkt.pcap.Reader(io.BytesIO(c))] for port, c in captures.items()}


@pytest.fixture
def other(sent: Streams) -> Streams:
    return {port: list(frames) for port, frames in sent.items()}


def kinds(comparison: Comparison) -> list[tuple[str, int]]:
    return [(d.kind, d.port) for d in comparison.differences]


def two_of_one_flow(frames: list[bytes]) -> tuple[int, int]:
    """Positions of the first two different frames of one flow."""
    for i, a in enumerate(frames):
        for j in range(i + 1, len(frames)):
            if flow_of(a) == flow_of(frames[j]) and a != frames[j]:
                return i, j
    raise AssertionError


def test_equal(sent: Streams, other: Streams) -> None:
    result = compare(sent, other)
    assert result.equal
    assert result.frames == 1000
    assert result.flows >= 50
    assert result.text().startswith("equal: 1000 frames of ")


def test_any_order_between_flows(sent: Streams) -> None:
    shuffled = {}
    for port, frames in sent.items():
        by_flow: dict[object, list[bytes]] = {}
        for frame in frames:
            by_flow.setdefault(flow_of(frame), []).append(frame)
        flows = list(by_flow.values())
        random.Random(3).shuffle(flows)
        shuffled[port] = [frame for flow in flows for frame in flow]
    assert shuffled != sent
    assert compare(sent, shuffled).equal


def test_lost_frame(sent: Streams, other: Streams) -> None:
    lost = other[0].pop(17)
    result = compare(sent, other)
    assert kinds(result) == [("missing", 0)]
    assert result.differences[0].frame == lost


def test_frame_that_should_have_been_dropped(sent: Streams, other: Streams) -> None:
    other[1].insert(3, sent[0][5])
    assert kinds(compare(sent, other)) == [("unexpected", 1)]


def test_duplicated_frame(sent: Streams, other: Streams) -> None:
    other[1].append(other[1][0])
    assert kinds(compare(sent, other)) == [("unexpected", 1)]


def test_reordered_in_flow(sent: Streams, other: Streams) -> None:
    i, j = two_of_one_flow(other[0])
    other[0][i], other[0][j] = other[0][j], other[0][i]
    result = compare(sent, other)
    assert kinds(result) == [("order", 0)]
    assert result.differences[0].frame == sent[0][i]


def test_lost_and_reordered_are_both_told(sent: Streams, other: Streams) -> None:
    flow = max({flow_of(f) for f in other[0]}, key=lambda flow: sum(flow_of(f) == flow for f in other[0]))
    positions = [i for i, f in enumerate(other[0]) if flow_of(f) == flow]
    first, second, third = positions[:3]
    other[0][second], other[0][third] = other[0][third], other[0][second]
    del other[0][first]
    assert kinds(compare(sent, other)) == [("missing", 0), ("order", 0)]


def test_altered_payload(sent: Streams, other: Streams) -> None:
    i, _ = two_of_one_flow(other[0])
    original = other[0][i]
    other[0][i] = original[:-1] + bytes([original[-1] ^ 1])
    assert kinds(compare(sent, other)) == [("missing", 0), ("unexpected", 0)]


def test_altered_address(sent: Streams, other: Streams) -> None:
    i, _ = two_of_one_flow(other[0])
    original = other[0][i]
    other[0][i] = original[:29] + bytes([original[29] ^ 1]) + original[30:]
    assert sorted(kinds(compare(sent, other))) == [("missing", 0), ("unexpected", 0)]


def test_moved_to_another_port(sent: Streams, other: Streams) -> None:
    frame = other[0].pop(40)
    other[1].append(frame)
    result = compare(sent, other)
    assert kinds(result) == [("other-port", 0)]
    assert result.differences[0].other == 1
    assert "expected on port 0, but sent on port 1" in result.text()


def test_moved_to_an_earlier_port(sent: Streams, other: Streams) -> None:
    other[0].append(other[1].pop(40))
    assert kinds(compare(sent, other)) == [("other-port", 1)]


def test_port_without_output(sent: Streams) -> None:
    result = compare(sent, {0: sent[0]})
    assert set(kinds(result)) == {("missing", 1)}
    assert len(result.differences) == len(sent[1])


def test_text_is_limited_and_json_is_not(sent: Streams) -> None:
    result = compare(sent, {})
    assert "... and 997 more" in result.text(3)
    assert len(result.text(3).splitlines()) == 5
    assert len(json.loads(json.dumps(result.to_json()))["differences"]) == 1000


def test_flow_is_the_same_in_both_directions_and_reads_where_the_nf_reads() -> None:
    lan = bytes(12) + bytes.fromhex("08004500002800004000400600000a0000010b00000204d20050") + bytes(26)
    wan = lan[:26] + lan[30:34] + lan[26:30] + lan[36:38] + lan[34:36] + lan[38:]
    assert flow_of(lan) == flow_of(wan) == ("ipv4", "6", "10.0.0.1:1234", "11.0.0.2:80")
    assert flow_of(lan[:37]) == ("ipv4", "6", "10.0.0.1", "11.0.0.2")
    assert flow_of(lan[:23] + b"\x01" + lan[24:]) == ("ipv4", "1", "10.0.0.1", "11.0.0.2")
    assert flow_of(lan[:33])[0] == flow_of(lan[:5])[0] == flow_of(b"")[0] == "ethernet"


def test_tagged_frames_have_the_order_of_what_is_behind_the_tag(sent: Streams) -> None:
    """Software hashes that, so packets of two hosts behind one router go to two workers."""
    a, b = (next(f for f in sent[0] if f[12:14] == b"\x08\0" and f[29] % 2 == n) for n in (0, 1))
    assert flow_of(a) != flow_of(b)
    for tag in (b"\x81\0\0\x2a", b"\x88\xa8\0\7\x81\0\0\x2a", b"\x81\0\0\1" * 5000):
        one, another, again = (f[:12] + tag + f[12:] for f in (a, b, a[:-1] + b"!"))
        order = [("order", 0)]
        assert kinds(compare({0: [one, another]}, {0: [another, one]})) == ([] if len(tag) < 9 else order)
        assert kinds(compare({0: [one, again]}, {0: [again, one]})) == order
