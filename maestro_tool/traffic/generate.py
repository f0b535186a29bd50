"""Makes captures: one pcap file per port, the same bytes for the same `TrafficSpec`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from maestro_tool.diagnostics import InputError
from maestro_tool.traffic import odd
from maestro_tool.traffic.capture import LINKTYPE_ETHERNET, MAGIC_MICROSECONDS, SNAP_LENGTH
from maestro_tool.traffic.frames import TCP, U8, UDP, Bool, Headers, build
from maestro_tool.traffic.numbers import I64, Numbers
from maestro_tool.traffic.spec import TrafficSpec

LAN, WAN = 0, 1

#: Time of the first frame, in microseconds: captures say nothing about when they were made.
FIRST_TIME_US = 1_000_000_000_000_000

_CHUNK = 1 << 15  # frames built at a time: bounds the memory, not the result

_RECORD_HEADER = 16


@dataclass(frozen=True, slots=True)
class _Flows:
    """Flows as their LAN packets name them."""

    src_ip: I64
    dst_ip: I64
    src_port: I64
    dst_port: I64
    protocol: I64


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Per packet, in order of time: ``flow`` (index; of strangers in their own table), the input ``port``,
    whether it belongs to no flow (``stranger``) and which odd kind it is (-1: plain)."""

    flow: I64
    port: I64
    stranger: Bool
    kind: I64


def generate(spec: TrafficSpec) -> dict[int, bytes]:
    """The pcap file of each port.

    Timestamps are whole microseconds and differ over all ports, so that the order of replay is unique.
    """
    numbers = Numbers(spec.seed)
    schedule = _schedule(spec, numbers)
    headers = _headers(spec, schedule, numbers)
    times = _times(spec)
    sizes = np.asarray(spec.sizes, dtype=np.int64)[numbers.below(len(spec.sizes), spec.packets)]
    return {port: _pcap(headers, schedule.kind, sizes, times, port) for port in (LAN, WAN)}


def _schedule(spec: TrafficSpec, numbers: Numbers) -> _Schedule:
    count = spec.packets
    role = numbers.fractions(count)
    is_odd = role < spec.odd
    stranger = (role >= spec.odd) & (role < spec.odd + spec.unknown)
    reply = (role >= spec.odd + spec.unknown) & (role < spec.odd + spec.unknown + spec.replies)

    flow = _popular_flows(spec, numbers)
    openers = _opening_positions(spec, ~is_odd & ~stranger, numbers)
    flow[openers] = np.arange(spec.flows)

    # The first plain packet of a flow comes from the LAN, whatever its role was going to be.
    plain = np.flatnonzero(~is_odd & ~stranger)
    first = plain[np.unique(flow[plain], return_index=True)[1]]
    from_wan = stranger | reply | (is_odd & (numbers.below(2, count) == 1))
    from_wan[first] = False

    flow[stranger] = np.arange(np.count_nonzero(stranger))
    kind = np.where(is_odd, numbers.below(len(odd.KINDS), count), -1)
    return _Schedule(flow, np.where(from_wan, WAN, LAN), stranger, kind)


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
    index = np.where(schedule.stranger, schedule.flow + spec.flows, schedule.flow)
    from_wan = schedule.port == WAN

    def column(name: str) -> I64:
        return np.asarray(np.concatenate((getattr(flows, name), getattr(strangers, name)))[index])

    def either(lan: str, wan: str) -> I64:
        return np.where(from_wan, column(wan), column(lan))

    return Headers(
        port=schedule.port,
        src_ip=either("src_ip", "dst_ip"),
        dst_ip=either("dst_ip", "src_ip"),
        src_port=either("src_port", "dst_port"),
        dst_port=either("dst_port", "src_port"),
        protocol=column("protocol"),
        number=np.arange(spec.packets, dtype=np.int64),
    )


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
        dst_ip=_servers(count, numbers),
        src_port=1024 + source % ports,
        dst_port=np.asarray((80, 443, 53, 8080), dtype=np.int64)[numbers.below(4, count)],
        protocol=np.where(numbers.below(2, count) == 1, TCP, UDP),
    )


def _draw_strangers(spec: TrafficSpec, count: int, flows: _Flows, numbers: Numbers) -> _Flows:
    """Flows that no LAN packet opens: to the hosts of ``flows``, from ports that no server has."""
    chosen = numbers.below(spec.flows, count)
    return _Flows(
        src_ip=flows.src_ip[chosen],
        dst_ip=_servers(count, numbers),
        src_port=flows.src_port[chosen],
        dst_port=10_000 + numbers.below(50_000, count),
        protocol=flows.protocol[chosen],
    )


def _servers(count: int, numbers: Numbers) -> I64:
    """Addresses from 16.0.0.0 up to multicast, away from the LAN's 10/8."""
    return np.asarray(0x10000000 + numbers.below(0xD0000000, count), dtype=np.int64)


def _pcap(headers: Headers, kinds: I64, sizes: I64, times: I64, port: int) -> bytes:
    """The file of one port."""
    here = np.flatnonzero(headers.port == port)
    mine, kinds, sizes, times = headers.at(here), kinds[here], sizes[here], times[here]
    odd_frames = {int(i): _odd_frame(mine, int(i), int(sizes[i]), int(kinds[i])) for i in np.flatnonzero(kinds >= 0)}
    lengths = sizes.copy()
    for i, frame in odd_frames.items():
        lengths[i] = len(frame)

    ends = np.cumsum(lengths + _RECORD_HEADER)
    starts = ends - lengths - _RECORD_HEADER
    records = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    stamps = np.column_stack((times // 1_000_000, times % 1_000_000, lengths, lengths)).astype("<u4").view(np.uint8)
    for size in np.unique(sizes):
        plain = np.flatnonzero((sizes == size) & (kinds < 0))
        for chunk in np.split(plain, range(_CHUNK, len(plain), _CHUNK)):
            rows: U8 = np.hstack((stamps[chunk], build(mine.at(chunk), int(size))))
            records[starts[chunk][:, None] + np.arange(rows.shape[1])] = rows
    for i, frame in odd_frames.items():
        record = stamps[i].tobytes() + frame
        records[starts[i] : ends[i]] = np.frombuffer(record, dtype=np.uint8)
    header = struct.pack("<IHHiIII", MAGIC_MICROSECONDS, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)
    return header + records.tobytes()


def _odd_frame(headers: Headers, i: int, size: int, kind: int) -> bytes:
    plain = build(headers.at(np.asarray([i])), size)[0].tobytes()
    return tuple(odd.KINDS.values())[kind](plain)
