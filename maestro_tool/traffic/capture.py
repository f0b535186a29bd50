"""Reads, checks and writes captures: classic pcap, and pcapng through dpkt.

Our own reader for classic pcap, since dpkt says neither where a file is broken nor that its last frame is cut.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dpkt

from maestro_tool.canonical import write_files
from maestro_tool.diagnostics import InputError

MAGIC_MICROSECONDS = 0xA1B2C3D4
MAGIC_NANOSECONDS = 0xA1B23C4D
LINKTYPE_ETHERNET = 1
SNAP_LENGTH = 0xFFFF

_PCAPNG_SECTION = 0x0A0D0D0A
_FILE_HEADER = 24
_RECORD_HEADER = 16


@dataclass(frozen=True, slots=True)
class Frame:
    """``time`` in nanoseconds."""

    time: int
    data: bytes


def read_capture(path: Path) -> list[Frame]:
    """All frames of a capture.  Raises `InputError` that says which record at which byte is wrong."""
    content = _read(path)
    if not content:
        raise InputError(f"{path}: the file is empty, a capture has at least a header")
    if content[:4] == _PCAPNG_SECTION.to_bytes(4, "little"):
        return list(_pcapng(path))
    return list(_pcap(path, content))


def capture_paths(folder: Path) -> dict[int, Path]:
    """``portN.pcap`` of a folder, for ports 0..n-1.  Raises `InputError` if there are none or one is left out."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of captures", hint="`maestro traffic --out DIR` makes one")
    found = {int(m[1]): path for path in folder.iterdir() if (m := re.fullmatch(r"port(\d+)\.pcap", path.name))}
    for port in range(max(found, default=0) + 1):
        if port not in found:
            raise InputError(
                f"{folder / f'port{port}.pcap'}: no such capture",
                hint="each port needs one; for a port that receives nothing, a capture without frames will do",
            )
    return dict(sorted(found.items()))


def read_folder(folder: Path) -> dict[int, list[Frame]]:
    """The captures of each port in a folder."""
    return {port: read_capture(path) for port, path in capture_paths(folder).items()}


def write_captures(captures: dict[Path, Iterable[Frame]]) -> None:
    """Writes pcap files with timestamps in microseconds: all of them or none."""
    write_files({path: pcap_bytes(frames) for path, frames in captures.items()})


def pcap_bytes(frames: Iterable[Frame]) -> bytes:
    parts = [struct.pack("<IHHiIII", MAGIC_MICROSECONDS, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_ETHERNET)]
    for frame in frames:
        seconds, rest = divmod(frame.time, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, rest // 1000, len(frame.data), len(frame.data)))
        parts.append(frame.data)
    return b"".join(parts)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such capture") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read the capture: {error.strerror}") from None


def _pcap(path: Path, content: bytes) -> Iterator[Frame]:
    order, unit = _byte_order(path, content)
    if len(content) < _FILE_HEADER:
        raise InputError(f"{path}: the file header is cut: {len(content)} of {_FILE_HEADER} bytes")
    major, minor, _, _, _, link_type = struct.unpack_from(f"{order}HHiIII", content, 4)
    if (major, minor) != (2, 4):
        raise InputError(f"{path}: pcap version {major}.{minor} is not known, only 2.4 is")
    if link_type & 0x0FFFFFFF != LINKTYPE_ETHERNET:  # the upper bits say how long a frame check sequence is
        raise InputError(f"{path}: link type {link_type} is not Ethernet (1)", hint="capture on an Ethernet interface")
    record = struct.Struct(f"{order}IIII")
    begin, number, end = _FILE_HEADER, 0, len(content)
    while begin < end:
        number += 1
        if end - begin < _RECORD_HEADER:
            raise _broken(path, number, begin, f"the record header is cut: {end - begin} of {_RECORD_HEADER} bytes")
        seconds, fraction, captured, length = record.unpack_from(content, begin)
        start = begin + _RECORD_HEADER
        following = start + captured
        if following > end:
            raise _broken(path, number, begin, f"the frame is cut: {end - start} of {captured} bytes")
        if captured < length:
            what = f"only {captured} bytes of a frame of {length} were captured"
            raise _broken(path, number, begin, what, "capture whole frames, e.g. tcpdump -s 0")
        if fraction * unit >= 1_000_000_000:
            raise _broken(path, number, begin, f"the timestamp's fraction {fraction} is a second or more")
        yield Frame(seconds * 1_000_000_000 + fraction * unit, content[start:following])
        begin = following


def _broken(path: Path, number: int, begin: int, what: str, hint: str | None = None) -> InputError:
    return InputError(f"{path}: record {number} at byte {begin}: {what}", hint=hint)


def _byte_order(path: Path, content: bytes) -> tuple[str, int]:
    """Byte order as `struct` writes it, and nanoseconds per unit of the timestamps' fraction."""
    for order in "<>":
        magic = int.from_bytes(content[:4], "little" if order == "<" else "big")
        if magic == MAGIC_MICROSECONDS:
            return order, 1000
        if magic == MAGIC_NANOSECONDS:
            return order, 1
    raise InputError(f"{path}: not a capture: it starts with {content[:4].hex(' ') or 'nothing'}, no pcap magic number")


def _pcapng(path: Path) -> Iterator[Frame]:
    with path.open("rb") as file:
        number = 0
        try:
            reader = dpkt.pcapng.Reader(file)
            link_type = reader.datalink()
            if link_type != LINKTYPE_ETHERNET:
                raise InputError(f"{path}: link type {link_type} is not Ethernet (1)")
            for time, data in reader:
                number += 1
                yield Frame(round(time * 1_000_000_000), bytes(data))
        except (ValueError, struct.error, dpkt.Error) as error:
            raise InputError(f"{path}: broken pcapng after {number} frames: {error}") from None
