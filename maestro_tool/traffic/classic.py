"""Classic pcap, version 2.4, in either byte order, with microseconds or nanoseconds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from maestro_tool.diagnostics import InputError
from maestro_tool.traffic.records import ETHERNET, MOST_BYTES, Frame, Link, Records, broken

MICROSECONDS: Final = 0xA1B2C3D4
NANOSECONDS: Final = 0xA1B23C4D
FILE_HEADER: Final = 24
RECORD_HEADER: Final = 16

_OTHERS: Final = "editcap -F pcap IN OUT makes a capture of what Wireshark can read"
#: What files start with that another program has packed.
_PACKED: Final = {b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd", b"\x04\x22\x4d\x18": "unlz4"}


def read(path: Path, content: bytes) -> Records:
    """Raises `InputError` that says which record at which byte is wrong."""
    order, unit = _byte_order(path, content)
    if len(content) < FILE_HEADER:
        raise InputError(f"{path}: the file header is cut: {len(content)} of {FILE_HEADER} bytes")
    major, minor, _, _, _, link_type = struct.unpack_from(f"{order}HHiIII", content, 4)
    if (major, minor) != (2, 4):
        raise InputError(f"{path}: pcap version {major}.{minor} is not known, only 2.4 is", hint=_OTHERS)
    records = Records(path)
    frames, lengths = records.frames, records.lengths
    unpack_from = struct.Struct(f"{order}IIII").unpack_from
    begin, end = FILE_HEADER, len(content)
    while begin < end:
        start = begin + RECORD_HEADER
        if start > end:
            text = f"the record header is cut: {end - begin} of {RECORD_HEADER} bytes"
            raise broken(path, "record", len(frames) + 1, begin, text)
        seconds, fraction, captured, length = unpack_from(content, begin)
        following = start + captured
        if following > end:
            text = f"the frame is cut: {end - start} of {captured} bytes"
            raise broken(path, "record", len(frames) + 1, begin, text)
        if captured < length:
            lengths[len(frames)] = length
        if length > MOST_BYTES or captured > MOST_BYTES:
            records.long[len(frames)] = max(captured, length)
        fraction *= unit
        if fraction >= 1_000_000_000:
            text = f"the timestamp's fraction {fraction // unit} is a second or more"
            raise broken(path, "record", len(frames) + 1, begin, text)
        frames.append(Frame(seconds * 1_000_000_000 + fraction, content[start:following]))
        begin = following
    link = link_type & 0x03FFFFFF  # the upper bits say whether there is a frame check sequence, and how long it is
    if link != ETHERNET:
        records.links = dict.fromkeys(range(max(len(frames), 1)), Link(link))  # also if there is no frame yet
    return records


def snap_length(header: bytes) -> int | None:
    """The length at which libpcap cuts the frames of such a file; None: it is another kind of file."""
    for order in ("<", ">"):
        if struct.unpack_from(f"{order}I", header)[0] in (MICROSECONDS, NANOSECONDS):
            (length,) = struct.unpack_from(f"{order}i", header, 16)
            return length if length > 0 else MOST_BYTES
    return None


def _byte_order(path: Path, content: bytes) -> tuple[str, int]:
    """Byte order as `struct` writes it, and nanoseconds per unit of the timestamps' fraction."""
    for order in "<>":
        magic = int.from_bytes(content[:4], "little" if order == "<" else "big")
        if magic == MICROSECONDS:
            return order, 1000
        if magic == NANOSECONDS:
            return order, 1
    tool = next((tool for start, tool in _PACKED.items() if content.startswith(start)), None)
    raise InputError(
        f"{path}: not a capture: it starts with {content[:4].hex(' ') or 'nothing'}, no pcap magic number",
        hint=f"unpack it: {tool}" if tool else _OTHERS,
    )
