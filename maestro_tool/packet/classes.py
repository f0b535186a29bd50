"""Packet classes: an ordered partition of all frames by how NICs tell them apart, and the NF's view.

`CLASSES` and `FIELDS_OF_VIEW` are the only lists of either: the enum of the runtime (``maestro_classes.h``), what
profiles may name and the tables of the documentation come from them (tests/vocabulary/tables.py).  A class is what its
``predicate`` says; `classify` and ``maestro_classify`` of the runtime are the same for frames that are there, which the
tests compare.
docs/architecture.md defines both notions, docs/maintaining.md says how to add a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import FALSE, TRUE, binary, compare, concat, const, eq, extract, land, lnot, lor, zext
from maestro_tool.expr.symbols import Packet, packet_byte, packet_length
from maestro_tool.packet.fields import (
    ADDRESSES_OF,
    FIELDS,
    FIELDS6,
    HASHABLE_OF,
    L3_VIEW_LENGTH,
    L3_VIEW_LENGTH6,
    L4_VIEW_LENGTH,
    L4_VIEW_LENGTH6,
    Family,
)

FAMILIES: Final[tuple[Family, ...]] = (4, 6)
ETHERNET_LENGTH: Final = 14
IPV6_LENGTH: Final = 54  # Ethernet + fixed IPv6 header
ETHER_TYPES: Final[Mapping[Family, int]] = {4: 0x0800, 6: 0x86DD}
VLAN_TYPES: Final = (0x8100, 0x88A8, 0x9100)
_FAMILY_OF: Final[Mapping[int, Family]] = {number: family for family, number in ETHER_TYPES.items()}
#: Where the number of the protocol above IP is.
PROTOCOL_AT: Final[Mapping[Family, int]] = {4: FIELDS["protocol"].offset, 6: FIELDS6["next_header"].offset}
IPV6_FRAGMENT_HEADER: Final = 44
_FRAGMENT_MASK: Final = 0x3FFF  # more-fragments flag and offset of RFC 791


@dataclass(frozen=True, slots=True)
class Transport:
    """A protocol above IP: its number in IP headers, and the bytes of its shortest header.

    Whether a NIC still sees it in less is anybody's guess.
    """

    name: str
    number: int
    header: int


TCP: Final = Transport("tcp", 6, 20)  # RFC 9293
UDP: Final = Transport("udp", 17, 8)  # RFC 768
SCTP: Final = Transport("sctp", 132, 12)  # RFC 9260


# --------------------------------------------------------------------------- the NF's view


View = Literal["l4", "l3", "l4v6", "l3v6"]


@dataclass(frozen=True, slots=True)
class ViewFields:
    """A view: ``fields`` of frames of one version of IP, all there from a ``length`` in bytes on.

    ``transports``: the protocols above IP that have the ports; () if the view has addresses only.
    """

    family: Family
    length: int
    fields: tuple[str, ...]
    transports: tuple[Transport, ...] = ()


#: What the NF reads; of each version of IP the view with ports first.
FIELDS_OF_VIEW: Final[Mapping[View, ViewFields]] = MappingProxyType({
    "l4": ViewFields(4, L4_VIEW_LENGTH, HASHABLE_OF[4], (TCP, UDP)),
    "l3": ViewFields(4, L3_VIEW_LENGTH, ADDRESSES_OF[4]),
    "l4v6": ViewFields(6, L4_VIEW_LENGTH6, HASHABLE_OF[6], (TCP, UDP)),
    "l3v6": ViewFields(6, L3_VIEW_LENGTH6, ADDRESSES_OF[6]),
})  # fmt: skip
#: All views; None: no field of any view exists.
VIEWS: Final[tuple[View | None, ...]] = (*FIELDS_OF_VIEW, None)
#: The view with ports, and that with addresses only.
L4: Final[Mapping[Family, View]] = {v.family: name for name, v in FIELDS_OF_VIEW.items() if v.transports}
L3: Final[Mapping[Family, View]] = {v.family: name for name, v in FIELDS_OF_VIEW.items() if not v.transports}


def view(frame: bytes) -> View | None:
    """Which fields the NF's view of ``frame`` has: l4, l4v6 (addresses and ports), l3, l3v6 (addresses), or none."""
    family = _FAMILY_OF.get(int.from_bytes(frame[12:14], "big"))
    if family is None or len(frame) < FIELDS_OF_VIEW[L3[family]].length:
        return None
    ports = FIELDS_OF_VIEW[L4[family]]
    known = any(t.number == frame[PROTOCOL_AT[family]] for t in ports.transports)
    return L4[family] if known and len(frame) >= ports.length else L3[family]


