"""Generated captures: deterministic, valid, and what the spec says."""

from __future__ import annotations

import hashlib
import io
import itertools
import struct
from collections import Counter
from dataclasses import replace
from ipaddress import IPv6Address

import dpkt
import numpy as np
import pytest

from maestro_tool.diagnostics import InputError
from maestro_tool.packet.classes import classify
from maestro_tool.traffic import odd
from maestro_tool.traffic.capture import read_capture
from maestro_tool.traffic.compare import flow_of
from maestro_tool.traffic.frames import UDP, Headers, build
from maestro_tool.traffic.generate import LAN, WAN, generate
from maestro_tool.traffic.ipv6 import address
from maestro_tool.traffic.spec import IMIX, TrafficSpec

MIXED = TrafficSpec(
    flows=300, packets=6000, sizes=IMIX, replies=0.4, unknown=0.1, odd=0.1, active=100, gaps=2, gap_us=1_000_000
)


def frames(spec: TrafficSpec) -> list[tuple[int, int, bytes]]:
    """(microseconds, port, frame) in order of time, read with dpkt."""
    merged = []
    for port, content in generate(spec).items():
        for time, data in dpkt.pcap.Reader(io.BytesIO(content)):
            merged.append((round(time * 1_000_000), port, data))
    return sorted(merged)


def is_plain(frame: bytes) -> bool:
    """TCP or UDP over IPv4 without options or fragments, with lengths that are right."""
    return (
        len(frame) >= 60
        and frame[12:16] == b"\x08\x00\x45\x00"
        and frame[20:22] == b"\x40\x00"
        and frame[23] in (6, 17)
        and int.from_bytes(frame[16:18], "big") == len(frame) - 14
    )


def test_same_spec_same_bytes() -> None:
    assert generate(MIXED) == generate(MIXED)


def test_other_seed_other_bytes() -> None:
    assert generate(TrafficSpec(seed=1)) != generate(TrafficSpec(seed=2))


def test_bytes_do_not_depend_on_the_versions_of_libraries() -> None:
    # A change of this number changes what every recorded figure was measured with: think before updating it.
    content = generate(TrafficSpec(flows=10, packets=100, odd=0.2))
    digest = hashlib.sha256(content[LAN] + content[WAN]).hexdigest()
    assert digest == "0696cb6790869061b27f5b4ab12265b9568c73e093f4a794c9a5c7eb5d48f6a0"


def test_timestamps_differ_over_both_ports() -> None:
    times = [time for time, _, _ in frames(MIXED)]
    assert len(times) == MIXED.packets
    assert len(set(times)) == MIXED.packets


def test_rate_and_gaps() -> None:
    times = [time for time, _, _ in frames(TrafficSpec(packets=3000, rate=1000, gaps=2, gap_us=5_000_000))]
    steps = Counter(b - a for a, b in itertools.pairwise(times))
    assert steps == {1000: 2997, 5_001_000: 2}


def test_fractions_and_sizes() -> None:
    spec = TrafficSpec(flows=100, packets=20000, sizes=(60, 1000), replies=0.3, unknown=0.2)
    merged = frames(spec)
    opened = {flow_of(data) for _, port, data in merged if port == LAN}
    assert len(opened) == 100
    wan = [flow_of(data) for _, port, data in merged if port == WAN]
    assert 0.47 * 20000 < len(wan) < 0.53 * 20000
    assert 0.18 * 20000 < sum(flow not in opened for flow in wan) < 0.22 * 20000
    assert 0.45 * 20000 < sum(len(data) == 60 for _, _, data in merged) < 0.55 * 20000
    assert {len(data) for _, _, data in merged} == {60, 1000}


@pytest.mark.parametrize("active", [0, 50])
def test_every_flow_is_opened_on_the_lan_before_its_first_reply(active: int) -> None:
    spec = TrafficSpec(flows=1000, packets=4000, replies=0.7, active=active)
    opened: set[object] = set()
    answered = 0
    for _, port, data in frames(spec):
        if port == LAN:
            opened.add(flow_of(data))
        else:
            assert flow_of(data) in opened
            answered += 1
    assert len(opened) == 1000
    assert answered > 1000


