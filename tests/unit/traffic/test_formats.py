"""Captures as they come: pcapng of all kinds, gzip, cut frames, other links than Ethernet; and hostile ones."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path

import pytest

from maestro_tool.diagnostics import InputError
from maestro_tool.packet.classes import classify, view
from maestro_tool.traffic import pcapng
from maestro_tool.traffic.capture import (
    Frame,
    as_programs_read,
    pcap_bytes,
    read_capture,
    read_headers,
)

T = 1_700_000_000_000_000  # microseconds
FRAMES = [bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x11" + bytes([n]) * 36 for n in range(4)]


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, snap: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(number: int, ticks: int, data: bytes, length: int | None = None, order: str = "<") -> bytes:
    words = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if length is None else length)
    return block(6, struct.pack(f"{order}IIIII", *words) + data, order)


def simple(data: bytes, length: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(f"{order}I", len(data) if length is None else length) + data, order)


def read(tmp_path: Path, content: bytes) -> list[Frame]:
    path = tmp_path / "a.pcapng"
    path.write_bytes(content)
    return read_capture(path)


def message(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert "a.pcapng" in error.value.message
    return f"{error.value.message} / {error.value.hint}"


@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_interfaces_and_units(tmp_path: Path, order: str) -> None:
    """Each interface has its own unit and offset, each section its own interfaces (and byte order)."""
    content = section(order) + interface(1, 96, order=order)
    content += interface(1, 0, option(9, b"\x09", order) + option(0, b"", order), order)
    content += enhanced(0, T, FRAMES[0], order=order) + enhanced(1, T * 1000 + 1, FRAMES[1], order=order)
    other = "<" if order == ">" else ">"
    offset = option(2, b"eth0", other) + option(14, struct.pack(f"{other}q", -5), other) + option(9, b"\x8a", other)
    content += section(other) + interface(1, 0, offset, other) + block(0xBAD, b"unknown", other)
    content += enhanced(0, 7 * 1024 + 1, FRAMES[2], order=other)
    assert read(tmp_path, content) == [
        Frame(T * 1000, FRAMES[0]), Frame(T * 1000 + 1, FRAMES[1]), Frame(2_000_000_000 + 976_562, FRAMES[2]),
    ]  # fmt: skip


def test_nanoseconds_are_exact(tmp_path: Path) -> None:
    """A floating-point number has a step of 238 ns there."""
    times = [T * 1000 + 1000 + n for n in range(4)]
    nano = section() + interface(options=option(9, b"\x09")) + b"".join(map(enhanced, [0] * 4, times, FRAMES))
    assert [f.time for f in read(tmp_path, nano)] == times
    pico = section() + interface(options=option(9, b"\x0c")) + enhanced(0, 1_234_567_890_123, FRAMES[0])
    assert read(tmp_path, pico) == [Frame(1_234_567_890, FRAMES[0])]


def test_simple_blocks_come_after_what_is_before_them(tmp_path: Path) -> None:
    content = section() + interface() + enhanced(0, T, FRAMES[0]) + simple(FRAMES[1])
    content += enhanced(0, T + 1, FRAMES[2]) + simple(FRAMES[3])
    assert [f.data for f in read(tmp_path, content)] == FRAMES
    assert [f.time - T * 1000 for f in read(tmp_path, content)] == [0, 0, 1000, 1000]
    assert read(tmp_path, section() + interface() + simple(FRAMES[0])) == [Frame(0, FRAMES[0])]


def test_obsolete_packet_blocks(tmp_path: Path) -> None:
    head = struct.pack("<HHIIII", 0, 0, T >> 32, T & 0xFFFFFFFF, 60, 60)
    assert read(tmp_path, section() + interface() + block(2, head + FRAMES[0])) == [Frame(T * 1000, FRAMES[0])]


GOOD = section() + interface() + enhanced(0, T, FRAMES[0])


@pytest.mark.parametrize(("content", "text"), [
    (GOOD[:-1], "block 3 at byte 48: the block is cut: 91 of 92 bytes"),
    (GOOD[:56], "block 3 at byte 48: the block is cut: 8 of at least 12 bytes"),
    (GOOD + struct.pack("<III", 6, 0xFFFFFFF0, 0), "block 4 at byte 140: the block is cut: 12 of 4294967280 bytes"),
    (GOOD + struct.pack("<III", 6, 8, 8), "8 is no length of a block"),
    (GOOD + struct.pack("<III", 6, 0, 0), "0 is no length of a block"),
    (GOOD + struct.pack("<IIII", 6, 15, 0, 15), "15 is no length of a block"),
    (GOOD[:-4] + bytes(4), "the block's length is 92 at its start, and 0 at its end"),
    (GOOD + block(6, bytes(8)), "no room for its fields"),
    (section() + block(1, b"\1\0\0\0"), "no room for its fields"),
    (GOOD + enhanced(1, T, FRAMES[0]), "a packet of interface 1, but the section describes 1"),
    (GOOD + section() + enhanced(0, T, FRAMES[0]), "describes 0 before it"),
    (section() + simple(FRAMES[0]), "describes 0 before it"),
    (GOOD + block(6, struct.pack("<IIIII", 0, 0, 0, 61, 61) + FRAMES[0][:56]), "the frame is cut: 56 of 61 bytes"),
    (section() + interface(options=struct.pack("<HH", 2, 900)), "option 2 is cut: 0 of 900 bytes"),
    (section().replace(b"\x4d\x3c", b"\0\0"), "no byte-order magic"),
    (section().replace(b"\1\0\0\0", b"\2\0\0\0"), "pcapng version 2"),
    (section()[:20], "the section header is cut: 20 of 28 bytes"),
    (section() + interface(options=option(14, struct.pack("<q", -9))) + enhanced(0, 5, FRAMES[0]), "not between 1970"),
    (section() + interface() + enhanced(0, 2**64 - 1, FRAMES[0]), "not between 1970 and 2106"),
    (section() + interface() + enhanced(0, T, FRAMES[0][:42], 60), "frame 1: only 42 bytes of a frame of 60 were"),
    (section() + interface(snap=42) + simple(FRAMES[0][:42], 60), "frame 1: only 42 bytes of a frame of 60 were"),
    (GOOD + interface(101) + enhanced(1, T, FRAMES[1][14:]), "frame 2 (interface 1): link type 101 is not Ethernet"),
    (GOOD + enhanced(0, T, bytes(70_000)), "1 frame is longer than 65535 bytes: frame 2 has 70000"),
    (b"\xfd7zXZ\0" + bytes(20), "unpack it: unxz"),
    (b"\x0b\x11\x1c\x1e", "editcap -F pcap"),
])  # fmt: skip
def test_refused(tmp_path: Path, content: bytes, text: str) -> None:
    assert text in message(tmp_path, content)


def test_any_damage_is_told(tmp_path: Path) -> None:
    """Frames, or an `InputError`: no other error, whatever bytes a file has; cut anywhere, it never has more frames."""
    content = bytearray(
        section() + interface(options=option(9, b"\x06")) + enhanced(0, T, FRAMES[0]) + simple(FRAMES[1])
    )
    rng = random.Random(1)
    refused = 0
    for _ in range(2000):
        damaged = bytearray(content)
        for _ in range(rng.randrange(1, 3)):
            damaged[rng.randrange(4, len(damaged))] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        try:
            pcapng.read(tmp_path, bytes(damaged)).checked()
        except InputError:
            refused += 1
    assert 400 < refused < 2000
    ends = (28, 56, 148, len(content))  # of blocks
    assert len(read(tmp_path, bytes(content))) == 2
    for length in range(28, len(content)):
        if length in ends:
            assert len(read(tmp_path, bytes(content[:length]))) == (length >= 148)
        else:
            message(tmp_path, bytes(content[:length]))


def test_gzip(tmp_path: Path) -> None:
    plain = pcap_bytes([Frame(T, FRAMES[0])])
    assert read(tmp_path, gzip.compress(plain)) == read(tmp_path, plain)
    assert read(tmp_path, gzip.compress(plain[:30]) + gzip.compress(plain[30:])) == read(tmp_path, plain)
    assert read(tmp_path, gzip.compress(GOOD)) == read(tmp_path, GOOD)
    packed = gzip.compress(plain)
    assert "broken gzip" in message(tmp_path, packed[:-9])
    assert "broken gzip" in message(tmp_path, packed[:20] + b"\xff\xff" + packed[22:])
    assert "broken gzip" in message(tmp_path, packed + b"rest")


def test_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_tool.traffic.capture._UNPACKED", 1 << 20)
    bomb = gzip.compress(pcap_bytes([Frame(T, bytes(60_000))] * 100))
    assert "unpack to more than 1048576 are no capture" in message(tmp_path, bomb)
    honest = gzip.compress(pcap_bytes([Frame(T, random.Random(n).randbytes(60_000)) for n in range(20)]))
    assert len(read(tmp_path, honest)) == 20


def headers(tmp_path: Path, content: bytes) -> tuple[list[bytes], tuple[str, ...]]:
    path = tmp_path / "a.pcap"
    path.write_bytes(content)
    found = read_headers(path)
    return found.frames, found.notes


def test_cut_frames_have_headers_and_nothing_else(tmp_path: Path) -> None:
    """As long as they were, so that their class is right; and what was not captured is not made up."""
    tcp = bytes(12) + b"\x08\x00\x45\x00\x05\xdc" + bytes(4) + b"\x40\x06" + bytes(10) + b"\x01\x02\x03\x04" + bytes(58)
    content = section() + interface(snap=96) + enhanced(0, T, tcp[:96], 1514) + enhanced(0, T, tcp[:37], 1514)
    frames, notes = headers(tmp_path, content)
    assert notes == (f"{tmp_path / 'a.pcap'}: 2 of 2 frames are cut: what was captured has to do",)
    whole, short = frames
    assert len(whole) == 1514 and classify(whole) == "tcp4" and view(whole) == "l4" and whole[34:38] == b"\1\2\3\4"
    for bad in (lambda: short[34:38], lambda: short[37], lambda: short[-1], lambda: short[30:]):
        with pytest.raises(InputError, match=r"a\.pcap: frame 2: only 37 bytes of a frame of 1514 were captured"):
            bad()
    assert classify(short) == "tcp4" and short[36] == 3


IP4, IP6 = b"\x45" + bytes(27), b"\x60" + bytes(47)
NOBODY = bytes(12)


@pytest.mark.parametrize(("link", "packet", "frame"), [
    (101, IP4, NOBODY + b"\x08\x00" + IP4),
    (101, IP6, NOBODY + b"\x86\xdd" + IP6),
    (228, IP4, NOBODY + b"\x08\x00" + IP4),
    (0, b"\x02\0\0\0" + IP4, NOBODY + b"\x08\x00" + IP4),
    (0, b"\0\0\0\x02" + IP4, NOBODY + b"\x08\x00" + IP4),
    (0, b"\x1e\0\0\0" + IP6, NOBODY + b"\x86\xdd" + IP6),
    (108, b"\0\0\0\x18" + IP6, NOBODY + b"\x86\xdd" + IP6),
    (113, b"\0\0\0\1\0\6abcdef\0\0\x08\x00" + IP4, bytes(6) + b"abcdef\x08\x00" + IP4),
    (113, b"\0\0\3\4\0\0" + bytes(8) + b"\x08\x06arp", NOBODY + b"\x08\x06arp"),
    (276, b"\x86\xdd\0\0\0\0\0\1\0\1\0\6abcdef\0\0" + IP6, bytes(6) + b"abcdef\x86\xdd" + IP6),
])  # fmt: skip
def test_other_links(tmp_path: Path, link: int, packet: bytes, frame: bytes) -> None:
    """The same from classic captures and from pcapng; cut ones are as long as the made-up header makes them."""
    classic = pcap_bytes([Frame(T, packet)])
    classic = classic[:20] + struct.pack("<I", link) + classic[24:]
    note = f": 1 of 1 frames have link type {link} ("
    for content in (classic, section() + interface(link) + enhanced(0, T, packet)):
        frames, notes = headers(tmp_path, content)
        assert frames == [frame]
        assert len(notes) == 1 and note in notes[0] and "made-up Ethernet header" in notes[0]
        assert f"link type {link} is not Ethernet" in message(tmp_path, content)
    frames, notes = headers(tmp_path, section() + interface(link) + enhanced(0, T, packet, len(packet) + 1000))
    assert len(frames[0]) == len(frame) + 1000 and len(notes) == 2


@pytest.mark.parametrize(
    ("link", "packet"), [(101, b""), (101, b"\x20"), (0, b"\x07\0\0\0"), (113, bytes(15)), (105, IP4)]
)
def test_links_without_ip(tmp_path: Path, link: int, packet: bytes) -> None:
    with pytest.raises(InputError, match=rf"frame 1 \(interface 0\): link type {link} is not Ethernet"):
        headers(tmp_path, section() + interface(link) + enhanced(0, T, packet))


def test_what_programs_are_given(tmp_path: Path) -> None:
    """Classic captures as they are; all else as classic captures with nanoseconds."""
    path = tmp_path / "a.pcapng"
    for plain in (pcap_bytes([Frame(T, FRAMES[0])]), pcap_bytes([Frame(T, FRAMES[0])], nanoseconds=True)):
        path.write_bytes(plain)
        assert as_programs_read(path, read_capture(path)) is None
    nano = section() + interface(1, 0, option(9, b"\x09")) + interface(1, 96) + enhanced(0, T * 1000 + 7, FRAMES[0])
    for content in (nano, gzip.compress(nano)):
        frames = read(tmp_path, content)
        given = as_programs_read(path, frames)
        assert given is not None
        assert read(tmp_path, given) == frames == [Frame(T * 1000 + 7, FRAMES[0])]


@pytest.mark.parametrize(("snap", "as_it_is"), [(60, True), (59, False), (0, True), (2**31, True)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_libpcap_cuts_at_what_the_header_says(tmp_path: Path, order: str, snap: int, as_it_is: bool) -> None:
    path = tmp_path / "a.pcap"
    record = struct.pack(f"{order}IIII", 1, 0, 60, 60) + bytes(60)
    path.write_bytes(struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, 1) + record)
    frames = read_capture(path)
    given = as_programs_read(path, frames)
    assert [f.data for f in frames] == [bytes(60)] and (given is None) == as_it_is
    assert as_it_is or (given is not None and read(tmp_path, given) == frames)


def test_what_is_said_of_frame_check_sequences_is_no_link_type(tmp_path: Path) -> None:
    capture = pcap_bytes([Frame(T, FRAMES[0])])
    assert len(read(tmp_path, capture[:20] + struct.pack("<I", 0x24000001) + capture[24:])) == 1
