"""Parallel programs of foreign NFs send what the sequential ones send, on 2 and on 3 workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from foreign_nfs import Build

from maestro_tool import canonical
from maestro_tool.traffic.capture import Frame, pcap_bytes, read_folder
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.renaming import renamed_by
from maestro_tool.traffic.replay import replay
from maestro_tool.traffic.spec import TrafficSpec
from tests import drivers

Captures = dict[int, list[Frame]]
Outputs = Mapping[int, list[bytes]]
T = TypeVar("T")

#: Flows of an inside at port 0: churn, pauses in which they expire, replies, strangers, malformed frames.
MIX = TrafficSpec(flows=1000, packets=5000, replies=0.4, unknown=0.1, odd=0.15, active=300, gaps=2, gap_us=30_000)
#: The same of an inside at port 1, where NFs have it whose WAN device is 0.
TURNED = replace(MIX, opener="wan")
HOSTS = replace(MIX, macs="host", distribution="one-slash-24")


def as_it_is(captures: T) -> T:
    return captures


def three_ports(captures: Captures) -> Captures:
    """Hosts with even addresses are at port 0, the others at port 1; servers at port 2."""
    inside = captures[0]
    return {n: [f for f in inside if f.data[29:30] and f.data[29] % 2 == n] for n in (0, 1)} | {2: captures[1]}


def with_options(captures: Captures) -> Captures:
    """Every third IPv4 frame has a router alert option, every ninth a source route."""

    def inserted(number: int, f: Frame) -> Frame:
        if number % 3 or f.data[12:15] != b"\x08\x00\x45":
            return f
        option = b"\x83\x04\x04\x00" if number % 9 == 0 else b"\x01\x94\x04\x00"
        length = min(int.from_bytes(f.data[16:18], "big") + 4, 0xFFFF)
        header = f.data[:14] + b"\x46" + f.data[15:16] + length.to_bytes(2, "big") + f.data[18:34]
        return Frame(f.time, header + option + f.data[34:])

    return {port: [inserted(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def known_stations(captures: Captures) -> Captures:
    """Every other frame goes to an address of the bridge's table."""

    def addressed(number: int, f: Frame) -> Frame:
        known = b"\x02\x00\x00\x00\x00" + bytes([number // 2 % 4])
        return f if number % 2 else Frame(f.time, known + f.data[6:])

    return {port: [addressed(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def tagged(captures: Captures) -> Captures:
    """Frames of port 1 have VLAN tags, but for every third."""

    def with_tag(number: int, f: Frame) -> Frame:
        tag = b"\x81\x00" + number.to_bytes(4, "big")[2:]
        return f if number % 3 == 0 else Frame(f.time, f.data[:12] + tag + f.data[12:])

    return {port: [with_tag(n, f) if port else f for n, f in enumerate(captures[port])] for port in captures}


def one_tag_or_two(captures: Captures) -> Captures:
    """Frames have a VLAN tag, or two, whatever others of their connection have; few have none."""

    def with_tags(number: int, f: Frame) -> Frame:
        tags = 1 + number % 2 if number % 31 else 0
        return Frame(f.time, f.data[:12] + b"\x81\x00\x00\x07" * tags + f.data[12:])

    return {port: [with_tags(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def carried(captures: Captures) -> Captures:
    """IPv4 frames are behind one to four MPLS labels, or in GRE between the same addresses, with any of its flags."""

    def label(*, last: bool) -> bytes:
        return b"\x00\x01" + (b"\xe1" if last else b"\xe0") + b"\x40"

    def behind(number: int, f: Frame) -> Frame:
        if f.data[12:14] != b"\x08\x00":
            return f
        if number % 2:
            labels = [label(last=n == number // 2 % 4) for n in range(number // 2 % 4 + 1)]
            return Frame(f.time, f.data[:12] + b"\x88\x47" + b"".join(labels) + f.data[14:])
        checksum, key = number // 2 % 2, number // 4 % 2
        gre = bytes([0x80 * checksum | 0x20 * key, 0]) + b"\x08\x00" + bytes(4 * (checksum + key))
        length = min(len(f.data) + 6 + len(gre), 0xFFFF).to_bytes(2, "big")
        outer = b"\x45\0" + length + bytes(4) + b"\x40\x2f\0\0" + f.data[26:34].ljust(8, b"\0")
        return Frame(f.time, f.data[:14] + outer + gre + f.data[14:])

    return {port: [behind(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def without_tags(sent: Outputs) -> Outputs:
    """What generated replies answer."""

    def bare(frame: bytes) -> bytes:
        return bare(frame[:12] + frame[16:]) if frame[12:14] == b"\x81\x00" else frame

    return {port: [bare(f) for f in frames] for port, frames in sent.items()}


@dataclass(frozen=True)
class Case:
    """``converses``: replies answer what the NF sent, as ``seen`` has it.  ``least``: of frames sent, of those
    received, in percent."""

    traffic: TrafficSpec
    arguments: str = ""
    change: Callable[[Captures], Captures] = as_it_is
    seen: Callable[[Outputs], Outputs] = as_it_is
    converses: bool = False
    least: int = 20


CASES = {
    "pairs": Case(MIX, "--expire 20000"),
    "gate": Case(TURNED, "--expire 20000"),
    "meter": Case(MIX, "--rate 4000 --burst 200 --capacity 16384", least=10),
    "masq": Case(MIX, "--outside 1 --address 192.0.2.1 --expire 20000", converses=True),
    # libVig's checksums of frames whose headers lie differ by more than by the port: permitted, by name.
    "liftedmasq": Case(MIX, "--outside 1 --address 192.0.2.1 --expire 20000", converses=True),
    "spread": Case(
        replace(MIX, servers=12), "--visit-time 10000 --server-time 4000 --visits 16384"
    ),
    "fixedbridge": Case(HOSTS, "--table tests/foreign/fixedbridge/table.conf", known_stations),
    "threeports": Case(MIX, "-o 2", three_ports),
    "oddities": Case(MIX),
    "wholeapi": Case(replace(MIX, flows=200, active=50)),
    "ipoptions": Case(MIX, change=with_options),
    "resize": Case(HOSTS, change=tagged, least=60),
    "bitfields": Case(MIX),
    "carried": Case(HOSTS, change=carried),
    "tagnat": Case(MIX, change=one_tag_or_two, seen=without_tags, converses=True),
}  # fmt: skip


def sent_by(program: Path, captures: Path, out: Path, case: Case, workers: int | None) -> Outputs:
    with drivers.preloaded():
        replay(program, captures, out, workers=workers, nf_arguments=case.arguments.split())
    return {port: [f.data for f in frames] for port, frames in read_folder(out).items()}


def received(folder: Path, case: Case, sent: Outputs | None = None) -> Path:
    canonical.write_files({folder / f"port{n}.pcap": data for n, data in generate(case.traffic, sent).items()})
    changed = case.change(read_folder(folder))
    canonical.write_files({folder / f"port{n}.pcap": pcap_bytes(frames) for n, frames in changed.items()})
    return folder


def conversation(program: Path, case: Case, folder: Path, workers: int | None = None) -> Outputs:
    """What the program sends; where replies depend on that, when they change no more."""
    sent = sent_by(program, received(folder / "in", case), folder / "out", case, workers)
    for n in range(12 if case.converses else 0):
        again = sent_by(program, received(folder / f"in{n}", case, case.seen(sent)), folder / f"out{n}", case, workers)
        if again == sent:
            break
        sent = again
    return sent


@pytest.mark.parametrize("name", CASES)
def test_parallel_equals_sequential(build: Build, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(build.folder)  # an NF reads a file by its relative path
    case = CASES[name]
    expected = conversation(build.sequential(name), case, tmp_path / "sequential")
    assert sum(map(len, expected.values())) * 100 > case.least * case.traffic.packets
    renamed = renamed_by(build.plan(name))
    assert bool(renamed) == (name in ("liftedmasq", "tagnat"))
    for workers in (2, 3):
        folder = tmp_path / str(workers)
        if renamed:  # replies must address the ports that this run chose
            actual = conversation(build.parallel(name), case, folder, workers)
        else:
            last = max((tmp_path / "sequential").glob("in*"), key=lambda p: p.stat().st_mtime)
            actual = sent_by(build.parallel(name), last, folder / "out", case, workers)
        comparison = compare(expected, actual, renamed)
        assert comparison.equal, f"{workers} workers: {comparison.text()}"
        assert {(d.kind, d.relaxation) for d in comparison.permitted} <= {("checksum", "index-choice")}
        assert bool(comparison.permitted) == (name == "liftedmasq")
