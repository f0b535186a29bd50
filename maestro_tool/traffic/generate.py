"""Makes captures: one pcap file per port, the same bytes for the same `TrafficSpec`."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maestro_tool.diagnostics import InputError
from maestro_tool.traffic import answers, odd
from maestro_tool.traffic.capture import LINKTYPE_ETHERNET, MAGIC_MICROSECONDS, SNAP_LENGTH
from maestro_tool.traffic.frames import HOST_MACS, PORT_MACS, TCP, U8, UDP, Bool, Headers, build
from maestro_tool.traffic.ipv6 import LONGER, over_ipv6
from maestro_tool.traffic.numbers import I64, Numbers
from maestro_tool.traffic.spec import MAX_FRAME, TrafficSpec

LAN, WAN = 0, 1

#: Time of the first frame, in microseconds: captures say nothing about when they were made.
FIRST_TIME_US = 1_000_000_000_000_000

_CHUNK = 1 << 15  # frames built at a time: bounds the memory, not the result

_RECORD_HEADER = 16


@dataclass(frozen=True, slots=True)
class _Flows:
    """Flows as the packets of their hosts name them."""

    src_ip: I64
    dst_ip: I64
    src_port: I64
    dst_port: I64
    protocol: I64


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Per packet, in order of time: ``flow`` (index; of strangers in their own table), whether it comes from the
    server (``answering``), belongs to no flow (``stranger``) or looks for open ports (``scan``), and which odd kind it
    is (-1: plain)."""

    flow: I64
    answering: Bool
    stranger: Bool
    scan: Bool
    kind: I64


def generate(spec: TrafficSpec, sent: Mapping[int, Sequence[bytes]] | None = None) -> dict[int, bytes]:
    """The pcap file of each port.

    Timestamps are whole microseconds and differ over all ports, so that the order of replay is unique.
    ``sent``: what an NF sent on each port when it received this capture, or the last one made so; replies then answer
    the frames that left the NF, whatever it had rewritten, instead of those that entered it.
    """
    numbers = Numbers(spec.seed)
    schedule = _schedule(spec, numbers)
    headers = _headers(spec, schedule, numbers)
    if sent is not None:
        request = ~schedule.answering & ~schedule.scan & (schedule.kind < 0)
        reply = schedule.answering & (schedule.kind < 0)
        asked = answers.latest_request(np.where(schedule.stranger, -1, schedule.flow), request, reply)
        headers = answers.readdress(headers, asked, schedule.stranger, sent[1 - _host_port(spec)])
    times = _times(spec)
    sizes = np.asarray(spec.sizes, dtype=np.int64)[numbers.below(len(spec.sizes), spec.packets)]
    ipv6 = _over_ipv6(spec, schedule, numbers)
    return {port: _pcap(headers, schedule.kind, ipv6, sizes, times, port) for port in (LAN, WAN)}


def _over_ipv6(spec: TrafficSpec, schedule: _Schedule, numbers: Numbers) -> Bool:
    """Per packet whether it is a plain one of a flow over IPv6."""
    if not spec.ipv6:
        return np.zeros(spec.packets, dtype=np.bool_)
    flows = numbers.fractions(spec.flows + int(np.count_nonzero(schedule.stranger))) < spec.ipv6
    return np.asarray(flows[_index(spec, schedule)] & (schedule.kind < 0))


def _schedule(spec: TrafficSpec, numbers: Numbers) -> _Schedule:
    count = spec.packets
    role = numbers.fractions(count)
    is_odd = role < spec.odd
    stranger = (role >= spec.odd) & (role < spec.odd + spec.unknown)
    answered = spec.odd + spec.unknown + spec.replies
    reply = (role >= spec.odd + spec.unknown) & (role < answered)
    scan = (role >= answered) & (role < answered + spec.scans)

    flow = _popular_flows(spec, numbers)
    ordinary = ~is_odd & ~stranger & ~scan
    openers = _opening_positions(spec, ordinary, numbers)
    flow[openers] = np.arange(spec.flows)

    # The first plain packet of a flow comes from its host, whatever its role was going to be.
    plain = np.flatnonzero(ordinary)
    first = plain[np.unique(flow[plain], return_index=True)[1]]
    answering = stranger | reply | (is_odd & (numbers.below(2, count) == 1))
    answering[first] = False

    flow[stranger] = np.arange(np.count_nonzero(stranger))
    kind = np.where(is_odd, numbers.below(len(odd.KINDS), count), -1)
    return _Schedule(flow, answering, stranger, scan, kind)


