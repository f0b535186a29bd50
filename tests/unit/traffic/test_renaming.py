"""Comparison where a NAT may pick other ports: one-to-one at any time, checksums right, all else equal."""

from __future__ import annotations

import io
from collections.abc import Callable

import dpkt
import pytest

from maestro_tool.diagnostics import InputError
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.renaming import clashes, has_other_checksum, hide, renamed_by
from maestro_tool.traffic.spec import TrafficSpec

NAMES = ("src_port", "udp_checksum", "tcp_checksum")
RENAMED = {1: NAMES}


def with_port(frame: bytes, port: int) -> bytes:
    """Another source port; dpkt computes the checksums."""
    ether = dpkt.ethernet.Ethernet(frame)
    ether.data.data.sport = port
    ether.data.sum = ether.data.data.sum = 0
    return bytes(ether)


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """Of 40 flows, as a NAT sends them: flow n has port 1024 + n."""
    capture = generate(TrafficSpec(flows=40, packets=600, replies=0))[0]
    numbers: dict[bytes, int] = {}
    return [
        with_port(data, 1024 + numbers.setdefault(data[26:38], len(numbers)))
        for _, data in dpkt.pcap.Reader(io.BytesIO(capture))
    ]


def renamed(frames: list[bytes], port: Callable[[int, int], int]) -> list[bytes]:
    """``port``: (position, old port) -> new one."""
    return [with_port(f, port(i, int.from_bytes(f[34:36], "big"))) for i, f in enumerate(frames)]


def kinds(want: list[bytes], got: list[bytes]) -> set[str]:
    return {d.kind for d in compare({1: want}, {1: got}, RENAMED).differences}


def test_equal_modulo_a_bijection(frames: list[bytes]) -> None:
    got = renamed(frames, lambda _, port: 60_000 - port)
    assert kinds(frames, got) == set()
    assert not compare({1: frames}, {1: got}).equal
    assert not compare({1: frames}, {1: got}, {0: NAMES}).equal


def test_two_flows_with_one_port(frames: list[bytes]) -> None:
    assert kinds(frames, renamed(frames, lambda _, port: max(port, 1026))) == {"renaming"}


def test_a_port_may_stand_for_another_one_later(frames: list[bytes]) -> None:
    once = [f for f in frames if f[35] % 2 == 0] + [f for f in frames if f[35] % 2]
    middle = sum(f[35] % 2 == 0 for f in frames)
    assert kinds(once, renamed(once, lambda i, port: port if i < middle else port - 1)) == set()
    assert kinds(frames, renamed(frames, lambda _, port: port & ~1)) == {"renaming"}


def test_a_wrong_checksum(frames: list[bytes]) -> None:
    got = renamed(frames, lambda _, port: port + 1)
    at = 50 if got[7][23] == 6 else 40
    got[7] = got[7][: at + 1] + bytes([got[7][at + 1] ^ 1]) + got[7][at + 2 :]
    assert kinds(frames, got) == {"missing", "unexpected"}


def test_what_is_not_renamed_must_be_equal(frames: list[bytes]) -> None:
    got = renamed(frames, lambda _, port: port + 1)
    assert kinds(frames, got[:-1]) == {"missing"}
    assert kinds(frames, [f[:37] + b"\x07" + f[38:] if i == 3 else f for i, f in enumerate(got)]) >= {"missing"}
    # An ICMP frame has no port: its bytes there are not renamed.
    icmp = frames[0][:23] + b"\x01" + frames[0][24:]
    assert kinds([icmp], [icmp[:35] + bytes([icmp[35] ^ 1]) + icmp[36:]]) == {"missing", "unexpected"}


def test_a_udp_frame_without_checksum_stays_so() -> None:
    udp = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x11" + bytes(10) + b"\x12\x34\x00\x50" + bytes(30)
    assert hide(udp, NAMES) == udp[:34] + b"\0\0" + udp[36:]


def test_addresses_are_in_both_checksums(frames: list[bytes]) -> None:
    names = ("src_ip", "ip_checksum", *NAMES[1:])
    for frame in frames[:50]:
        ether = dpkt.ethernet.Ethernet(frame)
        ether.data.src, ether.data.sum, ether.data.data.sum = bytes((9, 8, 7, 6)), 0, 0
        assert hide(bytes(ether), names) == hide(frame, names) != frame


