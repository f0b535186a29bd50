"""What our NFs should do, written once more and independently: plain Python over bytes, from docs/nfs.md.

A model says for each packet, in order of time, where it is sent and, if the NF changes it, as which frame.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from model_tables import Indices, Sketch, crc32c, forget, maglev_rows, use

LAN, WAN = 0, 1


@dataclass(frozen=True, slots=True)
class Sent:
    """The packet leaves on ``ports`` as ``frame``."""

    ports: tuple[int, ...]
    frame: bytes


#: None: dropped.  A port: sent there as it came.
Verdict = int | Sent | None


@dataclass(frozen=True, slots=True)
class Packet:
    """``time`` in nanoseconds."""

    time: int
    port: int
    frame: bytes


#: Bytes; shorter frames have no Ethernet header and never reach the NF (docs/guarantees.md).
SHORTEST = 14


def is_ipv4(frame: bytes) -> bool:
    return len(frame) >= 34 and frame[12:14] == b"\x08\x00"


def has_ports(frame: bytes) -> bool:
    return is_ipv4(frame) and len(frame) >= 38 and frame[23] in (6, 17)


def nop(packets: Iterable[Packet]) -> Iterator[Verdict]:
    for packet in packets:
        yield {LAN: WAN, WAN: LAN}[packet.port] if len(packet.frame) >= SHORTEST else None


def fw(packets: Iterable[Packet], *, expire_us: int, max_flows: int) -> Iterator[Verdict]:
    """The stateful firewall."""
    last_seen: OrderedDict[bytes, int] = OrderedDict()  # oldest first
    for packet in packets:
        forget(last_seen, packet.time - expire_us * 1000)
        frame = packet.frame
        if not has_ports(frame):
            yield None
            continue
        inside, outside = frame[26:30] + frame[34:36], frame[30:34] + frame[36:38]
        if packet.port == WAN:
            inside, outside = outside, inside
        flow = inside + outside + frame[23:24]
        known = flow in last_seen
        if known or (packet.port == LAN and len(last_seen) < max_flows):
            use(last_seen, flow, packet.time)
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
        if not is_ipv4(frame):
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


def sbridge(packets: Iterable[Packet], *, entries: Mapping[bytes, int], ports: int = 2) -> Iterator[Verdict]:
    """The static bridge."""
    for packet in packets:
        if len(packet.frame) < SHORTEST or packet.frame[:6] == b"\x01\x80\xc2\0\0\0":
            yield None
        else:
            yield bridged(packet, entries.get(packet.frame[:6]), ports)


def bridge(packets: Iterable[Packet], *, expire_us: int, capacity: int, ports: int = 2) -> Iterator[Verdict]:
    """The learning bridge."""
    last_seen: OrderedDict[bytes, int] = OrderedDict()
    port_of: dict[bytes, int] = {}
    for packet in packets:
        frame = packet.frame
        if len(frame) < SHORTEST:
            yield None
            continue
        for address in forget(last_seen, packet.time - expire_us * 1000):
            del port_of[address]
        source = frame[6:12]
        if source[0] & 1 == 0 and (source in last_seen or len(last_seen) < capacity):
            use(last_seen, source, packet.time)
            port_of[source] = packet.port
        yield bridged(packet, port_of.get(frame[:6]), ports)


def bridged(packet: Packet, port: int | None, ports: int) -> Verdict:
    """``port`` None: the address is unknown, so the frame leaves on all other ports."""
    if port is None:
        return Sent(tuple(p for p in range(ports) if p != packet.port), packet.frame)
    return None if port == packet.port else port


def nat(
    packets: Iterable[Packet], *, expire_us: int, max_flows: int, start_port: int = 1024, address: bytes = b"\xc0\0\2\1"
) -> Iterator[Verdict]:
    """The NAT."""
    last_used: OrderedDict[bytes, int] = OrderedDict()  # key: protocol, LAN end, remote end
    port_of: dict[bytes, int] = {}  # its external port
    flow_at: dict[int, bytes] = {}  # by external port
    indices = Indices(max_flows)
    for packet in packets:
        frame = packet.frame
        if len(frame) >= SHORTEST:
            for flow in forget(last_used, packet.time - expire_us * 1000):
                port = port_of.pop(flow)
                del flow_at[port]
                indices.free(port - start_port)
        if not has_ports(frame) or frame[14] != 0x45 or frame[20] & 0x3F or frame[21]:
            yield None
            continue
        if len(frame) < (54 if frame[23] == 6 else 42):
            yield None
            continue
        protocol, source, destination = frame[23:24], frame[26:30] + frame[34:36], frame[30:34] + frame[36:38]
        if packet.port == LAN:
            flow = protocol + source + destination
            if flow not in port_of:
                index = indices.take()
                if index is None:
                    yield None
                    continue
                port_of[flow] = start_port + index
                flow_at[start_port + index] = flow
            use(last_used, flow, packet.time)
            yield Sent((WAN,), with_end(frame, 26, 34, address + port_of[flow].to_bytes(2, "big")))
            continue
        found = flow_at.get(int.from_bytes(destination[4:], "big"))
        if found is None or destination[:4] != address or found[0:1] + found[7:13] != protocol + source:
            yield None
            continue
        use(last_used, found, packet.time)
        yield Sent((LAN,), with_end(frame, 30, 36, found[1:7]))


def with_end(frame: bytes, ip: int, port: int, end: bytes) -> bytes:
    """Another address at byte ``ip`` and port at byte ``port``; checksums that were right, or wrong, stay so."""
    changed = bytearray(frame)
    changed[ip : ip + 4], changed[port : port + 2] = end[:4], end[4:]
    ip_difference = words(frame[ip : ip + 4]) - words(end[:4])
    difference = ip_difference + words(frame[port : port + 2]) - words(end[4:])
    add_to_checksum(changed, 24, ip_difference)
    if frame[23] == 6:
        add_to_checksum(changed, 50, difference)
    elif frame[40:42] != b"\0\0":  # the sender computed one
        add_to_checksum(changed, 40, difference)
        if changed[40:42] == b"\0\0":
            changed[40:42] = b"\xff\xff"
    return bytes(changed)


def add_to_checksum(frame: bytearray, at: int, difference: int) -> None:
    """A checksum is the sum's complement: it grows when the sum shrinks, modulo 65535.  It is never 65535 itself."""
    frame[at : at + 2] = ((words(frame[at : at + 2]) + difference) % 0xFFFF).to_bytes(2, "big")


