"""Packets of other links than Ethernet as Ethernet frames: for those who ask about headers, but not about cards."""

from __future__ import annotations

from typing import Final

from maestro_tool.traffic.records import ETHERNET

_NULL, _LOOP, _SLL, _SLL2 = 0, 108, 113, 276
#: Raw IP; 12 and 14 are what some systems wrote for it.
_RAW: Final = (101, 12, 14, 228, 229)
_NAMES: Final = {
    **dict.fromkeys(_RAW, "raw IP"),
    _NULL: "NULL/loopback",
    _LOOP: "OpenBSD loopback",
    _SLL: "Linux cooked (SLL)",
    _SLL2: "Linux cooked v2 (SLL2)",
    9: "PPP",
    105: "IEEE 802.11",
    127: "radiotap",
    220: "USB",
}

_NOBODY: Final = bytes(6)
_IP: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
#: Address families of IPv4 and IPv6, as BSDs, macOS and Linux number them.
_FAMILIES: Final = {2: b"\x08\x00", **dict.fromkeys((10, 24, 28, 30), b"\x86\xdd")}


def name(kind: int) -> str:
    return f"link type {kind} ({_NAMES[kind]})" if kind in _NAMES else f"link type {kind}"


def refusal(kind: int) -> str:
    return f"link type {kind} is not Ethernet ({ETHERNET})" + (f", but {_NAMES[kind]}" if kind in _NAMES else "")


def as_ethernet(kind: int, packet: bytes) -> tuple[bytes, int] | None:
    """The packet behind a made-up Ethernet header, and how many bytes longer that is (it may be shorter).

    None: this kind of link is not known, or the packet has not even its header.
    """
    if kind in _RAW:
        ether_type = _IP.get(packet[0] >> 4) if packet else None
        return None if ether_type is None else (_NOBODY + _NOBODY + ether_type + packet, 14)
    if kind in (_NULL, _LOOP) and len(packet) >= 4:
        # NULL has the byte order of the machine that captured, which need not be the file's.
        families = (int.from_bytes(packet[:4], order) for order in ("little", "big"))
        ether_type = next((_FAMILIES[family] for family in families if family in _FAMILIES), None)
        return None if ether_type is None else (_NOBODY + _NOBODY + ether_type + packet[4:], 10)
    if kind == _SLL and len(packet) >= 16:
        source = packet[6:12] if packet[4:6] == b"\x00\x06" else _NOBODY
        return _NOBODY + source + packet[14:], -2
    if kind == _SLL2 and len(packet) >= 20:
        source = packet[12:18] if packet[11] == 6 else _NOBODY
        return _NOBODY + source + packet[:2] + packet[20:], -6
    return None