#: Where ports, and checksums of UDP and TCP, are behind one tag and behind two.
BEHIND_TAGS = tuple(f"byte {at + n + tags}" for at in (34, 40, 50) for n in (0, 1) for tags in (4, 8))


def tagged(frames: list[bytes], tags: int) -> list[bytes]:
    return [f[:12] + b"\x81\x00\x00\x07" * tags + f[12:] for f in frames]


@pytest.mark.parametrize("tags", [1, 2])
def test_behind_tags_the_same_holds(frames: list[bytes], tags: int) -> None:
    plan = {"relaxations": [{"text": "", "shown": [{"port": 1, "fields": [*BEHIND_TAGS]}]}]}

    def kinds_of(port: Callable[[int, int], int]) -> set[str]:
        want, got = tagged(frames, tags), tagged(renamed(frames, port), tags)
        return {d.kind for d in compare({1: want}, {1: got}, renamed_by(plan)).differences}

    assert kinds_of(lambda _, port: 60_000 - port) == set()
    assert kinds_of(lambda _, port: max(port, 1026)) == {"renaming"}
    got = tagged(renamed(frames, lambda _, port: 60_000 - port), tags)
    for at in (37, 51):  # the other port; behind a checksum of UDP, or one of TCP that is not as it should be
        changed = [f[: at + 4 * tags] + bytes([f[at + 4 * tags] ^ 1]) + f[at + 4 * tags + 1 :] for f in got]
        assert not compare({1: tagged(frames, tags)}, {1: changed}, renamed_by(plan)).equal


def test_bytes_behind_tags_are_not_those_of_plain_frames(frames: list[bytes]) -> None:
    frame = frames[0]
    assert hide(frame, BEHIND_TAGS) == frame
    assert hide(tagged([frame], 1)[0], NAMES) == tagged([frame], 1)[0]
    # A half of a field is not the field.
    assert hide(tagged([frame], 1)[0], ("byte 38",)) == tagged([frame], 1)[0]
    assert hide(tagged([frame], 3)[0], BEHIND_TAGS) == tagged([frame], 3)[0]


def test_lengths_that_lie_do_so_behind_tags(frames: list[bytes]) -> None:
    plain = next(f for f in frames if f[23] == 17)
    lying = plain[:16] + b"\xff\xff" + plain[18:]
    assert has_other_checksum(tagged([plain], 1)[0], BEHIND_TAGS) is None
    bare = has_other_checksum(tagged([lying], 1)[0], BEHIND_TAGS)
    assert bare is not None and bare == has_other_checksum(lying, ("src_port", "udp_checksum"))


def test_periods() -> None:
    def found(*pairs: tuple[str, str]) -> list[int]:
        return clashes((i, (a.encode(),), (b.encode(),), None) for i, (a, b) in enumerate(pairs))

    assert found(("a", "x"), ("b", "y"), ("a", "x"), ("b", "y")) == []
    assert found(("a", "x"), ("b", "x"), ("b", "x")) == []
    assert found(("a", "x"), ("b", "x"), ("a", "x")) == [1]
    assert found(("a", "x"), ("a", "y"), ("b", "x"), ("a", "y")) == []


def test_periods_are_of_flows() -> None:
    """A later flow may have both values of an earlier one, though another had one of them in between."""

    def found(*pairs: tuple[str, str, str]) -> list[int]:
        return clashes((i, (a.encode(),), (b.encode(),), flow) for i, (a, b, flow) in enumerate(pairs))

    assert found(("a", "x", "1"), ("b", "x", "2"), ("a", "x", "3")) == []
    assert found(("a", "x", "1"), ("b", "x", "2"), ("a", "x", "1")) == [1]
    assert found(("a", "x", "1"), ("a", "x", "2"), ("a", "x", "1"), ("b", "x", "3")) == []
    assert found(("a", "x", "1"), ("a", "x", "2"), ("b", "x", "3"), ("a", "x", "2"), ("c", "x", "1")) == [2]


def test_a_plan_declares_it() -> None:
    shown = {"kind": "index-choice", "text": "t", "shown": [{"port": 1, "fields": ["src_port", "tcp_checksum"]}]}
    assert renamed_by({"relaxations": [shown, {"kind": "capacity-split"}]}) == {1: ("src_port", "tcp_checksum")}
    shown["shown"] = [{"port": 1, "fields": ["byte 60"]}]
    with pytest.raises(InputError, match="byte 60"):
        renamed_by({"relaxations": [shown]})
