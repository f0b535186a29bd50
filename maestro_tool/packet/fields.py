"""Header fields by the place where an NF of this API reads them.

libVig NFs read Ethernet at 0, IPv4 at 14 and L4 at 34, whatever the IHL says (NF_API, section 2), and IPv6 at 14 and
L4 at 54, if no extension header comes between; that is the *NF's view*.  A NIC parses options, VLAN tags, fragments
and extension headers: where the two differ is a matter of packet classes (``classes.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from maestro_tool.forms import checked
from maestro_tool.meaning import Means

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

#: Addresses of Ethernet, which are arrays of bytes in C.
MACS: tuple[str, ...] = tuple(f.name for f in _ETHERNET[:2])

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

# --------------------------------------------------------------------------- bytes that have no such name

#: Bytes of a frame that may decide where it goes: the first so many.
MOST_BYTES: Final = 256
#: Where names of bytes end: those of Ethernet's header have names, and are in every frame.
_BORDERS: Final = frozenset(f.offset + f.size for f in _ETHERNET)
_BYTES: Final = re.compile(r"frame\[(0|[1-9][0-9]*)(?:\.\.([1-9][0-9]*))?\]")
_ETHERNET_OF: Final = {(f.offset, f.size): f for f in _ETHERNET}


def names_of_bytes(places: Iterable[int]) -> tuple[str, ...]:
    """What bytes of the frame are called where only software looks: ``src_mac``, ``frame[30..33]``, ``frame[15]``."""
    runs: list[list[int]] = []
    for n in sorted(set(places)):
        if runs and runs[-1][-1] + 1 == n and n not in _BORDERS:
            runs[-1].append(n)
        else:
            runs.append([n])
    return tuple(_name_of_run(run[0], len(run)) for run in runs)


def _name_of_run(first: int, size: int) -> str:
    known = _ETHERNET_OF.get((first, size))
    if known is not None:
        return known.name
    return bytes_text(first, size)


def bytes_text(first: int, size: int) -> str:
    """``frame[30..33]``, ``frame[15]``."""
    return f"frame[{first}..{first + size - 1}]" if size > 1 else f"frame[{first}]"


@cache
def field_of(name: str) -> HeaderField:
    """The field, or the bytes, of a name; ValueError if it is none."""
    if name in ALL_FIELDS:
        return ALL_FIELDS[name]
    match = _BYTES.fullmatch(name)
    if match is not None:
        first = int(match[1])
        size = 1 + int(match[2] or first) - first
        if size > 0 and first + size <= MOST_BYTES and names_of_bytes(range(first, first + size)) == (name,):
            return HeaderField(name, first, size)
    raise ValueError(f"no field: {name!r:.40}")


@cache
def input_bits(name: str) -> int:
    """Width in bits of what is hashed, by a NIC or by software."""
    return INPUT_BITS[name] if name in INPUT_BITS else field_of(name).bits


def is_hashable(name: str) -> bool:
    """Whether a Toeplitz engine can be given the field; of others only software takes the bytes."""
    return name in HASHABLE or name in HASHABLE6


@dataclass(frozen=True, slots=True)
class _Named:
    """A string that is the name of a field, of bytes, or of what else a NIC hashes if ``inputs``."""

    inputs: bool

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return checked(handler(source), self._check)

    def _check(self, name: str) -> None:
        if not (self.inputs and name in INPUT_BITS):
            field_of(name)


if TYPE_CHECKING:
    FieldName = str
    InputName = str
else:
    FieldName = Annotated[str, Means("field"), _Named(inputs=False)]
    InputName = Annotated[str, Means("field"), _Named(inputs=True)]
