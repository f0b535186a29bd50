"""What the free variables of expressions stand for: values, one class per kind of origin.

A symbol is the ``value`` of an `Expr` whose ``op`` is ``sym``.  Its text (``str``) names it in JSON, in SMT and in
dumps, and `parse` reads it back; nothing else looks into that text.  The functions below make the
expressions, with the width that all phases rely on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

from maestro_tool.expr.nodes import Expr, sym

#: Which packet of a pair a symbol belongs to; "" where there is only one.
Packet = Literal["", "a", "b"]

#: The packets of a pair, by side.
PACKETS: Final[tuple[Packet, Packet]] = ("a", "b")


class Symbol:
    """Base of all symbols: values with a text that no two of them share."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class PacketByte(Symbol):
    """Byte ``offset`` of the frame as it came in, counted from the Ethernet header; 8 bits."""

    offset: int
    packet: Packet = ""

    def __str__(self) -> str:
        return f"{_prefix(self.packet)}pkt.{self.offset}"


@dataclass(frozen=True, slots=True)
class PacketLength(Symbol):
    """Length of the frame in bytes; 16 bits."""

    packet: Packet = ""

    def __str__(self) -> str:
        return f"{_prefix(self.packet)}pkt_len"


@dataclass(frozen=True, slots=True)
class InputPort(Symbol):
    """The port that the packet came in by; 16 bits."""

    def __str__(self) -> str:
        return "device"


@dataclass(frozen=True, slots=True)
class Now(Symbol):
    """The packet's time in nanoseconds; 64 bits."""

    def __str__(self) -> str:
        return "now"


@dataclass(frozen=True, slots=True)
class Option(Symbol):
    """A number that set-up stored (an option, a capacity ...); ``place``: C over the NF's globals."""

    place: str

    def __str__(self) -> str:
        return f"cfg.{self.place}"


@dataclass(frozen=True, slots=True)
class Produced(Symbol):
    """What event number ``event`` of a path, an operation ``operation``, gave.

    ``part``: the byte's offset where it is a byte of an entry, else its name (``value``, ``index``, ``count`` ...).
    """

    operation: str
    event: int
    part: str | int

    def __str__(self) -> str:
        return f"{self.operation}.{self.event}.{self.part}"


@dataclass(frozen=True, slots=True)
class HashInput(Symbol):
    """Bit ``bit`` of what a NIC takes for header field ``field``, where it reads it from elsewhere; 1 bit."""

    field: str
    bit: int
    packet: Packet = ""

    def __str__(self) -> str:
        return f"{_prefix(self.packet)}nic.{self.field}.{self.bit}"


@dataclass(frozen=True, slots=True)
class MemoryByte(Symbol):
    """Byte ``offset`` of a block of memory of which nothing is known (a key of a key function, say); 8 bits."""

    block: str
    offset: int

    def __str__(self) -> str:
        return f"{self.block}.{self.offset}"


@dataclass(frozen=True, slots=True)
class MemoryBit(Symbol):
    """Bit ``bit`` of a `MemoryByte`; 1 bit."""

    block: str
    offset: int
    bit: int

    def __str__(self) -> str:
        return f"{self.block}.{self.offset}.{self.bit}"


@dataclass(frozen=True, slots=True)
class Placeholder(Symbol):
    """A value that stands for itself alone, within one function: ``what`` says why it is not known."""

    what: str
    number: int

    def __str__(self) -> str:
        return f"{self.what}.{self.number}"


def _prefix(packet: Packet) -> str:
    return f"{packet}." if packet else ""


# --------------------------------------------------------------------------- as expressions


@cache
def _byte(offset: int, packet: Packet) -> PacketByte:
    return PacketByte(offset, packet)


def packet_byte(offset: int, packet: Packet = "") -> Expr:
    return sym(_byte(offset, packet), 8)


def packet_length(packet: Packet = "") -> Expr:
    return sym(PacketLength(packet), 16)


def option(place: str, width: int) -> Expr:
    return sym(Option(place), width)


def memory_byte(block: str, offset: int) -> Expr:
    return sym(MemoryByte(block, offset), 8)


def memory_bit(block: str, offset: int, bit: int) -> Expr:
    return sym(MemoryBit(block, offset, bit), 1)


def placeholder(what: str, number: int, width: int) -> Expr:
    return sym(Placeholder(what, number), width)


INPUT_PORT: Final = sym(InputPort(), 16)
NOW: Final = sym(Now(), 64)
PACKET_LENGTH: Final = packet_length()


def of_packet(s: Expr, packet: Packet) -> Expr:
    """The symbol ``s``, of a frame or its length, as that of ``packet`` of a pair."""
    assert isinstance(s.value, PacketByte | PacketLength), s
    return sym(replace(s.value, packet=packet), s.width)


def is_packet_byte(s: Expr) -> bool:
    return isinstance(s.value, PacketByte)


def is_of_frame(s: Expr) -> bool:
    """Whether a symbol is of the frame itself: its bytes, or its length."""
    return isinstance(s.value, PacketByte | PacketLength)


def is_option(s: Expr) -> bool:
    return isinstance(s.value, Option)


# --------------------------------------------------------------------------- text

#: Text, width (None: any) and what it names.  Compiled when they are first needed: few commands read artifacts.
_FORMS: Final[tuple[tuple[str, int | None, Callable[[re.Match[str]], Symbol]], ...]] = (
    (r"(?:([ab])\.)?pkt\.(0|[1-9][0-9]{0,4})", 8, lambda m: PacketByte(int(m[2]), _packet(m[1]))),
    (r"(?:([ab])\.)?pkt_len", 16, lambda m: PacketLength(_packet(m[1]))),
    ("device", 16, lambda m: InputPort()),
    ("now", 64, lambda m: Now()),
    (r"cfg\.(.+)", None, lambda m: Option(m[1])),
    (r"([ab])\.(0|[1-9][0-9]{0,4})", 8, lambda m: MemoryByte(m[1], int(m[2]))),
    (
        r"([a-z]+(?:_[a-z]+)*)\.(0|[1-9][0-9]{0,8})\.(?:(0|[1-9][0-9]{0,8})|([a-z_]+))",
        None,
        lambda m: Produced(m[1], int(m[2]), m[4] if m[3] is None else int(m[3])),
    ),
)


def _packet(mark: str | None) -> Packet:
    return next((packet for packet in PACKETS if packet == mark), "")


def parse(text: str, width: int) -> Symbol:
    """The symbol that ``text`` names, of those that artifacts hold; ValueError if there is none of this width."""
    for form, expected, make in _FORMS:
        if (m := re.fullmatch(form, text, re.DOTALL)) is not None:
            if expected is not None and width != expected:
                break
            return make(m)
    raise ValueError(f"bad symbol {text!r:.40}")
