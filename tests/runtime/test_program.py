"""The DPDK program on captures: parallel and sequential runs against a model in Python; what is refused, and how."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dpkt  # type: ignore[import-untyped]
import pytest

from tests import drivers
from tests.quick import one_quick
from tests.runtime.toolchain import HERE, Toolchain

EXPIRE_US = 50_000
MAX_FLOWS = 65536


@dataclass(frozen=True)
class Packet:
    """``time`` in microseconds; ``port`` where it arrives."""

    time: int
    port: int
    frame: bytes


def frame(src: int, dst: int, src_port: int, dst_port: int, number: int, ether_type: int = 0x0800) -> bytes:
    """UDP over IPv4 with a serial number as its payload."""
    l4 = struct.pack("!HHHHI", src_port, dst_port, 12, 0, number) + bytes(14)
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(l4), 0, 0, 64, 17, 0, src, dst)
    return bytes(6) + bytes(6) + struct.pack("!H", ether_type) + ip + l4


def traffic(n: int, n_flows: int, seed: int) -> list[Packet]:
    """Both directions, replies to nobody, ARP, runts; one packet each 10 us, some at the same time."""
    rng = random.Random(seed)
    flows = [
        (0x0A000000 + rng.randrange(65536), rng.randrange(1 << 32), rng.randrange(1024, 65536), rng.randrange(1, 1024))
        for _ in range(n_flows)
    ]
    packets = []
    now = 1_000_000
    for number in range(n):
        now += rng.choice((0, 10, 20))
        lan, wan, lan_port, wan_port = rng.choice(flows)
        port = rng.randrange(2)
        args = (lan, wan, lan_port, wan_port) if port == 0 else (wan, lan, wan_port, lan_port)
        kind = rng.random()
        text = frame(*args, number, 0x0806 if kind < 0.02 else 0x0800)
        if 0.02 < kind < 0.05:
            text = text[: rng.randrange(1, 42)]
        packets.append(Packet(now, port, text))
    return packets


def write(path: Path, packets: list[Packet]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for p in packets:
            file.write(struct.pack("<IIII", p.time // 1_000_000, p.time % 1_000_000, len(p.frame), len(p.frame)))
            file.write(p.frame)


def read(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [bytes(data) for _, data in dpkt.pcap.Reader(file)]


def expected(packets: list[Packet]) -> tuple[list[bytes], list[bytes], dict[str, int]]:
    """The tiny firewall: frames out of ports 0 and 1, and counts."""
    last: dict[bytes, int] = {}
    out: tuple[list[bytes], list[bytes]] = ([], [])
    counts: dict[str, int] = defaultdict(int)
    for p in sorted(packets, key=lambda p: (p.time, p.port)):
        if p.frame[12:14] == b"\x08\x06":
            counts["flooded"] += 1
            out[1 - p.port].append(p.frame)
            continue
        key = p.frame[26:38] if p.port == 0 else p.frame[30:34] + p.frame[26:30] + p.frame[36:38] + p.frame[34:36]
        readable = p.frame[12:14] == b"\x08\x00" and len(p.frame) >= 38
        known = readable and p.time - last.get(key, -EXPIRE_US - 1) <= EXPIRE_US
        if readable and (known or p.port == 0):
            last[key] = p.time
            counts["forwarded"] += 1
            out[1 - p.port].append(p.frame)
        else:
            counts["dropped"] += 1
    return *out, counts


def by_flow(frames: list[bytes]) -> dict[bytes, list[bytes]]:
    """Frames in order, per flow."""
    flows: dict[bytes, list[bytes]] = defaultdict(list)
    for f in frames:
        flows[f[12:14] + f[26:38]].append(f)
    return flows


@pytest.fixture(scope="session")
def programs(plain: Toolchain) -> dict[str, Path]:
    variants = {
        "soft": (),
        "sequential": ("-DTINY_SEQUENTIAL",),
        "hardware": ("-DTINY_HARDWARE",),
        "handoff": ("-DTINY_HANDOFF",),
    }
    main = plain.folder / "main.o"
    return {
        name: plain.link(f"tiny-{name}", main, plain.compile(HERE / "tiny_fw.c", f"tiny-{name}", *flags))
        for name, flags in variants.items()
    }


@pytest.fixture(scope="session")
def packets() -> list[Packet]:
    return traffic(60_000, 10_000, seed=1)


@pytest.fixture(scope="session")
def captures(packets: list[Packet], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("captures")
    paths = (folder / "lan.pcap", folder / "wan.pcap")
    for port, path in enumerate(paths):
        write(path, [p for p in packets if p.port == port])
    return paths


def vdevs(captures: tuple[Path, Path], folder: Path) -> Iterator[str]:
    for port, capture in enumerate(captures):
        yield f"--vdev=net_pcap{port},rx_pcap={capture},tx_pcap={folder / f'out{port}.pcap'}"


def run(program: Path, *words: str, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    with drivers.at_once():
        return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=timeout)


def replay(program: Path, captures: tuple[Path, Path], folder: Path, *words: str) -> dict[str, object]:
    stats = folder / "stats.json"
    nf = ["--", "--expire", str(EXPIRE_US * 1000), "--max", str(MAX_FLOWS)]
    done = run(program, *words, "--replay", "--stats", str(stats), *vdevs(captures, folder), *nf)
    assert done.returncode == 0, done.stderr
    assert "total" in done.stdout
    result: dict[str, object] = json.loads(stats.read_text())
    return result


@pytest.mark.parametrize(
    ("variant", "workers"),
    one_quick([("sequential", 1), ("soft", 1), ("soft", 2), ("soft", 3), ("soft", 7)], ("soft", 2)),
)
def test_replay(
    variant: str,
    workers: int,
    programs: dict[str, Path],
    packets: list[Packet],
    captures: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    words = [] if variant == "sequential" else ["--workers", str(workers)]
    stats = replay(programs[variant], captures, tmp_path, *words)
    lan, wan, counts = expected(packets)
    got = read(tmp_path / "out0.pcap"), read(tmp_path / "out1.pcap")
    for frames, wanted in zip(got, (lan, wan), strict=True):
        if variant == "sequential":
            assert frames == wanted
        assert by_flow(frames) == by_flow(wanted)
    per_worker, total = stats["workers"], stats["total"]
    assert isinstance(per_worker, list) and isinstance(total, dict)
    assert len(per_worker) == workers
    assert all(w["processed"] > len(packets) / workers / 4 for w in per_worker)
    assert total["rx"] == total["processed"] == len(packets)
    assert {k: total[k] for k in counts} == counts
    assert total["unsent"] == total["lost"] == stats["lost_by_dispatcher"] == 0


def test_replays_are_repeatable(programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path) -> None:
    counts = [replay(programs["soft"], captures, tmp_path, "--workers", "2") for _ in range(2)]
    assert counts[0] == counts[1]


def test_unsorted_capture(programs: dict[str, Path], tmp_path: Path) -> None:
    """Time does not run backwards: the second packet has the time of the first."""
    captures = tmp_path / "lan.pcap", tmp_path / "wan.pcap"
    opened, reply = frame(1, 2, 3, 4, 0), frame(2, 1, 4, 3, 1)
    write(captures[0], [Packet(9_000_000, 0, opened), Packet(1_000_000, 0, opened)])
    write(captures[1], [Packet(9_000_000 + EXPIRE_US, 1, reply), Packet(9_000_001 + EXPIRE_US, 1, reply)])
    replay(programs["sequential"], captures, tmp_path)
    assert read(tmp_path / "out0.pcap") == [reply, reply]


def test_large_frames(programs: dict[str, Path], tmp_path: Path) -> None:
    captures = tmp_path / "lan.pcap", tmp_path / "wan.pcap"
    large = frame(1, 2, 3, 4, 0) + bytes(1900)
    write(captures[0], [Packet(1_000_000 + i, 0, large) for i in range(50)])
    write(captures[1], [])
    replay(programs["soft"], captures, tmp_path, "--workers", "2")
    assert read(tmp_path / "out1.pcap") == [large] * 50


@pytest.mark.parametrize(("variant", "size"), one_quick([("sequential", 9_000), ("soft", 65_535)], ("soft", 65_535)))
def test_jumbo_frames(programs: dict[str, Path], tmp_path: Path, variant: str, size: int) -> None:
    """Buffers are as large as the longest frame: the NF sees all of it in one piece, and it is sent whole."""
    captures = tmp_path / "lan.pcap", tmp_path / "wan.pcap"
    opened = [frame(5, 6, 7, 8, n).ljust(size - n % 200, bytes([n % 256])) for n in range(300)]
    replies = [frame(6, 5, 8, 7, n) for n in range(300)]
    write(captures[0], [Packet(1_000_000 + 10 * n, 0, f) for n, f in enumerate(opened)])
    write(captures[1], [Packet(1_000_005 + 10 * n, 1, f) for n, f in enumerate(replies)])
    total = replay(programs[variant], captures, tmp_path)["total"]
    assert isinstance(total, dict)
    assert (total["rx"], total["processed"], total["too_long"], total["dropped"]) == (600, 600, 0, 0)
    assert read(tmp_path / "out1.pcap") == opened and read(tmp_path / "out0.pcap") == replies


def test_times_are_exact_to_the_nanosecond(programs: dict[str, Path], tmp_path: Path) -> None:
    """A reply comes at the flow's last moment, another one a nanosecond later; net_pcap knows of microseconds only."""
    captures = tmp_path / "lan.pcap", tmp_path / "wan.pcap"
    first, second = (frame(1, 2, 3, port, port) for port in (4, 5))
    replies = [frame(2, 1, port, 3, port) for port in (4, 5)]
    start, end = 1_000_000_007, 1_000_000_007 + EXPIRE_US * 1000
    for path, packets in (
        (captures[0], ((start, first), (start, second))),
        (captures[1], zip((end, end + 1), replies, strict=True)),
    ):
        text = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
        for time_, f in packets:
            text += struct.pack("<IIII", *divmod(time_, 1_000_000_000), len(f), len(f)) + f
        path.write_bytes(text)
    replay(programs["sequential"], captures, tmp_path)
    assert read(tmp_path / "out0.pcap") == replies[:1]


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)


