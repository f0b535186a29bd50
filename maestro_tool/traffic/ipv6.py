"""Plain frames over IPv6 instead of IPv4: the same flows under other addresses."""

from __future__ import annotations

import struct
from typing import Final

from maestro_tool.traffic.odd import checksum

#: By how much the header is longer, in bytes.
LONGER: Final = 20

_ETHERNET, _IPV4 = 14, 20
_TCP, _HOP_LIMIT = 6, 64
_SITE: Final = bytes.fromhex("20010db8")  # 2001:db8::/32, for documentation (RFC 3849)


def over_ipv6(frame: bytes) -> bytes:
    """A plain TCP or UDP frame over IPv6, `LONGER` bytes longer; its checksum is right."""
    protocol, body = frame[23], frame[_ETHERNET + _IPV4 :]
    addresses = address(frame[26:30]) + address(frame[30:34])
    place = 16 if protocol == _TCP else 6
    pseudo = addresses + struct.pack(">II", len(body), protocol)
    total = checksum(pseudo + body[:place] + bytes(2) + body[place + 2 :]) or 0xFFFF  # RFC 8200: never 0 in UDP
    header = struct.pack(">IHBB", 6 << 28, len(body), protocol, _HOP_LIMIT)
    body = body[:place] + struct.pack(">H", total) + body[place + 2 :]
    return frame[:12] + b"\x86\xdd" + header + addresses + body


def address(ipv4: bytes) -> bytes:
    """Hosts of one /16 are in one /48, those of one /24 in one /64; the last 32 bits are the IPv4 address."""
    return _SITE + ipv4[:2] + ipv4[2:3] + bytes(5) + ipv4
