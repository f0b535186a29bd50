"""Broken captures: every error says what is wrong and where."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import dpkt
import pytest

from maestro_tool.diagnostics import InputError
from maestro_tool.traffic.capture import Frame, capture_paths, pcap_bytes, read_capture, read_folder, write_captures

FRAMES = [Frame(1_700_000_000_000_001_000 + i * 1000, bytes([i]) * (60 + i)) for i in range(3)]
GOOD = pcap_bytes(FRAMES)


def pcap(order: str = "<", magic: int = 0xA1B2C3D4, version: tuple[int, int] = (2, 4), link: int = 1) -> bytes:
    header = struct.pack(f"{order}IHHiIII", magic, *version, 0, 0, 65535, link)
    return header + struct.pack(f"{order}IIII", 7, 8, 4, 4) + b"abcd"


def read(tmp_path: Path, content: bytes) -> list[Frame]:
    path = tmp_path / "a.pcap"
    path.write_bytes(content)
    return read_capture(path)


def test_round_trip(tmp_path: Path) -> None:
    write_captures({tmp_path / "a.pcap": FRAMES})
    assert read_capture(tmp_path / "a.pcap") == FRAMES


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_byte_orders_and_units(tmp_path: Path, order: str, magic: int, unit: int) -> None:
    assert read(tmp_path, pcap(order, magic)) == [Frame(7_000_000_000 + 8 * unit, b"abcd")]


def test_no_frames(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD[:24]) == []


def test_pcapng(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    writer = dpkt.pcapng.Writer(buffer)
    writer.writepkt(b"\x01" * 60, ts=5.25)
    assert read(tmp_path, buffer.getvalue()) == [Frame(5_250_000_000, b"\x01" * 60)]


def test_cut_pcapng(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    writer = dpkt.pcapng.Writer(buffer)
    writer.writepkt(b"\x01" * 60, ts=5.25)
    for length in range(4, len(buffer.getvalue()) - 1):
        try:
            frames = read(tmp_path, buffer.getvalue()[:length])
        except InputError as error:
            assert "a.pcap" in error.message
        else:
            assert frames == []  # cut between two blocks: a capture without frames


@pytest.mark.parametrize(("content", "message"), [
    (b"", "empty"),
    (GOOD[:23], "file header is cut: 23 of 24 bytes"),
    (GOOD[:2], "starts with d4 c3"),
    (b"hello, this is no capture at all", "no pcap magic number"),
    (pcap(version=(2, 3)), "version 2.3"),
    (pcap(link=101), "link type 101 is not Ethernet (1), but raw IP"),
    (GOOD[:25], "record 1 at byte 24: the record header is cut: 1 of 16 bytes"),
    (GOOD[: 24 + 16 + 60 + 15], "record 2 at byte 100: the record header is cut: 15 of 16 bytes"),
    (GOOD[: 24 + 16 + 60 + 16], "record 2 at byte 100: the frame is cut: 0 of 61 bytes"),
    (GOOD[:-1], "record 3 at byte 177: the frame is cut: 61 of 62 bytes"),
    (GOOD[:24] + struct.pack("<IIII", 1, 0, 4, 60) + b"abcd", "only 4 bytes of a frame of 60"),
    (GOOD[:24] + struct.pack("<IIII", 1, 1_000_000, 4, 4) + b"abcd", "fraction 1000000"),
])  # fmt: skip
def test_broken(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert message in error.value.message
    assert "a.pcap" in error.value.message


def test_missing_file_and_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such capture"):
        read_capture(tmp_path / "nowhere.pcap")
    with pytest.raises(InputError, match="cannot read"):
        read_capture(tmp_path)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        capture_paths(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"port0\.pcap: no such capture"):
        capture_paths(tmp_path)
    write_captures({tmp_path / f"port{n}.pcap": FRAMES[:n] for n in (0, 2)})
    with pytest.raises(InputError, match=r"port1\.pcap: no such capture"):
        capture_paths(tmp_path)
    write_captures({tmp_path / "port1.pcap": FRAMES[:1]})
    assert read_folder(tmp_path) == {0: [], 1: FRAMES[:1], 2: FRAMES[:2]}
