"""NFs of other dialects (tests/dialects): the parallel program sends what the sequential one sends, on 2 and 3 workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from nf_runs import Outputs, converse, make_captures, run
from programs import Build

from maestro_tool import canonical
from maestro_tool.traffic.capture import Frame, pcap_bytes, read_folder
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.renaming import renamed_by
from maestro_tool.traffic.spec import TrafficSpec
from tests.quick import others_long

#: Flows that port 0 opens: churn, pauses in which they expire, replies, strangers, malformed frames.
MIX = TrafficSpec(flows=800, packets=4000, replies=0.4, unknown=0.1, odd=0.15, active=300, gaps=2, gap_us=30_000)

Captures = dict[int, list[Frame]]


def as_it_is(captures: Captures) -> Captures:
    return captures


def of_the_store(captures: Captures) -> Captures:
    """Two of three UDP packets ask the store of tests/dialects/state/cellar for one of 50 keys, each flow for one."""

    def asked(number: int, f: Frame) -> Frame:
        if number % 3 == 0 or f.data[12:15] != b"\x08\x00\x45" or f.data[23:24] != b"\x11":
            return f
        key = bytes((10, 0, 0, sum(f.data[26:36]) % 50))
        request = (
            bytes((number % 5 == 1,)) + key + number.to_bytes(4, "big") + b"\0" + (number % 2).to_bytes(2, "little")
        )
        return Frame(f.time, f.data[:36] + (670).to_bytes(2, "big") + f.data[38:42] + request)

    return {port: [asked(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def of_echoes(captures: Captures) -> Captures:
    """Every fourth UDP packet is a request that tests/dialects/dpdk/turn answers."""

    def asked(number: int, f: Frame) -> Frame:
        if number % 4 or f.data[23:24] != b"\x11":
            return f
        return Frame(f.time, f.data[:36] + (7).to_bytes(2, "big") + f.data[38:])

    return {port: [asked(n, f) for n, f in enumerate(frames)] for port, frames in captures.items()}


def of_labels(captures: Captures) -> Captures:
    """Frames of two of three flows of port 1 have the label of tests/dialects/dpdk/wrap."""

    def labelled(number: int, f: Frame) -> Frame:
        if sum(f.data[26:38]) % 3 == 0:
            return f
        label = b"\x88\xb5" + number.to_bytes(4, "big") + len(f.data).to_bytes(2, "big")
        return Frame(f.time, f.data[:12] + label + f.data[12:])

    return {0: captures[0], 1: [labelled(n, f) for n, f in enumerate(captures[1])]}


def of_few_hosts(captures: Captures) -> Captures:
    """Inside there are 8 hosts, 10.0.0.1 and on; so are every fifth flow's outside."""

    def among(address: bytes) -> bytes:
        return bytes((10, 0, 0, 1 + sum(address) % 8))

    def moved(port: int, f: Frame) -> Frame:
        inside, outside = (26, 30) if port == 0 else (30, 26)
        data = bytearray(f.data)
        if sum(data[outside : outside + 4]) % 5 == 0:
            data[outside : outside + 4] = among(data[outside : outside + 4])
        data[inside : inside + 4] = among(data[inside : inside + 4])
        return Frame(f.time, bytes(data))

    return {
        port: [moved(port, f) if f.data[12:14] == b"\x08\x00" and len(f.data) > 34 else f for f in frames]
        for port, frames in captures.items()
    }


def of_knocks(captures: Captures) -> Captures:
    """Packets of port 0 come from 40 hosts; the ports of their UDP packets are even and odd by turns, mostly."""
    turns: dict[int, int] = {}

    def moved(number: int, f: Frame) -> Frame:
        if f.data[12:15] != b"\x08\x00\x45" or len(f.data) < 38:
            return f
        host = sum(f.data[26:38]) % 40
        data = f.data[:26] + bytes((10, 0, 0, host)) + f.data[30:]
        if f.data[23] != 17:
            return Frame(f.time, data)
        turns[host] = turns.get(host, 0) + (number % 7 != 0)
        return Frame(f.time, data[:36] + turns[host].to_bytes(2, "big") + data[38:])

    return {0: [moved(n, f) for n, f in enumerate(captures[0])], 1: captures[1]}


def of_envelopes(captures: Captures) -> Captures:
    """Three of four frames of port 1 are in an envelope of tests/dialects/xdp/envelope."""

    def sealed(number: int, f: Frame) -> Frame:
        if number % 4 == 0 or f.data[12:14] != b"\x08\x00":
            return f
        length = (len(f.data) + 6).to_bytes(2, "big")
        head = b"\x45\0" + length + bytes(4) + b"\x40\xfd\0\0" + bytes((192, 0, 2, 2, 192, 0, 2, 1))
        return Frame(f.time, f.data[:14] + head + f.data[14:])

    return {0: captures[0], 1: [sealed(n, f) for n, f in enumerate(captures[1])]}


