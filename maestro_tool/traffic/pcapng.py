"""pcapng (draft-ietf-opsawg-pcapng): any number of sections and interfaces, each with a link type, snap length and unit
of time of its own; enhanced, simple and obsolete packet blocks.

Our own reader, as no library does it: libpcap refuses files whose interfaces differ in link type or snap length, dpkt
leaves out simple packet blocks and has times as floating-point numbers, python-pcapng takes a file that is cut within a
block for one that ends before it, at three times the cost.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maestro_tool.traffic.records import END_OF_TIME, ETHERNET, MOST_BYTES, Frame, Link, Records, broken

SECTION: Final = 0x0A0D0D0A
MAGIC: Final = SECTION.to_bytes(4, "little")  # reads the same in both byte orders
_INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_OPTION_RESOLUTION, _OPTION_OFFSET = 9, 14


@dataclass(frozen=True, slots=True)
class _Interface:
    """A tick is ``numerator / denominator`` nanoseconds; times are counted from ``offset`` (ns) on."""

    link: int
    snap_length: int
    numerator: int = 1000
    denominator: int = 1
    offset: int = 0


class _Broken(Exception):
    pass


def read(path: Path, content: bytes) -> Records:
    """Raises `InputError` that says which block at which byte is wrong."""
    reader = _Reader(path, content)
    number = begin = 0
    while begin < len(content):
        number += 1
        try:
            begin = reader.block(begin)
        except _Broken as error:
            raise broken(path, "block", number, begin, str(error)) from None
    return reader.records


class _Reader:
    def __init__(self, path: Path, content: bytes) -> None:
        self.records = Records(path)
        self._content = content
        self._order = "<"
        self._time = 0  # of the frame before
        self._interfaces: list[_Interface] = []
        self._in_order("<")

    def _in_order(self, order: str) -> None:
        self._order = order
        self._header = struct.Struct(f"{order}II").unpack_from
        self._enhanced = struct.Struct(f"{order}IIIII").unpack_from
        self._word = struct.Struct(f"{order}I").unpack_from

    def block(self, begin: int) -> int:
        """Reads the block that begins there; returns where the next one does."""
        content = self._content
        left = len(content) - begin
        if left < 12:
            raise _Broken(f"the block is cut: {left} of at least 12 bytes")
        kind, length = self._header(content, begin)
        if kind == SECTION:
            length = self._section(begin)
        if length < 12 or length % 4:
            raise _Broken(f"{length} is no length of a block")
        if length > left:
            raise _Broken(f"the block is cut: {left} of {length} bytes")
        following: int = begin + length
        again = self._word(content, following - 4)[0]
        if again != length:
            raise _Broken(f"the block's length is {length} at its start, and {again} at its end")
        body, end = begin + 8, following - 4
        if kind == _ENHANCED:
            self._need(body, end, 20)
            interface, high, low, captured, original = self._enhanced(content, body)
            self._packet(interface, high << 32 | low, captured, original, body + 20, end)
        elif kind == _SIMPLE:
            self._need(body, end, 4)
            (original,) = self._word(content, body)
            snap_length = self._interface(0).snap_length
            self._packet(0, None, min(original, snap_length or original), original, body + 4, end)
        elif kind == _OBSOLETE:
            self._need(body, end, 20)
            interface, _, high, low, captured, original = struct.unpack_from(f"{self._order}HHIIII", content, body)
            self._packet(interface, high << 32 | low, captured, original, body + 20, end)
        elif kind == _INTERFACE:
            self._need(body, end, 8)
            self._interfaces.append(self._described(body, end))
        return following

    def _need(self, body: int, end: int, length: int) -> None:
        if end - body < length:
            raise _Broken(f"a block of {end - body + 12} bytes has no room for its fields")

    def _section(self, begin: int) -> int:
        """A section may have another byte order, and has interfaces of its own."""
        if len(self._content) - begin < 28:
            raise _Broken(f"the section header is cut: {len(self._content) - begin} of 28 bytes")
        for order in "<>":
            self._in_order(order)
            length, magic, major, _ = struct.unpack_from(f"{order}IIHH", self._content, begin + 4)
            if magic == _BYTE_ORDER:
                break
        else:
            raise _Broken("the section header has no byte-order magic")
        if major != 1:
            raise _Broken(f"pcapng version {major} is not known, only 1 is")
        if length < 28:
            raise _Broken(f"{length} is no length of a section header")
        self._interfaces = []
        return int(length)

    def _interface(self, number: int) -> _Interface:
        if number >= len(self._interfaces):
            raise _Broken(
                f"a packet of interface {number}, but the section describes {len(self._interfaces)} before it"
            )
        return self._interfaces[number]

    def _packet(self, number: int, ticks: int | None, captured: int, original: int, start: int, end: int) -> None:
        """``ticks`` None: simple blocks have no time; the packet came after the one before it."""
        interface = self._interface(number)
        if captured > end - start:
            raise _Broken(f"the frame is cut: {end - start} of {captured} bytes")
        if ticks is not None:
            self._time = ticks * interface.numerator // interface.denominator + interface.offset
            if not 0 <= self._time < END_OF_TIME:
                raise _Broken(f"its time, {self._time} ns, is not between 1970 and 2106")
        records = self.records
        position = len(records.frames)
        if captured < original:
            records.lengths[position] = original
        if original > MOST_BYTES or captured > MOST_BYTES:
            records.long[position] = max(captured, original)
        if interface.link != ETHERNET:
            records.links[position] = Link(interface.link, number)
        records.frames.append(Frame(self._time, self._content[start : start + captured]))

    def _described(self, body: int, end: int) -> _Interface:
        link, _, snap_length = struct.unpack_from(f"{self._order}HHI", self._content, body)
        numerator, denominator, offset = 1000, 1, 0
        at = body + 8
        while at + 4 <= end:
            code, length = struct.unpack_from(f"{self._order}HH", self._content, at)
            at += 4
            if code == 0:
                break
            value = self._content[at : min(at + length, end)]
            if len(value) < length:
                raise _Broken(f"option {code} is cut: {len(value)} of {length} bytes")
            if code == _OPTION_RESOLUTION and length == 1:
                unit = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
                numerator, denominator = 1_000_000_000, unit
            elif code == _OPTION_OFFSET and length == 8:
                offset = struct.unpack(f"{self._order}q", value)[0] * 1_000_000_000
            at += length + -length % 4
        return _Interface(link, snap_length, numerator, denominator, offset)
