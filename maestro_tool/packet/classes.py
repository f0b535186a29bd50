"""Packet classes: an ordered partition of all frames by how NICs tell them apart, and the NF's view.

`classify` is the concrete function, `predicate` the same for z3; the C twin is ``maestro_classify`` of
the runtime, with the same order as ``enum maestro_class``.  docs/architecture.md defines both notions.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, binary, compare, concat, const, eq, extract, land, lnot, lor, zext
from maestro_tool.expr.symbols import Packet, packet_byte, packet_length
from maestro_tool.packet.fields import (
    L3_VIEW_LENGTH,
    L3_VIEW_LENGTH6,
    L4_VIEW_LENGTH,
    L4_VIEW_LENGTH6,
    Family,
)

View = Literal["l4", "l3", "l4v6", "l3v6"]
#: All views; None: no field of any view exists.
VIEWS: Final[tuple[View | None, ...]] = ("l4", "l3", "l4v6", "l3v6", None)
#: The view with ports, and that with addresses only.
L4: Final[dict[Family, View]] = {4: "l4", 6: "l4v6"}
L3: Final[dict[Family, View]] = {4: "l3", 6: "l3v6"}

CLASSES: Final[tuple[str, ...]] = (
    "tcp4", "udp4", "sctp4", "ipv4_other",
    "tcp4_options", "udp4_options", "sctp4_options", "ipv4_options_other",
    "ipv4_fragment",
    "tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment",
    "vlan", "non_ip", "malformed",
)  # fmt: skip

#: Views that frames of a class can have (proved in tests/unit/packet).
VIEWS_OF: Final[dict[str, tuple[View | None, ...]]] = {
    **dict.fromkeys(("tcp4", "udp4", "tcp4_options", "udp4_options"), ("l4",)),
    **dict.fromkeys(("sctp4", "ipv4_other", "sctp4_options", "ipv4_options_other"), ("l3",)),
    "ipv4_fragment": ("l4", "l3"),
    **dict.fromkeys(("tcp6", "udp6"), ("l4v6",)),
    **dict.fromkeys(("sctp6", "ipv6_other", "ipv6_fragment"), ("l3v6",)),
    **dict.fromkeys(("vlan", "non_ip"), (None,)),
    "malformed": VIEWS,
}

ETHERNET_LENGTH: Final = 14
IPV6_LENGTH: Final = 54  # Ethernet + fixed IPv6 header
IPV4, IPV6 = 0x0800, 0x86DD
VLAN_TYPES: Final = (0x8100, 0x88A8, 0x9100)
L4_PROTOCOLS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
#: Shortest header in bytes (RFC 9293, 768, 9260): whether a NIC still sees L4 in less is anybody's guess.
L4_HEADER: Final = {"tcp": 20, "udp": 8, "sctp": 12}
IPV6_FRAGMENT_HEADER: Final = 44
_FRAGMENT_MASK: Final = 0x3FFF  # more-fragments flag and offset of RFC 791


def classify(frame: bytes) -> str:
    """The one class of ``CLASSES`` that ``frame`` (from its Ethernet header on) belongs to."""
    length = len(frame)
    if length < ETHERNET_LENGTH:
        return "malformed"
    ether_type = int.from_bytes(frame[12:14], "big")
    if ether_type in VLAN_TYPES:
        return "vlan"
    if ether_type == IPV4:
        return _classify_ipv4(frame)
    if ether_type == IPV6:
        return _classify_ipv6(frame)
    return "non_ip"


def _classify_ipv4(frame: bytes) -> str:
    if len(frame) < L3_VIEW_LENGTH:
        return "malformed"
    version, words = frame[14] >> 4, frame[14] & 15
    total_length = int.from_bytes(frame[16:18], "big")
    if version != 4 or words < 5 or not 4 * words <= total_length <= len(frame) - ETHERNET_LENGTH:
        return "malformed"
    if int.from_bytes(frame[20:22], "big") & _FRAGMENT_MASK:
        return "ipv4_fragment"
    protocol = L4_PROTOCOLS.get(frame[23])
    if protocol is None:
        return "ipv4_other" if words == 5 else "ipv4_options_other"
    if total_length < 4 * words + L4_HEADER[protocol]:
        return "malformed"
    return f"{protocol}4" if words == 5 else f"{protocol}4_options"


def _classify_ipv6(frame: bytes) -> str:
    if len(frame) < IPV6_LENGTH:
        return "malformed"
    payload = int.from_bytes(frame[18:20], "big")
    if frame[14] >> 4 != 6 or payload > len(frame) - IPV6_LENGTH:
        return "malformed"
    if frame[20] == IPV6_FRAGMENT_HEADER:
        return "ipv6_fragment"
    protocol = L4_PROTOCOLS.get(frame[20])
    if protocol is None:
        return "ipv6_other"
    return "malformed" if payload < L4_HEADER[protocol] else f"{protocol}6"


def view(frame: bytes) -> View | None:
    """Which fields the NF's view of ``frame`` has: l4, l4v6 (addresses and ports), l3, l3v6 (addresses), or none."""
    ether_type, length = int.from_bytes(frame[12:14], "big"), len(frame)
    if ether_type == IPV4 and length >= L3_VIEW_LENGTH:
        return "l4" if frame[23] in (6, 17) and length >= L4_VIEW_LENGTH else "l3"
    if ether_type == IPV6 and length >= L3_VIEW_LENGTH6:
        return "l4v6" if frame[20] in (6, 17) and length >= L4_VIEW_LENGTH6 else "l3v6"
    return None