def view_predicate(name: View | None, packet: Packet = "") -> Expr:
    """The frame offers the fields of this view: "l3" also holds for frames that offer "l4"; None for none."""
    if name is None:
        return land(lnot(view_predicate(L3[4], packet)), lnot(view_predicate(L3[6], packet)))
    offered, frame = FIELDS_OF_VIEW[name], Frame(packet)
    ether_type = eq(frame.ether_type, const(ETHER_TYPES[offered.family], 16))
    if not offered.transports:
        return land(frame.at_least(offered.length), ether_type)
    protocol = frame.ip(offered.family).protocol
    with_ports = _any(eq(protocol, const(t.number, 8)) for t in offered.transports)
    return land(view_predicate(L3[offered.family], packet), land(with_ports, frame.at_least(offered.length)))


def exact_view_predicate(name: View | None, packet: Packet = "") -> Expr:
    """`view` returns exactly ``name``: those of all `VIEWS` partition all frames."""
    offered = view_predicate(name, packet)
    if name is None or FIELDS_OF_VIEW[name].transports:
        return offered
    return land(offered, lnot(view_predicate(L4[FIELDS_OF_VIEW[name].family], packet)))


# --------------------------------------------------------------------------- what predicates ask of a frame


@dataclass(frozen=True, slots=True)
class _IpHeader:
    """Conditions and values of a frame's IP header.

    ``sane``: there is one, and its lengths fit the frame.  ``whole``: no fragment.  ``plain``: L4 is where the NF reads
    it, if anywhere.
    ``start`` and ``end``: of the bytes behind the header, counted from the same place.
    """

    sane: Expr
    whole: Expr
    plain: Expr
    protocol: Expr
    start: Expr
    end: Expr


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame over the symbols `PacketByte` and `PacketLength` of ``packet``.

    Bytes at and beyond the length are unconstrained and irrelevant.
    """

    packet: Packet

    @property
    def length(self) -> Expr:
        return packet_length(self.packet)

    @property
    def ether_type(self) -> Expr:
        return self.word(12)

    def byte(self, n: int) -> Expr:
        return packet_byte(n, self.packet)

    def word(self, n: int) -> Expr:
        """Two bytes in network order."""
        return concat(self.byte(n), self.byte(n + 1))

    def at_least(self, n: int) -> Expr:
        return compare("uge", self.length, const(n, 16))

    def ether_type_in(self, values: Iterable[int]) -> Expr:
        """There is a whole Ethernet header, with one of these types."""
        return land(self.at_least(ETHERNET_LENGTH), _any(eq(self.ether_type, const(v, 16)) for v in values))

    def ip(self, family: Family) -> _IpHeader:
        return self._ipv4() if family == 4 else self._ipv6()

    def _ipv4(self) -> _IpHeader:
        words = extract(self.byte(14), 3, 0)
        header = binary("shl", zext(words, 16), const(2, 16))
        total_length = self.word(16)
        room = binary("sub", self.length, const(ETHERNET_LENGTH, 16))
        there = land(self.ether_type_in((ETHER_TYPES[4],)), self.at_least(L3_VIEW_LENGTH))
        sane = land(there, eq(extract(self.byte(14), 7, 4), const(4, 4)))
        sane = land(land(sane, compare("uge", words, const(5, 4))), compare("uge", total_length, header))
        sane = land(sane, compare("ule", total_length, room))
        whole = eq(binary("and", self.word(20), const(_FRAGMENT_MASK, 16)), const(0, 16))
        return _IpHeader(sane, whole, eq(words, const(5, 4)), self.byte(PROTOCOL_AT[4]), header, total_length)

    def _ipv6(self) -> _IpHeader:
        payload, next_header = self.word(18), self.byte(PROTOCOL_AT[6])
        room = binary("sub", self.length, const(IPV6_LENGTH, 16))
        there = land(self.ether_type_in((ETHER_TYPES[6],)), self.at_least(IPV6_LENGTH))
        sane = land(there, eq(extract(self.byte(14), 7, 4), const(6, 4)))
        sane = land(sane, compare("ule", payload, room))
        whole = lnot(eq(next_header, const(IPV6_FRAGMENT_HEADER, 8)))
        return _IpHeader(sane, whole, TRUE, next_header, const(0, 16), payload)


def _any(conditions: Iterable[Expr]) -> Expr:
    result = FALSE
    for c in conditions:
        result = lor(result, c)
    return result


# --------------------------------------------------------------------------- the classes


@dataclass(frozen=True, slots=True)
class PacketClass:
    """Frames that a NIC treats alike.

    ``predicate``: which frames these are.  ``meaning``: the same in words.  ``views``: those that its frames have
    (proved in tests/unit/packet).  ``family``: version of IP; None: no headers that a NIC is relied on to parse.
    ``transport``: what follows; None: something else, or it is not looked at.  ``options``: of IPv4.
    """

    name: str
    predicate: Callable[[Frame, PacketClass], Expr] = field(repr=False)
    meaning: str
    views: tuple[View | None, ...]
    family: Family | None = None
    transport: Transport | None = None
    options: bool = False
    fragment: bool = False

    @property
    def plain(self) -> bool:
        """A NIC finds L4 where the NF reads it: no options and no extension headers come between."""
        return self.transport is not None and not self.options and not self.fragment

    @property
    def c_name(self) -> str:
        """Its name in ``enum maestro_class``."""
        return f"MAESTRO_{self.name.upper()}"


def _ip(frame: Frame, kind: PacketClass) -> Expr:
    """IP as the columns of the class say; a whole header of its transport, or none that has a class of its own."""
    assert kind.family is not None
    ip = frame.ip(kind.family)
    if kind.fragment:
        return land(ip.sane, lnot(ip.whole))
    found = land(ip.sane, ip.whole)
    if kind.transport is not None:
        complete = compare("uge", ip.end, binary("add", ip.start, const(kind.transport.header, 16)))
        found = land(land(found, eq(ip.protocol, const(kind.transport.number, 8))), complete)
    else:
        for transport in transports(kind.family, kind.options):
            found = land(found, lnot(eq(ip.protocol, const(transport.number, 8))))
    return land(found, lnot(ip.plain) if kind.options else ip.plain)


def _vlan(frame: Frame, _: PacketClass) -> Expr:
    return frame.ether_type_in(VLAN_TYPES)


def _non_ip(frame: Frame, _: PacketClass) -> Expr:
    known = frame.ether_type_in((*VLAN_TYPES, *ETHER_TYPES.values()))
    return land(frame.at_least(ETHERNET_LENGTH), lnot(known))


def _malformed(frame: Frame, kind: PacketClass) -> Expr:
    return lnot(_any(c.predicate(frame, c) for c in CLASSES.values() if c is not kind))


_TABLE: Final = (
    PacketClass("tcp4", _ip, "IPv4 without options (IHL = 5) with TCP", ("l4",), 4, TCP),
    PacketClass("udp4", _ip, "the same with UDP", ("l4",), 4, UDP),
    PacketClass("sctp4", _ip, "the same with SCTP", ("l3",), 4, SCTP),
    PacketClass("ipv4_other", _ip, "the same with any other protocol", ("l3",), 4),
    PacketClass("tcp4_options", _ip, "IPv4 with options (IHL > 5) and TCP", ("l4",), 4, TCP, options=True),
    PacketClass("udp4_options", _ip, "the same with UDP", ("l4",), 4, UDP, options=True),
    PacketClass("sctp4_options", _ip, "the same with SCTP", ("l3",), 4, SCTP, options=True),
    PacketClass("ipv4_options_other", _ip, "the same with any other protocol", ("l3",), 4, options=True),
    PacketClass("ipv4_fragment", _ip, "IPv4 with more fragments to come, or an offset", ("l4", "l3"), 4, fragment=True),
    PacketClass("tcp6", _ip, "IPv6 with TCP behind the fixed header", ("l4v6",), 6, TCP),
    PacketClass("udp6", _ip, "the same with UDP", ("l4v6",), 6, UDP),
    PacketClass("sctp6", _ip, "the same with SCTP", ("l3v6",), 6, SCTP),
    PacketClass("ipv6_other", _ip, "the same with any other next header", ("l3v6",), 6),
    PacketClass("ipv6_fragment", _ip, "IPv6 with a fragment header behind the fixed one", ("l3v6",), 6, fragment=True),
    PacketClass("vlan", _vlan, "a tag of 802.1Q, 802.1ad or QinQ, whatever follows", (None,)),
    PacketClass("non_ip", _non_ip, "any other EtherType", (None,)),
    PacketClass("malformed", _malformed,
                "all else: cut short (L4 headers, too), or IP with a wrong version, IHL or length", VIEWS),
)  # fmt: skip

#: All classes by name, in the order of ``enum maestro_class``.
CLASSES: Final[Mapping[str, PacketClass]] = MappingProxyType({c.name: c for c in _TABLE})
if TYPE_CHECKING:  # types cannot be made of tables for mypy; for pydantic they can
    ClassName = str
else:
    ClassName = Literal[tuple(CLASSES)]


@cache
def transports(family: Family, options: bool) -> tuple[Transport, ...]:
    """Protocols above this version of IP, with or without options, that have classes of their own."""
    kinds = (c for c in CLASSES.values() if (c.family, c.options) == (family, options))
    return tuple(c.transport for c in kinds if c.transport is not None)


@cache
def plain(family: Family, transport: Transport | None) -> PacketClass:
    """The class of ordinary packets with this protocol; None: with one that has no class of its own."""
    return next(
        c for c in CLASSES.values()
        if (c.family, c.transport) == (family, transport) and not c.options and not c.fragment
    )  # fmt: skip


@cache
def predicate(name: str, packet: Packet = "") -> Expr:
    """The frames of a class: a Boolean over the symbols of a `Frame`; KeyError if there is no such class."""
    kind = CLASSES[name]
    return kind.predicate(Frame(packet), kind)


# --------------------------------------------------------------------------- concrete frames

_Headers = tuple[Family, Transport | None, bool, bool]
_BY_HEADERS: Final[Mapping[_Headers, str]] = {
    (c.family, c.transport, c.options, c.fragment): c.name for c in CLASSES.values() if c.family is not None
}


def classify(frame: bytes) -> str:
    """The one class of `CLASSES` that ``frame`` (from its Ethernet header on) belongs to.

    This is `predicate` for a frame that is there, a hundred times faster than evaluating terms: whole captures are
    classified.  tests/unit/packet compares the two.
    """
    if len(frame) < ETHERNET_LENGTH:
        return "malformed"
    ether_type = int.from_bytes(frame[12:14], "big")
    family = _FAMILY_OF.get(ether_type)
    if family is None:
        return "vlan" if ether_type in VLAN_TYPES else "non_ip"
    headers = _ipv4_headers(frame) if family == 4 else _ipv6_headers(frame)
    return "malformed" if headers is None else _BY_HEADERS[headers]


def _ipv4_headers(frame: bytes) -> _Headers | None:
    """The columns of the class of an IPv4 frame; None if it is malformed."""
    if len(frame) < L3_VIEW_LENGTH:
        return None
    version, words = frame[14] >> 4, frame[14] & 15
    total_length = int.from_bytes(frame[16:18], "big")
    if version != 4 or words < 5 or not 4 * words <= total_length <= len(frame) - ETHERNET_LENGTH:
        return None
    if int.from_bytes(frame[20:22], "big") & _FRAGMENT_MASK:
        return 4, None, False, True
    transport = _transport(4, words > 5, frame)
    return (4, transport, words > 5, False) if _whole(transport, total_length - 4 * words) else None


def _ipv6_headers(frame: bytes) -> _Headers | None:
    if len(frame) < IPV6_LENGTH:
        return None
    payload = int.from_bytes(frame[18:20], "big")
    if frame[14] >> 4 != 6 or payload > len(frame) - IPV6_LENGTH:
        return None
    if frame[20] == IPV6_FRAGMENT_HEADER:
        return 6, None, False, True
    transport = _transport(6, False, frame)
    return (6, transport, False, False) if _whole(transport, payload) else None


def _transport(family: Family, options: bool, frame: bytes) -> Transport | None:
    number = frame[PROTOCOL_AT[family]]
    return next((t for t in transports(family, options) if t.number == number), None)


def _whole(transport: Transport | None, length: int) -> bool:
    return transport is None or length >= transport.header
