"""Notes of ELF files (System V ABI, chapter 5), and of those in a static library (ar): no more is read.

Files may be damaged or hostile: what does not fit raises ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = b"\x7fELF"
_AR = b"!<arch>\n"
_PT_NOTE, _SHT_NOTE = 4, 7
_MOST = 10_000  # headers, members: more than any program has


@dataclass(frozen=True, slots=True)
class Note:
    """An entry of a note section: who made it, its type, its content."""

    owner: str
    type: int
    content: bytes


def notes(data: bytes) -> list[Note]:
    """The notes of an executable, an object, a shared or a static library, each once; ValueError if it is none."""
    if data.startswith(_AR):
        found = [note for member in _members(data) if member.startswith(_MAGIC) for note in _of_elf(member)]
    elif data.startswith(_MAGIC):
        found = list(_of_elf(data))
    else:
        raise ValueError("neither an ELF file nor a static library")
    return list(dict.fromkeys(found))


def _members(data: bytes) -> Iterator[bytes]:
    """The files of a static library: a header of 60 bytes each, contents at even offsets."""
    at, count = len(_AR), 0
    while at + 60 <= len(data) and count < _MOST:
        header = data[at : at + 60]
        if header[58:60] != b"`\n" or not header[48:58].strip().isdigit():
            raise ValueError("the static library is damaged")
        size = int(header[48:58])
        yield _part(data, at + 60, size)
        at += 60 + size + size % 2
        count += 1


def _of_elf(data: bytes) -> Iterator[Note]:
    if len(data) < 64 or data[4] != 2 or data[5] != 1:
        raise ValueError("not an ELF file of 64 bits, little-endian")
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phentsize, phnum, shentsize, shnum = struct.unpack_from("<HHHH", data, 54)
    # Section headers can be cut off; segments are what is loaded.  Objects have sections only.
    for index in range(phnum):
        kind, _, offset, _, _, size, _, align = struct.unpack("<IIQQQQQQ", _part(data, phoff + index * phentsize, 56))
        if kind == _PT_NOTE:
            yield from _entries(_part(data, offset, size), align)
    for index in range(shnum if shoff else 0):
        header = struct.unpack("<IIQQQQIIQQ", _part(data, shoff + index * shentsize, 64))
        if header[1] == _SHT_NOTE:
            yield from _entries(_part(data, header[4], header[5]), header[8])


def _entries(data: bytes, align: int) -> Iterator[Note]:
    step = 8 if align == 8 else 4
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        name = _part(data, at + 12, name_size)
        start = _aligned(at + 12 + name_size, step)
        yield Note(name.rstrip(b"\0").decode(errors="replace"), kind, _part(data, start, size))
        at = _aligned(start + size, step)


def _aligned(offset: int, step: int) -> int:
    return -(-offset // step) * step


def _part(data: bytes, offset: int, size: int) -> bytes:
    if offset < 0 or size < 0 or offset + size > len(data):
        raise ValueError("the file ends too early")
    return data[offset : offset + size]
