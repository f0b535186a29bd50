"""Packet classes: an ordered partition of all frames by how NICs tell them apart, and the NF's view.

`classify` is the concrete function, `predicate` the same for z3; the C twin is ``maestro_classify`` of
the runtime, with the same order as ``enum maestro_class``.  docs/architecture.md defines both notions.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import TRUE, binary, compare, concat, const, eq, extract, land, lnot, lor, sym, zext
from maestro_tool.packet.fields import L3_VIEW_LENGTH, L4_VIEW_LENGTH

View = Literal["l4", "l3"]

CLASSES: Final[tuple[str, ...]] = (
    "tcp4", "udp4", "sctp4", "ipv4_other",
    "tcp4_options", "udp4_options", "sctp4_options", "ipv4_options_other",
    "ipv4_fragment",
    "tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment",
    "vlan", "non_ip", "malformed",
)  # fmt: skip

#: Views that frames of a class can have (proved in tests/unit/packet); None: no field of the view exists.
VIEWS_OF: Final[dict[str, tuple[View | None, ...]]] = {
    **dict.fromkeys(("tcp4", "udp4", "tcp4_options", "udp4_options"), ("l4",)),
    **dict.fromkeys(("sctp4", "ipv4_other", "sctp4_options", "ipv4_options_other"), ("l3",)),
    "ipv4_fragment": ("l4", "l3"),
    **dict.fromkeys(("tcp6", "udp6", "sctp6", "ipv6_other", "ipv6_fragment", "vlan", "non_ip"), (None,)),
    "malformed": ("l4", "l3", None),
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
        if length < IPV6_LENGTH:
            return "malformed"
        if frame[20] == IPV6_FRAGMENT_HEADER:
            return "ipv6_fragment"
        return f"{L4_PROTOCOLS[frame[20]]}6" if frame[20] in L4_PROTOCOLS else "ipv6_other"
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


def view(frame: bytes) -> View | None:
    """Which fields the NF's view of ``frame`` has: l4 (addresses and ports), l3 (addresses), or none."""
    if len(frame) < L3_VIEW_LENGTH or int.from_bytes(frame[12:14], "big") != IPV4:
        return None
    return "l4" if frame[23] in (6, 17) and len(frame) >= L4_VIEW_LENGTH else "l3"


def predicate(name: str, prefix: str = "") -> Expr:
    """`classify` as a Boolean over the symbols ``<prefix>pkt.N`` (8 bits) and ``<prefix>pkt_len`` (16 bits).

    KeyError if there is no such class.  Bytes at and beyond the length are unconstrained and irrelevant.
    """
    return _predicates(prefix).of[name]


def view_predicate(name: View | None, prefix: str = "") -> Expr:
    """The frame offers the fields of this view: "l3" also holds for frames that offer "l4"; None for neither."""
    p = _predicates(prefix)
    ipv4 = land(p.at_least(L3_VIEW_LENGTH), eq(p.ether_type, const(IPV4, 16)))
    if name is None:
        return lnot(ipv4)
    if name == "l3":
        return ipv4
    tcp_or_udp = lor(eq(p.byte(23), const(6, 8)), eq(p.byte(23), const(17, 8)))
    return land(ipv4, land(tcp_or_udp, p.at_least(L4_VIEW_LENGTH)))


def exact_view_predicate(name: View | None, prefix: str = "") -> Expr:
    """`view` returns exactly ``name``: the three of them partition all frames."""
    offered = view_predicate(name, prefix)
    return land(offered, lnot(view_predicate("l4", prefix))) if name == "l3" else offered


@cache
def _predicates(prefix: str) -> _Predicates:
    return _Predicates(prefix)


class _Predicates:
    """All predicates of one packet, whose symbols start with ``prefix``."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._length = sym(f"{prefix}pkt_len", 16)
        self.ether_type = concat(self.byte(12), self.byte(13))
        self.of: dict[str, Expr] = {}
        self._define()

    def byte(self, n: int) -> Expr:
        return sym(f"{self._prefix}pkt.{n}", 8)

    def at_least(self, n: int) -> Expr:
        return compare("uge", self._length, const(n, 16))

    def _define(self) -> None:
        ethernet = self.at_least(ETHERNET_LENGTH)
        vlan = ipv4 = ipv6 = lnot(TRUE)
        for t in VLAN_TYPES:
            vlan = lor(vlan, eq(self.ether_type, const(t, 16)))
        ipv4 = land(ethernet, eq(self.ether_type, const(IPV4, 16)))
        ipv6 = land(land(ethernet, eq(self.ether_type, const(IPV6, 16))), self.at_least(IPV6_LENGTH))
        self._define_ipv4(ipv4)
        next_header = self.byte(20)
        other = lnot(eq(next_header, const(IPV6_FRAGMENT_HEADER, 8)))
        self.of["ipv6_fragment"] = land(ipv6, lnot(other))
        for number, protocol in L4_PROTOCOLS.items():
            is_protocol = eq(next_header, const(number, 8))
            self.of[f"{protocol}6"] = land(ipv6, is_protocol)
            other = land(other, lnot(is_protocol))
        self.of["ipv6_other"] = land(ipv6, other)
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