def test_churn_uses_few_flows_at_a_time() -> None:
    merged = frames(TrafficSpec(flows=1000, packets=20000, replies=0, active=20))
    assert len({flow_of(data) for _, _, data in merged[:1000]}) < 150
    assert len({flow_of(data) for _, _, data in merged}) == 1000


def share_of_top_tenth(spec: TrafficSpec) -> float:
    counts = sorted(Counter(flow_of(data) for _, _, data in frames(spec)).values(), reverse=True)
    return sum(counts[: len(counts) // 10]) / sum(counts)


def test_zipf_is_skewed_and_uniform_is_not() -> None:
    uniform = share_of_top_tenth(TrafficSpec(flows=500, packets=20000))
    zipf = share_of_top_tenth(TrafficSpec(flows=500, packets=20000, distribution="zipf"))
    assert uniform < 0.15
    # 1/r**1.1 over 500 ranks: the first 50 have 74 %, diluted by the 500 packets that open each flow once.
    assert 0.68 < zipf < 0.78


@pytest.mark.parametrize(("distribution", "prefix", "spread"), [
    ("one-slash-24", 24, 240), ("one-slash-16", 16, 1900), ("uniform", 8, 1990), ("zipf", 8, 1990),
])  # fmt: skip
def test_hosts(distribution: str, prefix: int, spread: int) -> None:
    merged = frames(TrafficSpec(flows=2000, packets=4000, distribution=distribution))  # type: ignore[arg-type]
    hosts = {int.from_bytes(data[26:30], "big") for _, port, data in merged if port == LAN}
    assert len({host >> 32 - prefix for host in hosts}) == 1
    assert len(hosts) > spread
    assert 10 in {host >> 24 for host in hosts}


def test_checksums_and_lengths() -> None:
    checked = Counter[int]()
    for _, _, data in frames(MIXED):
        if not is_plain(data):
            continue
        ip = dpkt.ethernet.Ethernet(data).data
        assert ip.len == len(data) - 14
        # dpkt computes both checksums when it packs a header whose checksum is 0.
        ip.sum = ip.data.sum = 0
        assert bytes(ip) == data[14:]
        checked[ip.p] += 1
    assert min(checked[6], checked[17]) > 1000


def test_no_two_frames_are_equal() -> None:
    plain = [data for _, _, data in frames(MIXED) if is_plain(data)]
    assert len(set(plain)) == len(plain)


def test_odd_frames_of_every_kind() -> None:
    merged = frames(TrafficSpec(flows=100, packets=5000, odd=0.5))
    strange = [data for _, _, data in merged if not is_plain(data)]
    assert 2300 < len(strange) < 2700
    ether_types = Counter(data[12:14].hex() for data in strange if len(data) > 13)
    assert set(ether_types) == {"0800", "8100", "86dd", "0806", "88b5"}
    assert {13, 33, 37, 38} <= {len(data) for data in strange}
    ip = [data for data in strange if data[12:14] == b"\x08\x00" and len(data) >= 60]
    assert {data[23] for data in ip} == {1, 6, 17, 47, 132}
    assert {data[14] & 0xF for data in ip} == {4, 5, 6}
    assert {data[20:22].hex() for data in ip} >= {"2000", "0003", "4000"}


@pytest.mark.parametrize("kind", ["first-fragment", "later-fragment", "options", "icmp", "sctp", "gre"])
def test_odd_ipv4_frames_are_valid(kind: str) -> None:
    for _, _, data in frames(TrafficSpec(flows=5, packets=20)):
        frame = odd.KINDS[kind](data)
        header = frame[14 : 14 + 4 * (frame[14] & 0xF)]
        assert odd.checksum(header) == 0
        assert int.from_bytes(frame[16:18], "big") == len(frame) - 14
        if kind == "icmp":
            assert odd.checksum(frame[34:]) == 0


def test_generated_captures_pass_our_own_reader(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for port, content in generate(MIXED).items():
        path = tmp_path / f"port{port}.pcap"
        path.write_bytes(content)
        assert [frame.data for frame in read_capture(path)] == [d for _, p, d in frames(MIXED) if p == port]


@pytest.mark.parametrize("wrong", [
    {"flows": 0}, {"packets": 0}, {"distribution": "pareto"}, {"sizes": ()}, {"sizes": (59,)}, {"sizes": (1515,)},
    {"replies": 1.1}, {"replies": float("nan")}, {"replies": 0.6, "unknown": 0.6}, {"rate": 0}, {"rate": 1_000_001},
    {"active": 2000}, {"gaps": 10000}, {"skew": -1.0},
])  # fmt: skip
def test_impossible_specs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        TrafficSpec(**wrong)  # type: ignore[arg-type]


def test_more_flows_than_packets_is_an_error() -> None:
    with pytest.raises(InputError, match="at least as many packets"):
        generate(TrafficSpec(flows=1000, packets=900))


def test_one_packet() -> None:
    content = generate(TrafficSpec(flows=1, packets=1, replies=1))
    assert len(content[LAN]) == 24 + 16 + 60
    assert len(content[WAN]) == 24


def test_a_udp_checksum_is_never_zero() -> None:
    """Zero means "no checksum" (RFC 768); 65536 consecutive numbers in the payload meet every sum."""
    count = 0x10000
    column = np.zeros(count, dtype=np.int64)
    headers = Headers(
        port=column, src_mac=column, dst_mac=column, src_ip=column + 1, dst_ip=column + 2, src_port=column, dst_port=column, protocol=column + UDP,
        number=np.arange(count, dtype=np.int64),
    )  # fmt: skip
    rows = build(headers, 60)
    sums = rows[:, 40].astype(int) * 256 + rows[:, 41]
    assert sums.min() > 0
    assert np.count_nonzero(sums == 0xFFFF) == 1


def test_flows_opened_on_the_wan() -> None:
    spec = TrafficSpec(flows=200, packets=4000, replies=0.4, opener="wan", distribution="one-slash-24", servers=3)
    opened = set()
    for _, port, data in frames(spec):
        host, server = (data[26:30], data[30:34]) if port == WAN else (data[30:34], data[26:30])
        assert host[:3] == bytes((10, 1, 2)) and server in {bytes((16, 0, 0, n)) for n in (1, 2, 3)}
        assert port == WAN or flow_of(data) in opened
        opened.add(flow_of(data))
    assert len(opened) == 200


def test_each_host_may_have_a_mac_address() -> None:
    for _, _, data in frames(TrafficSpec(flows=50, packets=500, unknown=0.1, scans=0.1, macs="host")):
        assert data[0:6] == b"\x02\x00" + data[30:34]
        assert data[6:12] == b"\x02\x00" + data[26:30]


def test_scans_try_ports_of_servers() -> None:
    spec = TrafficSpec(flows=10, packets=5000, replies=0.3, scans=0.2, distribution="one-slash-24")
    ports = Counter(int.from_bytes(data[36:38], "big") for _, port, data in frames(spec) if port == LAN)
    rare = [port for port, count in ports.items() if port not in (80, 443, 53, 8080)]
    assert 900 < len(rare) < 1100 and min(rare) < 1000 and max(rare) > 64_000


class Rewriter:
    """Stands for an NF: what leaves on the WAN has other source addresses, by the number of the frame."""

    def __init__(self, loses: int) -> None:
        self._loses = loses

    def sent(self, captures: dict[int, bytes]) -> dict[int, list[bytes]]:
        wan = []
        for _, data in dpkt.pcap.Reader(io.BytesIO(captures[LAN])):
            number = int.from_bytes(data[18:20], "big")  # IPv4 identification; captures are short here
            if number % self._loses:
                wan.append(data[:26] + bytes((192, 0, 2, 1)) + data[30:34] + struct.pack(">H", number) + data[36:])
        return {LAN: [], WAN: wan}


def test_replies_answer_what_was_sent() -> None:
    spec = TrafficSpec(flows=50, packets=2000, replies=0.4, unknown=0.1)
    plain = generate(spec)
    sent = Rewriter(loses=5).sent(plain)
    readdressed = generate(spec, sent)
    assert readdressed[LAN] == plain[LAN]
    lan = {int.from_bytes(data[18:20], "big"): data for _, data in dpkt.pcap.Reader(io.BytesIO(plain[LAN]))}
    latest: dict[object, int] = {}
    before, after = ([data for _, data in dpkt.pcap.Reader(io.BytesIO(c[WAN]))] for c in (plain, readdressed))
    answered = unanswered = 0
    for old, new in zip(before, after, strict=True):
        number = int.from_bytes(old[18:20], "big")
        latest = {flow_of(lan[n]): n for n in sorted(lan) if n < number}
        asked = latest.get(flow_of(old))
        if asked is None:  # a stranger writes to an address that is in use, from a server that nobody asked
            assert new[26:30] == old[26:30] and new[34:36] == old[34:36]
        elif asked % 5:
            assert new[30:34] == bytes((192, 0, 2, 1)) and int.from_bytes(new[36:38], "big") == asked
            assert new[26:30] == old[26:30] and new[34:36] == old[34:36]
            answered += 1
        else:
            assert new == old
            unanswered += 1
        assert is_right(new)
    assert answered > 500 and unanswered > 100


def is_right(frame: bytes) -> bool:
    """Checksums are those that dpkt computes."""
    packet = dpkt.ethernet.Ethernet(frame).data
    ip_sum, l4_sum = packet.sum, packet.data.sum
    packet.sum = packet.data.sum = 0
    again = dpkt.ip.IP(bytes(packet))
    return (again.sum, again.data.sum) == (ip_sum, l4_sum)


# --------------------------------------------------------------------------- IPv6


def test_flows_over_ipv6() -> None:
    spec = replace(MIXED, ipv6=0.4, scans=0.05)
    assert sum(is_plain(data) for _, _, data in frames(spec)) < sum(is_plain(data) for _, _, data in frames(MIXED))
    sent = [(port, data) for _, port, data in frames(spec) if data[12:14] == b"\x86\xdd" and any(data[26:28])]
    flows = {flow_of(data) for port, data in sent if port == LAN}
    answers = [flow_of(data) for port, data in sent if port == WAN]
    assert 100 < len(flows) < 300 and sum(flow in flows for flow in answers) > 0.6 * len(answers) > 100
    assert all(flow[0] == "ipv6" for flow in flows)
    for _, data in sent:
        assert classify(data) in ("tcp6", "udp6") and 80 <= len(data) <= 1514
        packet = dpkt.ip6.IP6(data[14:])
        assert packet.plen == len(data) - 54
        pseudo = packet.src + packet.dst + struct.pack(">II", packet.plen, packet.nxt)
        assert odd.checksum(pseudo + data[54:]) == 0


def test_without_ipv6_nothing_else_changes() -> None:
    """Frames of other flows are the same, at the same time, whatever share of flows is over IPv6."""
    some, none = frames(replace(MIXED, ipv6=0.4)), frames(MIXED)
    assert [x[:2] for x in some] == [x[:2] for x in none]
    assert {x for x in some if is_plain(x[2])} < set(none)
    assert frames(replace(MIXED, ipv6=0.0)) == none


def test_hosts_of_one_prefix_are_in_one_prefix_of_ipv6() -> None:
    assert str(IPv6Address(address(bytes((10, 1, 2, 3))))) == "2001:db8:a01:200::a01:203"