def _popular_flows(spec: TrafficSpec, numbers: Numbers) -> I64:
    """A flow for each packet: by popularity, among those that are active at that time."""
    active = spec.active or spec.flows
    weights = np.arange(1, active + 1, dtype=np.float64) ** -spec.exponent
    cumulative = np.cumsum(weights)
    rank = np.searchsorted(cumulative, numbers.fractions(spec.packets) * cumulative[-1], side="right")
    window = np.arange(spec.packets, dtype=np.int64) * (spec.flows - active) // spec.packets
    return np.asarray(window + np.minimum(rank, active - 1), dtype=np.int64)


def _opening_positions(spec: TrafficSpec, eligible: Bool, numbers: Numbers) -> I64:
    """Positions, one per flow and in the order of flows, which make sure that each flow occurs.

    With churn, the position of a flow lies about where its window is.
    """
    positions = np.flatnonzero(eligible)
    if len(positions) < spec.flows:
        raise InputError(
            f"{spec.flows} flows need at least as many packets that can open them, but there are only {len(positions)}",
            hint="ask for more packets, or for fewer flows, unknown or odd frames",
        )
    if spec.active in (0, spec.flows):
        return numbers.choose(positions, spec.flows)
    return positions[np.arange(spec.flows) * len(positions) // spec.flows]


def _times(spec: TrafficSpec) -> I64:
    index = np.arange(spec.packets, dtype=np.int64)
    pauses = (index * (spec.gaps + 1) // spec.packets) * spec.gap_us
    return np.asarray(FIRST_TIME_US + index * 1_000_000 // spec.rate + pauses)


def _headers(spec: TrafficSpec, schedule: _Schedule, numbers: Numbers) -> Headers:
    flows = _draw_flows(spec, spec.flows, numbers)
    strangers = _draw_strangers(spec, int(np.count_nonzero(schedule.stranger)), flows, numbers)
    index = _index(spec, schedule)

    def column(name: str) -> I64:
        return np.asarray(np.concatenate((getattr(flows, name), getattr(strangers, name)))[index])

    def either(host: I64, server: I64) -> I64:
        return np.where(schedule.answering, server, host)

    host, server, host_port, server_port = (column(n) for n in ("src_ip", "dst_ip", "src_port", "dst_port"))
    server_port[schedule.scan] = 1 + numbers.below(0xFFFF, int(np.count_nonzero(schedule.scan)))
    port = np.where(schedule.answering, 1 - _host_port(spec), _host_port(spec))
    if spec.macs == "host":
        host_mac, server_mac = HOST_MACS + host, HOST_MACS + server
    else:
        ends = np.asarray(PORT_MACS, dtype=np.int64)[[_host_port(spec), 1 - _host_port(spec)]]
        host_mac, server_mac = (np.broadcast_to(mac, port.shape) for mac in ends)
    return Headers(
        port=port,
        src_mac=either(host_mac, server_mac),
        dst_mac=either(server_mac, host_mac),
        src_ip=either(host, server),
        dst_ip=either(server, host),
        src_port=either(host_port, server_port),
        dst_port=either(server_port, host_port),
        protocol=column("protocol"),
        number=np.arange(spec.packets, dtype=np.int64),
    )


def _index(spec: TrafficSpec, schedule: _Schedule) -> I64:
    """Per packet its flow, where those of strangers are numbered behind the others."""
    return np.where(schedule.stranger, schedule.flow + spec.flows, schedule.flow)


def _host_port(spec: TrafficSpec) -> int:
    return LAN if spec.opener == "lan" else WAN


def _draw_flows(spec: TrafficSpec, count: int, numbers: Numbers) -> _Flows:
    """``count`` flows that differ in (src_ip, src_port)."""
    hosts = {"one-slash-16": 1 << 16, "one-slash-24": 1 << 8}.get(spec.distribution, 1 << 24)
    ports = 0x10000 - 1024
    source = np.empty(0, dtype=np.int64)  # host * ports + port
    while len(source) < count:
        more = numbers.below(hosts, count) * ports + numbers.below(ports, count)
        source = np.concatenate((source, more))
        source = source[np.sort(np.unique(source, return_index=True)[1])]
    source = source[:count]
    prefix = 0x0A010200 if spec.distribution == "one-slash-24" else 0x0A010000 if hosts < 1 << 24 else 0x0A000000
    return _Flows(
        src_ip=prefix + source // ports,
        dst_ip=_servers(spec, count, numbers),
        src_port=1024 + source % ports,
        dst_port=np.asarray((80, 443, 53, 8080), dtype=np.int64)[numbers.below(4, count)],
        protocol=np.where(numbers.below(2, count) == 1, TCP, UDP),
    )


def _draw_strangers(spec: TrafficSpec, count: int, flows: _Flows, numbers: Numbers) -> _Flows:
    """Flows that no host opens: to the hosts of ``flows``, from ports that no server has."""
    chosen = numbers.below(spec.flows, count)
    return _Flows(
        src_ip=flows.src_ip[chosen],
        dst_ip=_servers(spec, count, numbers),
        src_port=flows.src_port[chosen],
        dst_port=10_000 + numbers.below(50_000, count),
        protocol=flows.protocol[chosen],
    )


def _servers(spec: TrafficSpec, count: int, numbers: Numbers) -> I64:
    """Addresses from 16.0.0.0 up to multicast, away from the hosts' 10/8."""
    if spec.servers:
        return np.asarray(0x10000001 + numbers.below(spec.servers, count), dtype=np.int64)
    return np.asarray(0x10000000 + numbers.below(0xD0000000, count), dtype=np.int64)


def _pcap(headers: Headers, kinds: I64, ipv6: Bool, sizes: I64, times: I64, port: int) -> bytes:
    """The file of one port."""
    here = np.flatnonzero(headers.port == port)
    mine, kinds, sizes, times = headers.at(here), kinds[here], sizes[here], times[here]
    single = (kinds >= 0) | ipv6[here]
    one_by_one = _odd_frames(mine, kinds, sizes, np.flatnonzero(single))
    lengths = sizes.copy()
    for i, frame in one_by_one.items():
        lengths[i] = len(frame)

    ends = np.cumsum(lengths + _RECORD_HEADER)
    starts = ends - lengths - _RECORD_HEADER
    records = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    stamps = np.column_stack((times // 1_000_000, times % 1_000_000, lengths, lengths)).astype("<u4").view(np.uint8)
    for size in np.unique(sizes):
        plain = np.flatnonzero((sizes == size) & ~single)
        for chunk in _chunks(plain):
            rows: U8 = np.hstack((stamps[chunk], build(mine.at(chunk), int(size))))
            records[starts[chunk][:, None] + np.arange(rows.shape[1])] = rows
    for i, frame in one_by_one.items():
        record = stamps[i].tobytes() + frame
        records[starts[i] : ends[i]] = np.frombuffer(record, dtype=np.uint8)
    header = struct.pack("<IHHiIII", MAGIC_MICROSECONDS, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)
    return header + records.tobytes()


def _odd_frames(headers: Headers, kinds: I64, sizes: I64, chosen: I64) -> dict[int, bytes]:
    """By position in ``headers``: an odd frame of its kind, or with -1 one over IPv6, made of a plain one."""
    plain_sizes = np.where(kinds[chosen] >= 0, sizes[chosen], np.minimum(sizes[chosen], MAX_FRAME - LONGER))
    makers = (*odd.KINDS.values(), over_ipv6)  # -1: the last
    frames = {}
    for size in np.unique(plain_sizes):
        for chunk in _chunks(chosen[plain_sizes == size]):
            for i, row in zip(chunk.tolist(), build(headers.at(chunk), int(size)), strict=True):
                frames[i] = makers[kinds[i]](row.tobytes())
    return frames


def _chunks(positions: I64) -> list[I64]:
    """In parts, so that frames do not all lie in memory at once."""
    return list(np.split(positions, range(_CHUNK, len(positions), _CHUNK)))