def predicate(name: str, packet: Packet = "") -> Expr:
    """`classify` as a Boolean over the symbols `PacketByte` and `PacketLength` of ``packet``.

    KeyError if there is no such class.  Bytes at and beyond the length are unconstrained and irrelevant.
    """
    return _predicates(packet).of[name]


def view_predicate(name: View | None, packet: Packet = "") -> Expr:
    """The frame offers the fields of this view: "l3" also holds for frames that offer "l4"; None for none."""
    p = _predicates(packet)
    if name is None:
        return land(lnot(view_predicate("l3", packet)), lnot(view_predicate("l3v6", packet)))
    ipv6 = name in ("l4v6", "l3v6")
    length, l4_length = (L3_VIEW_LENGTH6, L4_VIEW_LENGTH6) if ipv6 else (L3_VIEW_LENGTH, L4_VIEW_LENGTH)
    addresses = land(p.at_least(length), eq(p.ether_type, const(IPV6 if ipv6 else IPV4, 16)))
    if name in ("l3", "l3v6"):
        return addresses
    protocol = p.byte(20 if ipv6 else 23)
    tcp_or_udp = lor(eq(protocol, const(6, 8)), eq(protocol, const(17, 8)))
    return land(addresses, land(tcp_or_udp, p.at_least(l4_length)))


def exact_view_predicate(name: View | None, packet: Packet = "") -> Expr:
    """`view` returns exactly ``name``: those of all `VIEWS` partition all frames."""
    offered = view_predicate(name, packet)
    more: dict[View | None, View] = {"l3": "l4", "l3v6": "l4v6"}
    return land(offered, lnot(view_predicate(more[name], packet))) if name in more else offered


@cache
def _predicates(packet: Packet) -> _Predicates:
    return _Predicates(packet)


class _Predicates:
    """All predicates of one packet, ``packet`` of a pair or the only one."""

    def __init__(self, packet: Packet) -> None:
        self._packet = packet
        self._length = packet_length(packet)
        self.ether_type = concat(self.byte(12), self.byte(13))
        self.of: dict[str, Expr] = {}
        self._define()

    def byte(self, n: int) -> Expr:
        return packet_byte(n, self._packet)

    def at_least(self, n: int) -> Expr:
        return compare("uge", self._length, const(n, 16))

    def _define(self) -> None:
        ethernet = self.at_least(ETHERNET_LENGTH)
        vlan = lnot(TRUE)
        for t in VLAN_TYPES:
            vlan = lor(vlan, eq(self.ether_type, const(t, 16)))
        self._define_ipv4(land(ethernet, eq(self.ether_type, const(IPV4, 16))))
        self._define_ipv6(land(ethernet, eq(self.ether_type, const(IPV6, 16))))
        self.of["vlan"] = land(ethernet, vlan)
        neither_ip = land(
            lnot(eq(self.ether_type, const(IPV4, 16))),
            lnot(eq(self.ether_type, const(IPV6, 16))),
        )
        self.of["non_ip"] = land(land(ethernet, lnot(vlan)), neither_ip)
        well_formed = lnot(TRUE)
        for p in self.of.values():
            well_formed = lor(well_formed, p)
        self.of["malformed"] = lnot(well_formed)

    def _define_ipv4(self, ipv4: Expr) -> None:
        words = extract(self.byte(14), 3, 0)
        header = binary("shl", zext(words, 16), const(2, 16))
        total_length = concat(self.byte(16), self.byte(17))
        room = binary("sub", self._length, const(ETHERNET_LENGTH, 16))
        sane = land(land(ipv4, self.at_least(L3_VIEW_LENGTH)), eq(extract(self.byte(14), 7, 4), const(4, 4)))
        sane = land(land(sane, compare("uge", words, const(5, 4))), compare("uge", total_length, header))
        sane = land(sane, compare("ule", total_length, room))
        offset = binary("and", concat(self.byte(20), self.byte(21)), const(_FRAGMENT_MASK, 16))
        whole = eq(offset, const(0, 16))
        plain = eq(words, const(5, 4))
        self.of["ipv4_fragment"] = land(sane, lnot(whole))
        other = land(sane, whole)
        for number, protocol in L4_PROTOCOLS.items():
            is_protocol = eq(self.byte(23), const(number, 8))
            has_l4 = compare("uge", total_length, binary("add", header, const(L4_HEADER[protocol], 16)))
            complete = land(land(land(sane, whole), is_protocol), has_l4)
            self.of[f"{protocol}4"] = land(complete, plain)
            self.of[f"{protocol}4_options"] = land(complete, lnot(plain))
            other = land(other, lnot(is_protocol))
        self.of["ipv4_other"] = land(other, plain)
        self.of["ipv4_options_other"] = land(other, lnot(plain))

    def _define_ipv6(self, ipv6: Expr) -> None:
        payload, next_header = concat(self.byte(18), self.byte(19)), self.byte(20)
        room = binary("sub", self._length, const(IPV6_LENGTH, 16))
        sane = land(land(ipv6, self.at_least(IPV6_LENGTH)), eq(extract(self.byte(14), 7, 4), const(6, 4)))
        sane = land(sane, compare("ule", payload, room))
        fragment = eq(next_header, const(IPV6_FRAGMENT_HEADER, 8))
        self.of["ipv6_fragment"] = land(sane, fragment)
        other = land(sane, lnot(fragment))
        for number, protocol in L4_PROTOCOLS.items():
            is_protocol = eq(next_header, const(number, 8))
            has_l4 = compare("uge", payload, const(L4_HEADER[protocol], 16))
            self.of[f"{protocol}6"] = land(land(sane, is_protocol), has_l4)
            other = land(other, lnot(is_protocol))
        self.of["ipv6_other"] = other
