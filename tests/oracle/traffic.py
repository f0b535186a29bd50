"""Adversarial traffic: few values that collide in parts, replies to what was sent, odd frames, times around limits."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .machine import Arrival, Verdict

#: What generated NFs keep entries for, in ns.
AGE = 1000
#: What bytes of a payload become: few values.
FEW = bytes(n % 4 for n in range(256))
PORTS = (80, 256, 1000, 1023, 1024, 4000, 0x5000, 8001, 80)


@dataclass(frozen=True)
class Pools:
    """The addresses and ports of one run: few, so that packets meet."""

    addresses: tuple[int, ...]
    ports: tuple[int, ...]


def pools(rng: Random) -> Pools:
    """Addresses that agree in prefixes, in suffixes, or in a third of their value, in either byte order."""
    base = rng.choice((0x0A000001, 0x0A000100, 0xC0A80003, 0x00000001, 0x01000000, 0))
    kinds: tuple[Callable[[], int], ...] = (
        lambda: base + rng.randrange(4), lambda: base ^ 1 << rng.randrange(32), lambda: base + (rng.randrange(4) << 24),
        lambda: base ^ rng.randrange(256) << 8, lambda: rng.getrandbits(32), lambda: rng.randrange(64) * 3,
        lambda: (rng.randrange(8) * 3) << 24,
    )  # fmt: skip
    few = rng.choice((2, 4, 8, 16))
    addresses = tuple(rng.choice(kinds)() & 0xFFFFFFFF for _ in range(few))
    return Pools(addresses, tuple(rng.choice(PORTS) for _ in range(rng.choice((1, 2, 4)))))


def ipv4(src: int, dst: int, ports: tuple[int, int], proto: int, rng: Random, **odd: int) -> bytes:
    payload = rng.randbytes(odd.get("payload", rng.choice((16, 16, 16, 8, 40)))).translate(FEW)
    l4 = struct.pack(">HH", *ports) + payload
    header = struct.pack(
        ">BBHHHBBHII", odd.get("version", 0x45), rng.choice((0, 0, 4)), 20 + len(l4), rng.choice((0, 1, 7)),
        odd.get("fragment", 0), rng.choice((64, 64, 63)), proto, 0, src, dst,
    )  # fmt: skip
    macs = bytes((2, 0, 0, 0, 0, rng.randrange(2), 2, 0, 0, 0, 0, rng.randrange(3)))
    return macs + struct.pack(">H", odd.get("ether_type", 0x0800)) + header + l4


def ipv6(src: int, dst: int, ports: tuple[int, int], proto: int, rng: Random) -> bytes:
    """Addresses whose words are the numbers, or 0 or 1."""
    l4 = struct.pack(">HH", *ports) + bytes(rng.choice((16, 16, 8, 0)))
    shape = rng.choice((0, 0, 1))
    addresses = [
        struct.pack(">IIII", a, shape, 0, b) for a, b in ((src, rng.choice((src, 7))), (dst, rng.choice((dst, 7))))
    ]
    header = struct.pack(">IHBB", 6 << 28, len(l4), rng.choice((proto, proto, proto, 58, 44)), 64)
    macs = bytes((2, 0, 0, 0, 0, rng.randrange(2), 2, 0, 0, 0, 0, rng.randrange(3)))
    return macs + b"\x86\xdd" + header + addresses[0] + addresses[1] + l4


def first_frame(p: Pools, rng: Random, six: float) -> bytes:
    if rng.random() < six:
        return ipv6(
            rng.choice(p.addresses),
            rng.choice(p.addresses),
            (rng.choice(p.ports), rng.choice(p.ports)),
            rng.choice((6, 17)),
            rng,
        )
    src, dst = rng.choice(p.addresses), rng.choice(p.addresses)
    ports = rng.choice(p.ports), rng.choice(p.ports)
    proto = rng.choice((6, 6, 6, 17, 17, 17, 1, 132))
    odd: dict[str, int] = {}
    if rng.random() < 0.12:
        odd = rng.choice(({"fragment": 0x2000}, {"fragment": 5}, {"ether_type": 0x8100}, {"ether_type": 0x86DD},
                          {"version": 0x46}, {"version": 0x44}, {"version": 0x65}, {"payload": 0}, {"payload": 1}))  # fmt: skip
    frame = ipv4(src, dst, ports, proto, rng, **odd)
    return frame[: rng.choice((14, 20, 33, 34, 36, 37, 38))] if rng.random() < 0.04 else frame


def reply(frame: bytes) -> bytes:
    """The frame with addresses and ports swapped."""
    if len(frame) < 38:
        return frame
    if frame[12:14] == b"\x86\xdd" and len(frame) >= 58:
        return frame[:22] + frame[38:54] + frame[22:38] + frame[56:58] + frame[54:56] + frame[58:]
    return frame[:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]


def traffic(
    seed: int,
    ports: int,
    dual: bool,
    n: int,
    send: Callable[[Arrival], Verdict],
    stop: type[Exception],
    pool: Pools | None = None,
) -> list[Arrival]:
    """``n`` arrivals, or as many as there are before ``send``, the sequential NF whose frames are replied to, raises ``stop``.

    ``dual``: much of it is IPv6.  ``pool``: addresses and ports, if they are given.  Times fall at, before and behind limits.
    """
    rng = Random(seed)
    drawn, arrivals, sent = pools(rng), [], []
    pool = pool or drawn
    six = rng.choice((0, 0.3, 0.6)) if dual else 0.02
    busy, new = rng.choice((0.02, 0.1, 0.3)), rng.choice((0.3, 0.6, 0.9))
    seen: list[tuple[int, bytes]] = []
    now, stamps = 10_000, [10_000]
    for _ in range(n):
        draw = rng.random()
        if draw < busy:
            limit = rng.choice(stamps[-20:]) + AGE + rng.choice((-1, 0, 1, 1, -300))
            now = max(now, limit) if limit - now < 2 * AGE else now
        elif draw < 0.6:
            now += rng.choice((0, 1, 7, 100))
        device = rng.randrange(ports)
        draw = rng.random()
        if draw < new or not seen:
            frame = first_frame(pool, rng, six)
        elif draw < new + 0.3 * (1 - new) or not sent:
            device, frame = rng.choice(seen)
            if rng.random() < 0.3:
                device, frame = rng.randrange(ports), reply(frame)
        else:
            device, frame = rng.choice(sent[-30:])
            frame = reply(frame) if rng.random() < 0.85 else frame
        arrival = Arrival(device, now, frame)
        try:
            verdict = send(arrival)
        except stop:
            break
        if verdict.output != device:
            out = verdict.output if verdict.output < ports else rng.randrange(ports)
            sent.append((out, verdict.frame))
        arrivals.append(arrival)
        seen.append((device, frame))
        stamps.append(now)
    return arrivals
