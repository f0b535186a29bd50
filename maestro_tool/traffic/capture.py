"""Reads, checks and writes captures: classic pcap and pcapng, packed by gzip or not.

All commands read through here.  Programs, which read by libpcap, are given what it reads as we do (`as_programs_read`).
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, SupportsIndex

from maestro_tool.canonical import write_files
from maestro_tool.diagnostics import InputError
from maestro_tool.traffic import classic, links, pcapng
from maestro_tool.traffic.records import ETHERNET, Frame, Records

__all__ = ["Frame", "Headers", "capture_paths", "pcap_bytes", "read_capture", "read_folder", "read_headers"]

SNAP_LENGTH: Final = 0xFFFF
MAGIC_MICROSECONDS: Final = classic.MICROSECONDS
LINKTYPE_ETHERNET: Final = ETHERNET

_GZIP: Final = b"\x1f\x8b"
#: What a packed capture may unpack to: so many bytes, or so many times its size.
_UNPACKED: Final = 64 << 20
_UNPACKED_TIMES: Final = 100


def read_capture(path: Path) -> list[Frame]:
    """All frames of a capture, which are whole Ethernet frames.

    Raises `InputError` that says which record at which byte is wrong, or which frame is not whole.
    """
    records = _records(path)
    if records.lengths:
        first, length = next(iter(records.lengths.items()))
        raise InputError(
            f"{path}: frame {first + 1}: only {len(records.frames[first].data)} bytes of a frame of {length} were "
            f"captured ({len(records.lengths)} of {len(records.frames)} frames are cut)",
            hint="capture whole frames, e.g. tcpdump -s 0; `maestro queue` and traffic= are content with headers",
        )
    if records.links:
        first, link = next(iter(records.links.items()))
        where = "" if link.interface is None else f" (interface {link.interface})"
        hint = "capture on an Ethernet interface; or tcprewrite --dlt=enet --enet-dmac=MAC --enet-smac=MAC -i IN -o OUT"
        if len(records.links) < len(records.frames):
            hint += f"; or leave them out: tshark -r IN -Y 'frame.interface_id != {link.interface}' -F pcap -w OUT"
        raise InputError(f"{path}: frame {first + 1}{where}: {links.refusal(link.kind)}", hint=hint)
    return records.frames


@dataclass(frozen=True, slots=True)
class Headers:
    """Frames whose headers can be looked at; ``notes``: what was made up or is missing, for people."""

    frames: list[bytes]
    notes: tuple[str, ...]


class CutFrame(bytes):
    """A frame of which only the beginning was captured: it is as long as it was, and what is missing cannot be read.

    So whatever is asked of it rests on captured bytes, or is refused.
    """

    length: int
    what: str

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, at: SupportsIndex | slice) -> int | bytes:  # type: ignore[override]
        end = at.indices(self.length)[1] if isinstance(at, slice) else at.__index__() % self.length + 1
        there = bytes.__len__(self)
        if end > there:
            raise InputError(
                f"{self.what}: only {there} bytes of a frame of {self.length} were captured, and where it goes depends "
                f"on {end}",
                hint="capture more of each frame: tcpdump -s 96 has all headers",
            )
        return bytes.__getitem__(self, at)


def read_headers(path: Path) -> Headers:
    """The frames of a capture for those who look at headers only: frames may be cut, and need not be of Ethernet.

    A made-up Ethernet header then is before what other links carry.  Raises `InputError`.
    """
    records = _records(path)
    if not records.lengths and not records.links:
        return Headers([frame.data for frame in records.frames], ())
    frames: list[bytes] = []
    for position, frame in enumerate(records.frames):
        data, length = frame.data, records.lengths.get(position)
        if link := records.links.get(position):
            made = links.as_ethernet(link.kind, data)
            if made is None:
                where = "" if link.interface is None else f" (interface {link.interface})"
                raise InputError(
                    f"{path}: frame {position + 1}{where}: {links.refusal(link.kind)}, and no IP packet is found in it",
                    hint="leave such frames out: tshark -r IN -Y ip -F pcap -w OUT",
                )
            data, longer = made
            length = None if length is None else length + longer
        if length is not None:
            data = CutFrame(data)
            data.length, data.what = length, f"{path}: frame {position + 1}"
        frames.append(data)
    kinds = Counter(link.kind for link in records.links.values())
    notes = [
        f"{path}: {count} of {len(frames)} frames have {links.name(kind)}: a made-up Ethernet header is before each"
        for kind, count in sorted(kinds.items())
    ]
    if records.lengths:
        notes.append(f"{path}: {len(records.lengths)} of {len(frames)} frames are cut: what was captured has to do")
    return Headers(frames, tuple(notes))


def capture_paths(folder: Path, ports: int = 0) -> dict[int, Path]:
    """``portN.pcap`` of a folder, for ports 0..n-1, at least ``ports``.  Raises `InputError` if one is missing."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of captures", hint="`maestro traffic --out DIR` makes one")
    found = {int(m[1]): path for path in folder.iterdir() if (m := re.fullmatch(r"port(\d+)\.pcap", path.name))}
    for port in range(max(ports, max(found, default=0) + 1)):
        if port not in found:
            raise InputError(
                f"{folder / f'port{port}.pcap'}: no such capture",
                hint="each port needs one; for a port that receives nothing, a capture without frames will do",
            )
    return dict(sorted(found.items()))


def read_folder(folder: Path) -> dict[int, list[Frame]]:
    """The captures of each port in a folder."""
    return {port: read_capture(path) for port, path in capture_paths(folder).items()}


def as_programs_read(path: Path, frames: list[Frame]) -> bytes | None:
    """The same ``frames`` in a capture that libpcap reads as we do; None if ``path`` is one."""
    with path.open("rb") as file:
        header = file.read(classic.FILE_HEADER)
    longest = max((len(frame.data) for frame in frames), default=0)
    if (snap_length := classic.snap_length(header)) is not None and longest <= snap_length:
        return None
    return pcap_bytes(frames, nanoseconds=True)


def write_captures(captures: dict[Path, Iterable[Frame]]) -> None:
    """Writes pcap files with timestamps in microseconds: all of them or none."""
    write_files({path: pcap_bytes(frames) for path, frames in captures.items()})


def pcap_bytes(frames: Iterable[Frame], nanoseconds: bool = False) -> bytes:
    magic, unit = (classic.NANOSECONDS, 1) if nanoseconds else (classic.MICROSECONDS, 1000)
    parts = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, SNAP_LENGTH, ETHERNET)]
    for frame in frames:
        seconds, rest = divmod(frame.time, 1_000_000_000)
        parts.append(struct.pack("<IIII", seconds, rest // unit, len(frame.data), len(frame.data)))
        parts.append(frame.data)
    return b"".join(parts)


def _records(path: Path) -> Records:
    content = _read(path)
    if content.startswith(_GZIP):
        content = _unpacked(path, content)
    if not content:
        raise InputError(f"{path}: the file is empty, a capture has at least a header")
    read = pcapng.read if content.startswith(pcapng.MAGIC) else classic.read
    return read(path, content).checked()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such capture") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read the capture: {error.strerror}") from None


def _unpacked(path: Path, content: bytes) -> bytes:
    most = max(_UNPACKED, _UNPACKED_TIMES * len(content))
    try:
        with gzip.open(path) as file:
            unpacked = file.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path}: broken gzip: {error}", hint="gunzip -t says more") from None
    if len(unpacked) > most:
        raise InputError(
            f"{path}: {len(content)} bytes of gzip that unpack to more than {most} are no capture",
            hint="if they are one, unpack it: gunzip",
        )
    return unpacked