def envelope_last(frame: bytes) -> bytes:
    """A sealed frame with its envelope, whose checksum must be right, at the end."""
    if frame[23:34] != bytes((253, *frame[24:26], 192, 0, 2, 1, 192, 0, 2, 2)):
        return frame
    assert sum(int.from_bytes(frame[n : n + 2], "big") for n in range(14, 34, 2)) % 0xFFFF == 0
    return frame[:14] + frame[34:] + frame[14:34]


def label_last(frame: bytes) -> bytes:
    """A labelled frame with its label at the end, so that its flow is that of the frame inside."""
    return frame[:12] + frame[20:] + frame[12:20] if frame[12:14] == b"\x88\xb5" else frame


def whole(frame: bytes) -> bytes:
    return frame


@dataclass(frozen=True)
class Case:
    """``least``: of frames sent, of those received, in percent.  ``renames``: what the NF shows of an index.
    ``told_by``: a frame that left, as it is compared."""

    arguments: str = ""
    traffic: TrafficSpec = MIX
    change: Callable[[Captures], Captures] = as_it_is
    renames: bool = False
    least: int = 20
    dialect: str = "libvig-state"
    strategy: str = "shared-nothing"
    told_by: Callable[[bytes], bytes] = whole


CASES = {
    "mirror": Case(least=60),
    "hedge": Case("--internal-devs 0 --fwd-rule 0,1 --fwd-rule 1,0 --expire 20000 --max-flows 16384"),
    "toll": Case("--rate 4000 --burst 3000 --capacity 16384", least=10),
    "cellar": Case("20000", change=of_the_store, least=10),
    "cloak": Case(renames=True),
    "waypost": Case("0.0.0.0 0 0 10.0.0.0 8 1 10.1.0.0 16 0"),
    "knocks": Case(),
    "turn": Case(dialect="dpdk", change=of_echoes, least=60),
    "wrap": Case(dialect="dpdk", change=of_labels, told_by=label_last, least=60),
    "sample": Case("-n 100", dialect="dpdk"),
    "gatehouse": Case("--flows 16384 --age 0", dialect="dpdk"),
    "tally": Case("-q 700 -h 16384", dialect="dpdk"),
    "guests": Case("10.0.0.1 10.0.0.2", change=of_few_hosts, dialect="dpdk", least=10),
    "signpost": Case("0.0.0.0/1=1 10.0.0.0/8=1 10.64.0.0/10=0", dialect="dpdk"),
    "seats": Case(dialect="dpdk", strategy="locks"),
    "doorman": Case("limits[0]=6", dialect="xdp"),
    "turnstile": Case("settings[0]=20000000", dialect="xdp"),
    "parrot": Case(dialect="xdp", change=of_echoes, least=60),
    "census": Case(dialect="xdp", strategy="locks"),
    "guestlist": Case("guests[10.0.0.1]=0 guests[10.0.0.2]=7", change=of_few_hosts, dialect="xdp", least=10),
    "knock": Case(dialect="xdp", change=of_knocks, least=10),
    "tallies": Case(dialect="xdp"),
    "lanes": Case(dialect="xdp"),
    "curt": Case(dialect="xdp", change=of_few_hosts),
    "wayside": Case("routes[0.0.0.0/0]=4 routes[10.0.0.0/8]=3 routes[10.0.0.128/25]=4", dialect="xdp"),
    "switchboard": Case("lines[0]=4 lines[2]=3", dialect="xdp"),
    "envelope": Case(dialect="xdp", change=of_envelopes, told_by=envelope_last),
    "sieve": Case(dialect="xdp", change=of_few_hosts, strategy="locks", least=5),
}


def received(folder: Path, case: Case) -> Path:
    captures = make_captures(folder, case.traffic)
    changed = case.change(read_folder(captures))
    canonical.write_files({folder / f"port{n}.pcap": pcap_bytes(frames) for n, frames in changed.items()})
    return folder


@pytest.mark.parametrize("name", others_long(CASES, ("hedge",)))
def test_parallel_equals_sequential(build: Build, name: str, tmp_path: Path) -> None:
    case = CASES[name]

    def sent_by(program: Path, folder: Path, workers: int | None = None) -> Outputs:
        if case.renames:  # replies must address the ports that this run chose
            return converse(program, case.traffic, folder, case.arguments, workers)[1]
        sent = run(program, received(folder / "in", case), folder / "out", case.arguments, workers)[0]
        return {port: [case.told_by(frame) for frame in frames] for port, frames in sent.items()}

    expected = sent_by(build.sequential(name), tmp_path / "sequential")
    assert sum(map(len, expected.values())) * 100 > case.least * case.traffic.packets
    plan = build.plan(name)
    assert plan["strategy"] == case.strategy and plan["dialect"] == case.dialect
    renamed = renamed_by(plan)
    assert bool(renamed) == case.renames
    for workers in (2, 3):
        actual = sent_by(build.parallel(name), tmp_path / str(workers), workers)
        comparison = compare(expected, actual, renamed)
        assert comparison.equal, f"{workers} workers: {comparison.text()}"