def pcapng_section(order: str, *interfaces: tuple[int, int, bytes]) -> bytes:
    """``interfaces``: link type, snap length, options."""
    text = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    for link, snap, options in interfaces:
        text += block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order)
    return text


def enhanced(order: str, number: int, ticks: int, data: bytes, length: int | None = None) -> bytes:
    words = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if length is None else length)
    return block(6, struct.pack(f"{order}IIIII", *words) + data, order)


def simple(order: str, data: bytes) -> bytes:
    return block(3, struct.pack(f"{order}I", len(data)) + data, order)


def pcapng_captures(folder: Path, frames: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each has ``frames``, the first of them 2 s after 1970 and the last EXPIRE_US after that."""
    first, *middle, last = frames
    late = 2_000_000 + EXPIRE_US
    yield "simple", (
        pcapng_section("<", (1, 0, b"")) + enhanced("<", 0, 2_000_000, first) + b"".join(simple("<", f) for f in middle)
        + enhanced("<", 0, late, last)
    )  # fmt: skip
    for order in "<>":
        # Nanoseconds; 2**-20 s; an offset of -3 s.  libpcap reads no file whose interfaces differ in snap length.
        nano = struct.pack(f"{order}HHB3x", 9, 1, 9)
        binary, offset = struct.pack(f"{order}HHB3x", 9, 1, 0x94), struct.pack(f"{order}HHq", 14, 8, -3)
        text = pcapng_section(order, (1, 0, nano), (1, 96, binary), (1, 128, offset + struct.pack(f"{order}HH", 0, 0)))
        text += enhanced(order, 0, 2_000_000_000, first) + b"".join(enhanced(order, 1, 2 << 20, f) for f in middle[:1])
        other = "<" if order == ">" else ">"
        text += pcapng_section(other, (1, 0, b"")) + b"".join(enhanced(other, 0, 2_000_001, f) for f in middle[1:])
        text += pcapng_section(order, (1, 0, b""), (1, 7000, offset)) + enhanced(order, 1, 3_000_000 + late, last)
        yield f"interfaces{order}", text


def test_pcapng(programs: dict[str, Path], tmp_path: Path) -> None:
    opened = [frame(1, 2, 3, 4, n) for n in range(4)]
    replies = [frame(2, 1, 4, 3, n) for n in range(2)]
    times = (2_000_000 + 2 * EXPIRE_US, 2_000_001 + 3 * EXPIRE_US)
    write(tmp_path / "wan.pcap", [Packet(t, 1, f) for t, f in zip(times, replies, strict=True)])
    for name, content in pcapng_captures(tmp_path, opened):
        path = tmp_path / f"{name}.pcapng"
        path.write_bytes(content)
        replay(programs["sequential"], (path, tmp_path / "wan.pcap"), tmp_path)
        assert read(tmp_path / "out1.pcap") == opened, name
        assert read(tmp_path / "out0.pcap") == replies[:1], name


def test_help(programs: dict[str, Path]) -> None:
    done = run(programs["soft"], "--help")
    assert done.returncode == 0
    assert "--workers N" in done.stdout and "1 to 127" in done.stdout and "--replay" in done.stdout


def bad_captures(folder: Path) -> Iterator[tuple[str, bytes | None, str]]:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 1, 0, 60, 60)
    yield "absent", None, "No such file"
    yield "empty", b"", "it is empty"
    yield "text", b"hello, this is not a capture", "not a capture"
    yield "cut-header", header[:10], "ends within its header"
    yield "cut-record", header + record[:9], "truncated"
    yield "cut-packet", header + record + bytes(59), "truncated"
    other = struct.pack("<IHH", 0xA1B2C3D4, 2, 3) + header[8:]
    yield "version", other + record + bytes(60), "its pcap version is not 2.4"
    yield "fraction", header + struct.pack("<IIII", 1, 1_000_000, 60, 60) + bytes(60), "packet 1's time is a second"
    low = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 59, 1)
    yield "header", low + record + bytes(60), "frame 1 has 60 bytes, more than the 59 that the file's header has"
    yield "wifi", header[:20] + struct.pack("<I", 105), "not Ethernet"
    cut = struct.pack("<IIII", 1, 0, 42, 60) + bytes(42)
    yield "snapped", header + record + bytes(60) + cut, "frame 2: only 42 bytes of a frame of 60 were captured"
    yield "long", header + struct.pack("<IIII", 1, 0, 65536, 65536) + bytes(65536), "frame 1 has 65536 bytes, more than"
    yield "gzip", b"\x1f\x8b\x08\0", "gunzip"
    good = pcapng_section("<", (1, 0, b""), (101, 0, b"")) + enhanced("<", 0, 0, bytes(60))
    for name, more, message in (
        ("links", enhanced("<", 1, 0, bytes(60)), "frame 2 (interface 1): its link type 101 is not Ethernet"),
        ("unknown", enhanced("<", 2, 0, bytes(60)), "frame 2 is of interface 2, which the section does not describe"),
        ("snapped", enhanced("<", 0, 0, bytes(42), 60), "frame 2: only 42 bytes of a frame of 60 were captured"),
        ("hostile", struct.pack("<III", 6, 0xFFFFFFF0, 0), "has 12 of 4294967280 bytes"),
        ("short", struct.pack("<III", 6, 8, 8), "8 at byte 164 is no length of a block"),
        ("two", struct.pack("<IIII", 5, 16, 0, 12), "has two lengths"),
        ("beyond", block(6, struct.pack("<IIIII", 0, 0, 0, 61, 61) + bytes(56)), "longer than its block"),
        ("old", enhanced("<", 0, 2**63, bytes(60)), "not between 1970 and 2106"),
        ("rest", b"\6\0\0\0", "ends within the header of a block"),
        ("room", block(6, bytes(8)), "has no room for its fields"),
        ("order", block(0x0A0D0D0A, bytes(16)), "no byte-order magic"),
        ("option", block(1, struct.pack("<HHIHH", 1, 0, 0, 2, 900)), "option 2 of an interface is cut"),
    ):
        yield f"{name}-ng", good + more, message


def test_bad_captures(programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path) -> None:
    for name, content, message in bad_captures(tmp_path):
        path = tmp_path / f"{name}.pcap"
        if content is not None:
            path.write_bytes(content)
        stats = tmp_path / "stats.json"
        done = run(programs["soft"], "--replay", "--stats", str(stats), *vdevs((path, captures[1]), tmp_path))
        assert done.returncode == 1, name
        assert f"{name}.pcap" in done.stderr and message in done.stderr, done.stderr
        assert not stats.exists()


def test_captures_without_packets(programs: dict[str, Path], tmp_path: Path) -> None:
    write(tmp_path / "empty.pcap", [])
    (tmp_path / "empty.pcapng").write_bytes(pcapng_section("<", (1, 0, b"")))
    done = run(programs["soft"], "--replay", *vdevs((tmp_path / "empty.pcap", tmp_path / "empty.pcapng"), tmp_path))
    assert done.returncode == 1 and "there is nothing to replay" in done.stderr
    done = run(programs["soft"], "--replay", *vdevs((tmp_path / "empty.pcap", tmp_path), tmp_path))
    assert done.returncode == 1 and "Is a directory" in done.stderr


@pytest.mark.parametrize(
    ("variant", "words", "message"),
    [
        ("soft", ["--workers", "0"], "'0' is not a number from 1 to 127"),
        ("soft", ["--workers", "128"], "'128' is not a number from 1 to 127"),
        ("soft", ["--workers", "two"], "'two' is not a number"),
        ("soft", ["--workers"], "--workers needs a value"),
        ("soft", ["--idle", "doze"], "--idle: 'doze' is neither sleep nor poll"),
        ("soft", ["--mtu", "9k"], "--mtu: '9k' is not a number from 68 to 65000"),
        ("soft", ["--vdev=net_tap0,iface=maestro-no", "--mtu=65001"], "'65001' is not a number from 68 to 65000"),
        ("soft", ["--no-pci"], "no ports: give 2 with --vdev"),
        ("soft", ["--vdev=net_null0"], "1 ports found, but the analysis assumed 2"),
        ("soft", ["--vdev=net_null0", "--vdev=net_null1", "--replay"], "carry no timestamps"),
        ("soft", ["--vdev=net_null0", "--vdev=net_null1", "--lcores=0@0,1@0", "--workers", "2"], "need 3 lcores"),
        ("soft", ["--vdev=net_null0", "--vdev=net_null1", "--", "--frobnicate"], "unknown option"),
        ("soft", ["--vdev=net_null0", "--vdev=net_null1", "--", "--expire", "x"], "'x' is not a number"),
        ("soft", ["--vdev=net_null0", "--vdev=net_null1", "--", "--expire", "13"], "not as analysed"),
        ("sequential", ["--workers", "2"], "this is the sequential build"),
        ("hardware", ["--no-pci"], "built for nic=card, and DPDK found no such card"),
        ("hardware", ["--vdev=net_null0", "--vdev=net_null1", "--replay"], "--replay needs a build for nic=soft"),
        ("hardware", ["--vdev=net_ring0", "--vdev=net_ring1"], "port 0 is a card of driver net_ring, but the plan"),
        ("hardware", ["--vdev=net_null0", "--vdev=net_ring0"], "nic=card is for net_null: packets would meet the wr"),
        ("hardware", ["--vdev=net_null0", "--vdev=net_null1"], ""),
    ],
)
def test_refusals(variant: str, words: list[str], message: str, programs: dict[str, Path]) -> None:
    done = run(programs[variant], *words)
    assert done.returncode == 1, done.stdout
    assert message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) <= 5, done.stderr


def until_it_runs(process: subprocess.Popen[bytes]) -> bytes:
    """Waits until the program says that it runs, or has ended; what it said."""
    said = b""
    assert process.stderr is not None
    while b"running on" not in said and (line := process.stderr.readline()):
        said += line
    return said


def stopped(process: subprocess.Popen[bytes]) -> bytes:
    """Interrupts the program a little after it has begun to run; what it said."""
    said = until_it_runs(process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    return said + process.communicate(timeout=30)[1]


def test_stops_on_signal(programs: dict[str, Path], tmp_path: Path) -> None:
    """Live mode: ports that always have packets, until SIGINT."""
    stats = tmp_path / "stats.json"
    words = ["--workers", "2", "--stats", str(stats), "--vdev=net_null0,size=60", "--vdev=net_null1,size=60"]
    with subprocess.Popen([programs["soft"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        errors = stopped(process)
    assert process.returncode == 0, errors
    counts = json.loads(stats.read_text())
    total = counts["total"]
    assert total["rx"] == total["processed"] > 0
    assert total["dropped"] == total["processed"]  # zeros are not IPv4
    # Ports that hold what is not received wait for workers: nothing is lost but what was under way at the end.
    assert counts["lost_by_dispatcher"] <= 2 * 32


@pytest.mark.parametrize("idle", ("sleep", "poll"))
def test_workers_without_packets(programs: dict[str, Path], idle: str) -> None:
    """They rest, or keep their CPUs; both end when they are told to."""
    words = ["--workers", "1", f"--idle={idle}", "--vdev=net_ring0", "--vdev=net_ring1"]
    with subprocess.Popen([programs["soft"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said = until_it_runs(process)
        time.sleep(0.1)
        before, rested, until = rests(process.pid), 0, time.monotonic() + (0.2 if idle == "poll" else 10)
        while time.monotonic() < until and rested == 0:
            time.sleep(0.02)
            rested = rests(process.pid) - before
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=30)[1]
    assert process.returncode == 0, said
    assert (rested == 0) == (idle == "poll")


def rests(pid: int) -> int:
    """How often threads of a process have given their CPU away to wait for something, proc(5)."""
    texts = [status.read_text(encoding="ascii") for status in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in texts)


@pytest.mark.parametrize(
    ("variant", "workers", "message"),
    [
        ("soft", None, ""),
        ("soft", "1", ""),
        ("soft", "2", "2 workers and the thread that deals packets out to them share 1 CPU, where"),
        ("hardware", "2", "2 workers share 1 CPU, where each waits for the others' time slices"),
    ],
)
def test_threads_that_share_a_cpu(programs: dict[str, Path], variant: str, workers: str | None, message: str) -> None:
    cpu = str(min(os.sched_getaffinity(0)))
    words = ["taskset", "-c", cpu, str(programs[variant]), "--no-pci", *(["--workers", workers] if workers else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and ("share" in done.stderr) == bool(message) and message in done.stderr


def test_default_workers(programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path) -> None:
    """One per CPU, but the dispatcher's."""
    stats = tmp_path / "stats.json"
    done = run(programs["soft"], "--replay", "--stats", str(stats), *vdevs(captures, tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(json.loads(stats.read_text())["workers"]) == max(1, len(os.sched_getaffinity(0)) - 1)


def test_hand_off(programs: dict[str, Path], tmp_path: Path) -> None:
    """Each worker receives on its own queue; packets without addresses belong to worker 0, whoever got them."""
    stats = tmp_path / "stats.json"
    words = ["--workers", "2", "--stats", str(stats), "--vdev=net_null0,size=60", "--vdev=net_null1,size=60"]
    with subprocess.Popen([programs["handoff"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        errors = stopped(process)
    assert process.returncode == 0, errors
    first, second = json.loads(stats.read_text())["workers"]
    assert first["processed"] > 0 and second["rx"] > 0
    assert second["processed"] == 0 and second["handed_over"] == second["rx"] and first["handed_over"] == 0


def test_a_port_with_fewer_queues_than_workers(programs: dict[str, Path], tmp_path: Path) -> None:
    """net_ring has as many queues as rings (one here): worker 0 receives, and hands over."""
    stats = tmp_path / "stats.json"
    words = ["--workers", "3", "--stats", str(stats), "--vdev=net_ring0", "--vdev=net_ring1"]
    with subprocess.Popen([programs["handoff"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        errors = stopped(process)
    assert process.returncode == 0, errors
    assert len(json.loads(stats.read_text())["workers"]) == 3


def test_outputs_that_are_named_twice(programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path) -> None:
    """EAL would empty a capture that is read before its first packet."""
    mine, link, out = tmp_path / "mine.pcap", tmp_path / "link.pcap", tmp_path / "out.pcap"
    mine.write_bytes(captures[0].read_bytes())
    link.hardlink_to(mine)
    for outputs, stats, message in (
        ((mine, out), "stats.json", "is to be written, but is read"),
        ((out, link), "stats.json", "is to be written, but is read"),
        ((out, out), "stats.json", "written by another port"),
        ((out, tmp_path / "other.pcap"), "mine.pcap", "is a capture to read"),
    ):
        devices = [
            f"--vdev=net_pcap{i},rx_pcap={rx},tx_pcap={tx}"
            for i, (rx, tx) in enumerate(zip((mine, captures[1]), outputs, strict=True))
        ]
        done = run(programs["soft"], "--replay", "--stats", str(tmp_path / stats), *devices)
        assert done.returncode == 1 and message in done.stderr, done.stderr
        assert mine.read_bytes() == captures[0].read_bytes()
        assert not out.exists()


def test_full_disk(programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk that is full; libpcap tells nobody."""
    limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]
    done = subprocess.run(
        [*limited, programs["soft"], "--replay", "--workers", "2", *vdevs(captures, tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1, done.stdout
    assert "out0.pcap' is not complete" in done.stderr, done.stderr


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_interrupted_replay(
    number: signal.Signals, programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path
) -> None:
    """An output that is read slowly holds the replay up until the signal has come."""
    stats, pipe = tmp_path / "stats.json", tmp_path / "out1.pcap"
    os.mkfifo(pipe)
    words = ["--workers", "2", "--replay", "--stats", str(stats), *vdevs(captures, tmp_path)]
    with subprocess.Popen([programs["soft"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pipe.open("rb") as output:
            assert len(output.read(10_000)) == 10_000
            process.send_signal(number)
            time.sleep(0.2)
            output.read()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors
    assert b"interrupted" in errors
    assert not stats.exists()


@pytest.mark.parametrize("words", ([], ["-m", "1024"]))
@pytest.mark.parametrize("workers", (16, 64))
def test_many_workers(
    workers: int, words: list[str], programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path
) -> None:
    """The memory that is asked for by default suffices; with -m huge pages are not needed either."""
    stats = replay(programs["soft"], captures, tmp_path, "--workers", str(workers), *words)
    assert isinstance(stats["workers"], list) and len(stats["workers"]) == workers


TAP_TRAFFIC = """
import socket, sys
sender, receiver = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) for _ in range(2))
sender.bind((sys.argv[1], 0))
receiver.bind((sys.argv[2], 0))
receiver.settimeout(10)
wanted = {bytes.fromhex(line) for line in sys.stdin.read().split()}
for frame in wanted:
    sender.send(frame)
while wanted:
    wanted.discard(receiver.recv(2048))
"""


@pytest.fixture
def namespace() -> Iterator[list[str]]:
    """Words before a command that runs it in a network namespace of its own."""
    name = f"maestro-test-{os.getpid()}"
    if os.geteuid() != 0 or shutil.which("ip") is None or not Path("/dev/net/tun").exists():
        pytest.skip("needs root, ip and /dev/net/tun")
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
        pytest.skip("no network namespaces here")
    yield ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_tap_ports(namespace: list[str], programs: dict[str, Path], tmp_path: Path) -> None:
    """net_tap sends on as many queues as it receives from: the workers share one."""
    stats = tmp_path / "stats.json"
    words = ["--workers", "2", "--stats", str(stats), "--vdev=net_tap0,iface=lan", "--vdev=net_tap1,iface=wan"]
    rng = random.Random(2)
    frames = [frame(rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(16), 53, i) for i in range(200)]
    with subprocess.Popen([*namespace, programs["soft"], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as nf:
        said = until_it_runs(nf)
        done = subprocess.run(
            [*namespace, sys.executable, "-c", TAP_TRAFFIC, "lan", "wan"],
            input="\n".join(f.hex() for f in frames),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        nf.send_signal(signal.SIGINT)
        errors = said + nf.communicate(timeout=30)[1]
    assert done.returncode == 0, done.stderr
    assert nf.returncode == 0, errors
    assert b"must be equal" not in errors
    result = json.loads(stats.read_text())
    assert result["total"]["forwarded"] >= 200
    assert all(w["forwarded"] > 0 for w in result["workers"])


def test_mtu(namespace: list[str], programs: dict[str, Path]) -> None:
    """Told to ports that can, with buffers to match; who cannot says so."""
    taps = ["--vdev=net_tap0,iface=lan", "--vdev=net_tap1,iface=wan"]
    done = subprocess.run([*namespace, programs["soft"], "--mtu", "9000", *taps], capture_output=True, check=False)
    assert done.returncode == 1 and b"port 0 (net_tap) takes an MTU of up to 1504, not 9000 (--mtu)" in done.stderr
    rings = ["--workers", "2", "--mtu=9000", "--vdev=net_ring0", "--vdev=net_ring1"]
    with subprocess.Popen([programs["soft"], *rings], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said = stopped(process)
    assert process.returncode == 0, said


def test_statistics_that_cannot_be_written(
    programs: dict[str, Path], captures: tuple[Path, Path], tmp_path: Path
) -> None:
    stats = tmp_path / "absent" / "stats.json"
    done = run(programs["soft"], "--replay", "--stats", str(stats), *vdevs(captures, tmp_path))
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
