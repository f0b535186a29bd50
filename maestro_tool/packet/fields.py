"""Header fields by the place where an NF of this API reads them.

libVig NFs read Ethernet at 0, IPv4 at 14 and L4 at 34, whatever the IHL says (NF_API, section 2), and IPv6 at 14 and
L4 at 54, if no extension header comes between; that is the *NF's view*.  A NIC parses options, VLAN tags, fragments
and extension headers: where the two differ is a matter of packet classes (``classes.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

#: Version of IP.
Family = Literal[4, 6]


@dataclass(frozen=True, slots=True)
class HeaderField:
    """``offset`` and ``size`` in bytes from the start of the frame; value in network byte order."""

    name: str
    offset: int
    size: int

    @property
    def bits(self) -> int:
        return 8 * self.size


_ETHERNET = (HeaderField("dst_mac", 0, 6), HeaderField("src_mac", 6, 6), HeaderField("ether_type", 12, 2))

FIELDS: dict[str, HeaderField] = {
    f.name: f
    for f in (
        *_ETHERNET,
        HeaderField("protocol", 23, 1),
        HeaderField("src_ip", 26, 4),
        HeaderField("dst_ip", 30, 4),
        HeaderField("src_port", 34, 2),
        HeaderField("dst_port", 36, 2),
    )
}

#: The same in IPv6.  They overlap those of IPv4, so an offset alone does not name a field: what the frame is must be
#: proved.
FIELDS6: dict[str, HeaderField] = {
    f.name: f
    for f in (
        *_ETHERNET,
        HeaderField("next_header", 20, 1),
        HeaderField("src_ip6", 22, 16),
        HeaderField("dst_ip6", 38, 16),
        HeaderField("src_port6", 54, 2),
        HeaderField("dst_port6", 56, 2),
    )
}

FIELDS_OF: Mapping[Family, Mapping[str, HeaderField]] = {4: FIELDS, 6: FIELDS6}
ALL_FIELDS: Mapping[str, HeaderField] = FIELDS | FIELDS6

#: Where the NF's view of IPv4 has checksums; which of the last two depends on the protocol.
CHECKSUMS: dict[str, HeaderField] = {
    f.name: f
    for f in (
        HeaderField("ip_checksum", 24, 2),
        HeaderField("udp_checksum", 40, 2),
        HeaderField("tcp_checksum", 50, 2),
    )
}

#: Fields a Toeplitz engine can be given, in the order of its input (Microsoft RSS; rte_thash.h).
HASHABLE: tuple[str, ...] = ("src_ip", "dst_ip", "src_port", "dst_port")
HASHABLE6: tuple[str, ...] = ("src_ip6", "dst_ip6", "src_port6", "dst_port6")
HASHABLE_OF: Mapping[Family, tuple[str, ...]] = {4: HASHABLE, 6: HASHABLE6}
#: The addresses and the ports among them.
ADDRESSES_OF: Mapping[Family, tuple[str, ...]] = {4: HASHABLE[:2], 6: HASHABLE6[:2]}
PORTS_OF: Mapping[Family, frozenset[str]] = {4: frozenset(HASHABLE[2:]), 6: frozenset(HASHABLE6[2:])}

#: Shortest frame, in bytes, in which the NF's view of the ports (of the addresses) is complete.
L4_VIEW_LENGTH = 38
L3_VIEW_LENGTH = 34
L4_VIEW_LENGTH6 = 58
L3_VIEW_LENGTH6 = 54

#: The hashable fields as NIC profiles name them: ports alike for IPv4 and IPv6.
PROFILE_NAMES_OF: Mapping[Family, tuple[str, ...]] = {4: HASHABLE, 6: (*HASHABLE6[:2], *HASHABLE[2:])}

#: Width in bits of everything a NIC may put into a Toeplitz input, in its own (IHL- and version-aware) parse.
#: ``src_ip6`` .. are those of IPv6; ``sctp_tag`` is the SCTP verification tag (i40e), ``ip_id`` the IPv4
#: identification (ice hashes it for fragments through rte_flow).
INPUT_BITS: dict[str, int] = {
    **{name: FIELDS[name].bits for name in HASHABLE},
    **{name: FIELDS6[name].bits for name in HASHABLE6},
    "sctp_tag": 32,
    "ip_id": 16,
}
if TYPE_CHECKING:  # types cannot be made of tables for mypy; for pydantic they can
    FieldName = str
    InputName = str
else:
    FieldName = Literal[tuple(ALL_FIELDS)]
    InputName = Literal[tuple(INPUT_BITS)]