def words(data: bytes) -> int:
    return sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))


def psd(packets: Iterable[Packet], *, expire_us: int, max_ports: int, capacity: int) -> Iterator[Verdict]:
    """The port-scan detector."""
    last_seen: OrderedDict[bytes, int] = OrderedDict()
    tried: dict[bytes, set[bytes]] = {}
    for packet in packets:
        frame = packet.frame
        if packet.port == LAN:
            yield WAN if len(frame) >= SHORTEST else None
            continue
        for source in forget(last_seen, packet.time - expire_us * 1000):
            del tried[source]
        if not has_ports(frame):
            yield None
            continue
        source, port = frame[26:30], frame[36:38]
        if source not in tried and len(tried) == capacity:
            yield None
            continue
        ports = tried.setdefault(source, set())
        use(last_seen, source, packet.time)
        passes = port in ports or len(ports) < max_ports
        if passes:
            ports.add(port)
        yield LAN if passes else None


def hhh(
    packets: Iterable[Packet], *, rate: int, burst: int, capacity: int, lengths: tuple[int, ...] = (28, 30, 32)
) -> Iterator[Verdict]:
    """The limiter of heavy hitters, with exact fractions of bytes."""
    levels = [OrderedDict[int, int]() for _ in lengths]  # prefix -> when it was used last
    tokens = [dict[int, Fraction]() for _ in lengths]
    full_after = burst * 10**9 // rate + 1
    for packet in packets:
        frame = packet.frame
        if packet.port == LAN:
            yield WAN if len(frame) >= SHORTEST else None
            continue
        if not is_ipv4(frame):
            yield None
            continue
        passes = True
        for length, last_used, bucket in zip(lengths, levels, tokens, strict=True):
            for prefix in forget(last_used, packet.time - full_after):
                del bucket[prefix]
            prefix = int.from_bytes(frame[26:30], "big") >> (32 - length)
            if prefix not in bucket and len(bucket) == capacity:
                passes = False
                break
            held = bucket.get(prefix, Fraction(burst))
            held = min(Fraction(burst), held + Fraction(rate * (packet.time - last_used.get(prefix, 0)), 10**9))
            passes = held >= len(frame)
            bucket[prefix] = held - len(frame) if passes else held
            use(last_used, prefix, packet.time)
            if not passes:
                break
        yield LAN if passes else None


