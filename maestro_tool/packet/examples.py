"""Frames of each class, tried before z3 is asked for one: most of what NFs do with a class, they do with these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from maestro_tool.packet.classes import (
    CLASSES,
    ETHER_TYPES,
    ETHERNET_LENGTH,
    IPV6_FRAGMENT_HEADER,
    IPV6_LENGTH,
    PROTOCOL_AT,
    TCP,
    UDP,
    VLAN_TYPES,
    PacketClass,
)
from maestro_tool.packet.fields import Family

#: Of what follows an IP header: room for any transport's.
_PAYLOAD = 20
_OTHER_PROTOCOL = 1
_ARP = 0x0806
_MORE_FRAGMENTS = 0x20


@cache
def of_classes() -> Mapping[str, tuple[bytes, ...]]:
    """Frames by class."""
    return MappingProxyType({name: tuple(_frames(kind)) for name, kind in CLASSES.items()})


def _frames(kind: PacketClass) -> Iterator[bytes]:
    match kind:
        case PacketClass(family=4 | 6 as family, fragment=True):
            yield from (_ip(family, t.number, fragment=True) for t in (TCP, UDP))
        case PacketClass(family=4 | 6 as family):
            number = _OTHER_PROTOCOL if kind.transport is None else kind.transport.number
            yield _ip(family, number, words=6 if kind.options else 5)
        case PacketClass(name="vlan"):
            yield _ethernet(VLAN_TYPES[0])
        case PacketClass(name="non_ip"):
            yield _ethernet(_ARP)
        case PacketClass(name="malformed"):
            yield from (_ip(family, t.number, excess=1) for family in ETHER_TYPES for t in (TCP, UDP))


def _ethernet(ether_type: int) -> bytes:
    return bytes(12) + ether_type.to_bytes(2, "big") + bytes(46)


def _ip(family: Family, protocol: int, *, words: int = 5, fragment: bool = False, excess: int = 0) -> bytes:
    """``excess``: bytes that the header tells of and the frame has not."""
    header = 4 * words if family == 4 else IPV6_LENGTH - ETHERNET_LENGTH
    frame = bytearray(_ethernet(ETHER_TYPES[family])[:ETHERNET_LENGTH] + bytes(header + _PAYLOAD))
    frame[PROTOCOL_AT[family]] = protocol
    if family == 4:
        frame[14] = 0x40 | words
        frame[16:18] = (header + _PAYLOAD + excess).to_bytes(2, "big")
        frame[20] = _MORE_FRAGMENTS if fragment else 0
    else:
        frame[14] = 0x60
        frame[18:20] = (_PAYLOAD + excess).to_bytes(2, "big")
        if fragment:
            frame[PROTOCOL_AT[6]] = IPV6_FRAGMENT_HEADER
    return bytes(frame)
