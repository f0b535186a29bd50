"""Each sequential program against its model, frame by frame: expiry, full tables, odd frames, replies."""

from __future__ import annotations

from pathlib import Path

import dpkt
import pytest
from cases import SEQUENTIAL
from nf_runs import converse, make_captures, modelled, packets, run
from programs import Build


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_equals_model(build: Build, tmp_path: Path, name: str) -> None:
    case = SEQUENTIAL[name]
    program = build.sequential(case.nf)
    if case.converses:
        captures, sent, _ = converse(program, case.traffic, tmp_path, case.arguments)
    else:
        captures = make_captures(tmp_path / "in", case.traffic)
        sent, _ = run(program, captures, tmp_path / "out", case.arguments)
    expected = modelled(case.model, captures)
    for port, frames in expected.items():
        assert sent[port] == frames
    if case.nf in ("nat", "lb"):  # which rewrite frames
        assert all(has_right_checksums(frame) for frames in sent.values() for frame in frames if is_whole(frame))
    # No case may be trivial, or another one again.
    assert sum(map(len, sent.values())) not in (0, len(packets(captures))) or name == "hhh-largest"


def is_whole(frame: bytes) -> bool:
    """TCP or UDP over IPv4, neither cut nor a fragment."""
    size = int.from_bytes(frame[16:18], "big") + 14
    unfragmented = frame[20] & 0x3F == 0 and frame[21] == 0
    return frame[12:15] == b"\x08\x00\x45" and frame[23] in (6, 17) and size == len(frame) >= 54 and unfragmented


def has_right_checksums(frame: bytes) -> bool:
    """dpkt computes the same."""
    ip = dpkt.ethernet.Ethernet(frame).data
    found = ip.sum, ip.data.sum
    ip.sum = ip.data.sum = 0
    again = dpkt.ip.IP(bytes(ip))
    return found == (again.sum, again.data.sum)
