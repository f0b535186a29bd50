"""Frames that are not plain TCP or UDP over IPv4, each made out of a plain one.

Where it can be, the *NF's view* (docs/architecture.md) of such a frame is that of a flow and of its replies,
so that the frame meets the state of other packets although a NIC sees something else in it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_ETHERNET = 14
_IPV4 = 20


def _ipv4(
    frame: bytes, *, options: bytes = b"", protocol: int | None = None, fragment: int = 0, payload: bytes | None = None
) -> bytes:
    """``frame`` with another IPv4 header; its total length and checksum are right."""
    header = bytearray(frame[_ETHERNET : _ETHERNET + _IPV4] + options)
    body = frame[_ETHERNET + _IPV4 :] if payload is None else payload
    header[0] = 0x40 | len(header) // 4
    struct.pack_into(">H", header, 2, len(header) + len(body))
    struct.pack_into(">H", header, 6, fragment)
    if protocol is not None:
        header[9] = protocol
    struct.pack_into(">H", header, 10, 0)
    struct.pack_into(">H", header, 10, checksum(bytes(header)))
    return frame[:_ETHERNET] + bytes(header) + body


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071) of ``data``."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _first_fragment(frame: bytes) -> bytes:
    return _ipv4(frame, fragment=0x2000)


def _later_fragment(frame: bytes) -> bytes:
    # The L4 header stays where it was: payload to a NIC, ports to the NF.
    return _ipv4(frame, fragment=0x0003)


def _options(frame: bytes) -> bytes:
    # Four NOPs: the NF reads them as two equal ports, so the frame and its reply are one flow to it.
    return _ipv4(frame, options=b"\x01" * 4)


def _icmp(frame: bytes) -> bytes:
    body = b"\x08\x00\x00\x00" + frame[_ETHERNET + 24 :]
    return _ipv4(frame, protocol=1, payload=body[:2] + struct.pack(">H", checksum(body)) + body[4:])


def _sctp(frame: bytes) -> bytes:
    return _ipv4(frame, protocol=132)


def _gre(frame: bytes) -> bytes:
    return _ipv4(frame, protocol=47)


def _vlan(frame: bytes) -> bytes:
    return frame[:12] + b"\x81\x00\x00\x2a" + frame[12:]


def _ipv6(frame: bytes) -> bytes:
    protocol, addresses, body = frame[23], frame[26:34], frame[34:]
    prefix = bytes.fromhex("20010db8") + bytes(8)
    header = struct.pack(">IHBB", 6 << 28, len(body), protocol, 64)
    return frame[:12] + b"\x86\xdd" + header + prefix + addresses[:4] + prefix + addresses[4:] + body


def _arp(frame: bytes) -> bytes:
    request = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + frame[6:12] + frame[26:30] + bytes(6) + frame[30:34]
    return b"\xff" * 6 + frame[6:12] + b"\x08\x06" + request + bytes(18)


def _unknown_ether_type(frame: bytes) -> bytes:
    return frame[:12] + b"\x88\xb5" + frame[14:]  # local experimental EtherType (IEEE 802)


def _no_ethernet(frame: bytes) -> bytes:
    return frame[:13]


def _no_ipv4(frame: bytes) -> bytes:
    return frame[:33]


def _no_ports(frame: bytes) -> bytes:
    return frame[:37]


def _only_ports(frame: bytes) -> bytes:
    return frame[:38]


def _header_length_too_small(frame: bytes) -> bytes:
    return frame[:14] + b"\x44" + frame[15:]


def _total_length_too_large(frame: bytes) -> bytes:
    return frame[:16] + b"\xff\xff" + frame[18:]


#: Kind of odd frame -> how to make it out of a plain one.
KINDS: dict[str, Callable[[bytes], bytes]] = {
    "first-fragment": _first_fragment,
    "later-fragment": _later_fragment,
    "options": _options,
    "icmp": _icmp,
    "sctp": _sctp,
    "gre": _gre,
    "vlan": _vlan,
    "ipv6": _ipv6,
    "arp": _arp,
    "unknown-ether-type": _unknown_ether_type,
    "no-ethernet": _no_ethernet,
    "no-ipv4": _no_ipv4,
    "no-ports": _no_ports,
    "only-ports": _only_ports,
    "header-length-too-small": _header_length_too_small,
    "total-length-too-large": _total_length_too_large,
}
