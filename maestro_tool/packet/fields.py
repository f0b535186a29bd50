"""Header fields by the place where an NF of this API reads them.

libVig NFs read Ethernet at 0, IPv4 at 14 and L4 at 34, whatever the IHL says (NF_API, section 2); that
is the *NF's view*.  A NIC parses options, VLAN tags and fragments: where the two differ is a matter of
packet classes (``classes.py``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeaderField:
    """``offset`` and ``size`` in bytes from the start of the frame; value in network byte order."""

    name: str
    offset: int
    size: int

    @property
    def bits(self) -> int:
        return 8 * self.size


FIELDS: dict[str, HeaderField] = {
    f.name: f
    for f in (
        HeaderField("dst_mac", 0, 6),
        HeaderField("src_mac", 6, 6),
        HeaderField("ether_type", 12, 2),
        HeaderField("protocol", 23, 1),
        HeaderField("src_ip", 26, 4),
        HeaderField("dst_ip", 30, 4),
        HeaderField("src_port", 34, 2),
        HeaderField("dst_port", 36, 2),
    )
}

#: The same where an NF would read them in IPv6 without extension headers.  They overlap those of IPv4, so an offset
#: alone does not name a field; constraints on IPv6 name them.
FIELDS6: dict[str, HeaderField] = {
    f.name: f
    for f in (
        HeaderField("src_ip6", 22, 16),
        HeaderField("dst_ip6", 38, 16),
        HeaderField("src_port6", 54, 2),
        HeaderField("dst_port6", 56, 2),
    )
}

#: Where the NF's view has checksums; which of the last two depends on the protocol.
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
HASHABLE6: tuple[str, ...] = tuple(FIELDS6)

#: Shortest frame, in bytes, in which the NF's view of the ports (of the addresses) is complete.
L4_VIEW_LENGTH = 38
L3_VIEW_LENGTH = 34

#: Width in bits of everything a NIC may put into a Toeplitz input, in its own (IHL- and version-aware) parse.
#: ``src_ip6`` .. are the IPv6 addresses; ports are named alike for IPv4 and IPv6; ``sctp_tag`` is the SCTP
#: verification tag (i40e), ``ip_id`` the IPv4 identification (ice hashes it for fragments through rte_flow).
INPUT_BITS: dict[str, int] = {
    **{name: FIELDS[name].bits for name in HASHABLE},
    **{name: FIELDS6[name].bits for name in HASHABLE6},
    "sctp_tag": 32,
    "ip_id": 16,
}
