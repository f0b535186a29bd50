"""Expressions of random NFs, and the header fields that they name.

All numbers are unsigned, of 32 bits, unless a member or a header field is narrower: storing truncates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Num:
    value: int


@dataclass(frozen=True)
class Field:
    """A field of `FIELDS`, as it lies in memory (network byte order, read on a little-endian machine)."""

    name: str


@dataclass(frozen=True)
class Var:
    """A local variable: ``x...`` is an unsigned number, ``i...`` an index."""

    name: str


@dataclass(frozen=True)
class Member:
    """A member of the element that the pointer ``pointer`` was borrowed for."""

    pointer: str
    member: str


@dataclass(frozen=True)
class KeyMember:
    key: str
    member: str


@dataclass(frozen=True)
class Glob:
    name: str


@dataclass(frozen=True)
class Op:
    """One of + - * / % & | ^ << >> == != < && ||; divisors are numbers, so are counts of shifts."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Swap:
    """The bytes of a number of ``bits`` bits, reversed."""

    bits: int
    of: Expr


@dataclass(frozen=True)
class Choose:
    """C's ``?:``"""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Now:
    """Low 32 bits of the time, shifted."""

    shift: int


@dataclass(frozen=True)
class HasPorts:
    """Whether the frame has the header of TCP or UDP."""


@dataclass(frozen=True)
class IsIpv6:
    """Whether the frame is IPv6; programs with the guards dual3 and dual4 ask for that."""


Expr = Num | Field | Var | Member | KeyMember | Glob | Op | Swap | Choose | Now | HasPorts | IsIpv6


@dataclass(frozen=True)
class Time:
    """now - age + plus"""

    age: int = 0
    plus: Expr | None = None


#: The packet's time.
NOW = Time()


class Place(NamedTuple):
    lvalue: str
    offset: int
    size: int


FIELDS: dict[str, Place] = {
    "dst_mac5": Place("ether->dst_addr.addr_bytes[5]", 5, 1),
    "src_mac5": Place("ether->src_addr.addr_bytes[5]", 11, 1),
    "tos": Place("ip->type_of_service", 15, 1),
    "packet_id": Place("ip->packet_id", 18, 2),
    "fragment": Place("ip->fragment_offset", 20, 2),
    "ttl": Place("ip->time_to_live", 22, 1),
    "proto": Place("ip->next_proto_id", 23, 1),
    "src_ip": Place("ip->src_addr", 26, 4),
    "dst_ip": Place("ip->dst_addr", 30, 4),
    "src_port": Place("ports->src_port", 34, 2),
    "dst_port": Place("ports->dst_port", 36, 2),
    "device": Place("device", -1, 2),
    "length": Place("packet_length", -1, 2),
    # Of IPv6: words of its addresses, and what else keys name.
    "next6": Place("frame[20]", 20, 1),
    "src6_0": Place("((struct word *)(frame + 22))->bits", 22, 4),
    "src6_3": Place("((struct word *)(frame + 34))->bits", 34, 4),
    "dst6_0": Place("((struct word *)(frame + 38))->bits", 38, 4),
    "dst6_3": Place("((struct word *)(frame + 50))->bits", 50, 4),
    "src6_port": Place("((struct half *)(frame + 54))->bits", 54, 2),
    "dst6_port": Place("((struct half *)(frame + 56))->bits", 56, 2),
}
