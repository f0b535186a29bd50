"""What our NFs should do, written once more and independently: plain Python over bytes, from docs/nfs.md.

A model says for each packet, in order of time, the port it is sent to (None: dropped).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

LAN, WAN = 0, 1

Verdict = int | None


@dataclass(frozen=True, slots=True)
class Packet:
    """``time`` in nanoseconds."""

    time: int
    port: int
    frame: bytes


#: Bytes; shorter frames have no Ethernet header and never reach the NF (docs/guarantees.md).
SHORTEST = 14


def nop(packets: Iterable[Packet]) -> Iterator[Verdict]:
    for packet in packets:
        yield {LAN: WAN, WAN: LAN}[packet.port] if len(packet.frame) >= SHORTEST else None


def fw(packets: Iterable[Packet], *, expire_us: int, max_flows: int) -> Iterator[Verdict]:
    """The stateful firewall."""
    last_seen: OrderedDict[bytes, int] = OrderedDict()  # oldest first
    for packet in packets:
        while last_seen and next(iter(last_seen.values())) < packet.time - expire_us * 1000:
            last_seen.popitem(last=False)
        frame = packet.frame
        if len(frame) < 38 or frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
            yield None
            continue
        inside, outside = frame[26:30] + frame[34:36], frame[30:34] + frame[36:38]
        if packet.port == WAN:
            inside, outside = outside, inside
        flow = inside + outside + frame[23:24]
        known = flow in last_seen
        if known or (packet.port == LAN and len(last_seen) < max_flows):
            last_seen[flow] = packet.time
            last_seen.move_to_end(flow)
            yield LAN if packet.port == WAN else WAN
        else:
            yield None


def pol(packets: Iterable[Packet], *, rate: int, burst: int, capacity: int) -> Iterator[Verdict]:
    """The policer, with exact fractions of bytes."""
    buckets: OrderedDict[bytes, tuple[Fraction, int]] = OrderedDict()  # (bytes, time of it); oldest first
    full_after = burst * 10**9 // rate + 1
    for packet in packets:
        if len(packet.frame) < SHORTEST:
            yield None
            continue
        if packet.port == LAN:
            yield WAN
            continue
        while buckets and next(iter(buckets.values()))[1] < packet.time - full_after:
            buckets.popitem(last=False)
        frame = packet.frame
        if len(frame) < 34 or frame[12:14] != b"\x08\x00":
            yield None
            continue
        destination = frame[30:34]
        if destination not in buckets and len(buckets) == capacity:
            yield None
            continue
        tokens, then = buckets.get(destination, (Fraction(burst), packet.time))
        tokens = min(Fraction(burst), tokens + Fraction(rate * (packet.time - then), 10**9))
        passes = tokens >= len(frame)
        buckets[destination] = (tokens - len(frame) if passes else tokens, packet.time)
        buckets.move_to_end(destination)
        yield LAN if passes else None