def cl(
    packets: Iterable[Packet], *, expire_us: int, max_flows: int, max_connections: int, sketch_capacity: int
) -> Iterator[Verdict]:
    """The connection limiter."""
    last_seen: OrderedDict[bytes, int] = OrderedDict()
    sketch = Sketch(sketch_capacity, max_connections - 2)
    for packet in packets:
        frame = packet.frame
        if packet.port == LAN:
            yield WAN if len(frame) >= SHORTEST else None
            continue
        forget(last_seen, packet.time - expire_us * 1000)
        sketch.expire(packet.time - expire_us * 1000)
        if not has_ports(frame):
            yield None
            continue
        flow, values = frame[23:24] + frame[26:38], sketch.values(frame[26:34])
        sketch.refresh(values, packet.time)
        known = flow in last_seen
        if not known and (sketch.above(values) or len(last_seen) == max_flows):
            yield None
            continue
        if not known:
            sketch.touch(values, packet.time)
        use(last_seen, flow, packet.time)
        yield LAN


def lb(
    packets: Iterable[Packet], *, expire_us: int, max_flows: int, max_backends: int = 32, cht_height: int = 1009,
    backend_expire_us: int = 10_000_000,
) -> Iterator[Verdict]:  # fmt: skip
    """The load balancer."""
    preferences = maglev_rows(cht_height, max_backends)
    flow_seen: OrderedDict[bytes, int] = OrderedDict()
    backend_of: dict[bytes, int] = {}
    backend_seen: OrderedDict[bytes, int] = OrderedDict()
    index_of: dict[bytes, int] = {}
    indices = Indices(max_backends)
    for packet in packets:
        frame = packet.frame
        if len(frame) < SHORTEST:
            yield None
            continue
        for flow in forget(flow_seen, packet.time - expire_us * 1000):
            del backend_of[flow]
        for address in forget(backend_seen, packet.time - backend_expire_us * 1000):
            indices.free(index_of.pop(address))
        if packet.port == LAN:
            address = frame[6:12]
            if address[0] & 1 == 0:
                if address not in index_of and (index := indices.take()) is not None:
                    index_of[address] = index
                if address in index_of:
                    use(backend_seen, address, packet.time)
            yield WAN
            continue
        if not has_ports(frame):
            yield None
            continue
        flow = frame[23:24] + frame[26:38]
        address_of = {index: address for address, index in index_of.items()}
        if flow in backend_of:
            use(flow_seen, flow, packet.time)
        if backend_of.get(flow) not in address_of:
            ports = frame[36:38] + frame[34:36]  # one word, the source's in its upper half, in memory
            row = crc32c(frame[26:34] + ports + bytes((frame[23], 0, 0, 0))) % cht_height
            living = [backend for backend in preferences[row] if backend in address_of]
            if not living:
                yield None
                continue
            if flow in backend_of or len(backend_of) < max_flows:
                use(flow_seen, flow, packet.time)
                backend_of[flow] = living[0]
            backend = living[0]
        else:
            backend = backend_of[flow]
        yield Sent((LAN,), address_of[backend] + frame[6:])
