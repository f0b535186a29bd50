"""Keys of bytes that no card hashes: an NF that software steers by them sends what its sequential form sends.

The hosts that `tests/foreign/anyhost` counts for lie behind Ethernet, behind a VLAN tag or two, and in ARP, at one place
on the inside and at another on the outside: all frames of a host must meet, of whatever class and port.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from nf_runs import Outputs, packets, run
from programs import Build
from test_mutations import rebuild

from maestro_tool.rss.model import place, port_models
from maestro_tool.traffic.capture import Frame, write_captures

HOSTS = [bytes((10, 0, n % 7, n)) for n in range(60)]
#: What stands where the address of another layout would: a host, so that looking there parts what belongs together.
DECOYS = [bytes((10, 9, 9, n)) for n in range(250)]
SECOND = 1_000_000_000


def ipv4(rng: Random, host: bytes, inside: bool) -> bytes:
    """Headers that are whole or not: with options, cut, as fragments, of all protocols."""
    other = rng.choice(DECOYS)
    source, destination = (host, other) if inside else (other, host)
    length = rng.choice((40, 40, 40, 4000))
    fragment = rng.choice((0, 0, 0, 0x2000))
    first = rng.choice((0x45, 0x45, 0x45, 0x46, 0x65))
    header = bytes((first, 0)) + length.to_bytes(2, "big") + b"\0\0" + fragment.to_bytes(2, "big")
    return header + bytes((64, rng.choice((1, 6, 17, 132)), 0, 0)) + source + destination


def arp(rng: Random, host: bytes, inside: bool) -> bytes:
    sender, target = (host, rng.choice(DECOYS)) if inside else (rng.choice(DECOYS), host)
    return bytes.fromhex("0001080006040001") + rng.randbytes(6) + sender + rng.randbytes(6) + target


def frame_of(rng: Random, number: int, inside: bool) -> bytes:
    host, macs, end = rng.choice(HOSTS), rng.randbytes(12), number.to_bytes(4, "big")
    match rng.randrange(12):
        case 0 | 1 | 2:
            return macs + b"\x08\x00" + ipv4(rng, host, inside) + rng.randbytes(30) + end
        case 3 | 4 | 5:
            return (
                macs + b"\x81\x00" + rng.randbytes(2) + b"\x08\x00" + ipv4(rng, host, inside) + rng.randbytes(30) + end
            )
        case 6 | 7 | 8:
            return macs + b"\x08\x06" + arp(rng, host, inside) + end
        case 9:  # too short for the address, by a byte or more
            kind = rng.choice((b"\x08\x00", b"\x81\x00\0\x01\x08\x00", b"\x08\x06"))
            least = {2: 34 if kind == b"\x08\x00" else 42, 6: 38}[len(kind)]
            whole = macs + kind + ipv4(rng, host, inside) + rng.randbytes(30)
            return whole[: least - rng.choice((1, 1, 2, 9)) - 4] + end
        case 10:  # two tags, and what follows another tag
            two = b"\x88\xa8\0\x01\x81\0\0\x01\x08\0"
            tags = rng.choice((two, two, two, b"\x88\xa8\0\x01\x08\0", b"\x81\0\0\x01\x86\xdd"))
            return macs + tags + ipv4(rng, host, inside) + rng.randbytes(30) + end
    return macs + rng.randbytes(rng.randrange(2, 60)) + end


def made(folder: Path, seed: int) -> Path:
    rng = Random(seed)
    captures: dict[Path, list[Frame]] = {folder / "port0.pcap": [], folder / "port1.pcap": []}
    time = SECOND
    for number in range(6000):
        time += rng.choice((1000, 1000, 1000, 200_000))
        port = rng.randrange(2)
        captures[folder / f"port{port}.pcap"].append(Frame(time, frame_of(rng, number, port == 0)))
    folder.mkdir(parents=True)
    write_captures(dict(captures))
    return folder


@pytest.fixture(scope="module")
def expected(build: Build, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outputs]:
    """What arrives, and what the sequential program sends."""
    folder = tmp_path_factory.mktemp("sequential")
    captures = made(folder / "in", 5)
    sent, _ = run(build.sequential("anyhost"), captures, folder / "out")
    arrived = Counter(p.port for p in packets(captures))
    assert all(arrived[1 - port] * 0.2 < len(frames) < arrived[1 - port] * 0.8 for port, frames in sent.items())
    return captures, sent


def counted(sent: Outputs) -> dict[int, Counter[bytes]]:
    """Frames of different hosts have no order; each has a number, so that which were sent tells what each host's were."""
    return {port: Counter(frames) for port, frames in sent.items()}


@pytest.mark.parametrize("workers", (2, 3, 5))
def test_parallel_equals_sequential(build: Build, expected: tuple[Path, Outputs], tmp_path: Path, workers: int) -> None:
    captures, sequential = expected
    sent, result = run(build.parallel("anyhost"), captures, tmp_path, workers=workers)
    assert counted(sent) == counted(sequential)
    # As many packets at each worker as the model of steering says.
    models = port_models(build.plan("anyhost"))
    placed = Counter(place(models[p.port], p.frame, workers).worker for p in packets(captures))
    assert [w["rx"] for w in result.workers] == [placed[w] for w in range(workers)] and min(placed.values()) > 300


def other_place(before: str, after: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        return text.replace(before, after, 1)

    return change


@pytest.mark.parametrize("change", [
    pytest.param(other_place("{ MAESTRO_VLAN, 0, {0}, {1, {{30, 4}}} }", "{ MAESTRO_VLAN, 0, {0}, {1, {{26, 4}}} }"), id="vlan-as-untagged"),
    pytest.param(other_place("{ MAESTRO_VLAN, 0, {0}, {1, {{34, 4}}} }", "{ MAESTRO_VLAN, 0, {0}, {1, {{34, 3}}} }"), id="vlan-less"),
    pytest.param(other_place("{ MAESTRO_VLAN, 13, {1, {{12, 0x88, 0xff}}}", "{ MAESTRO_VLAN, 13, {1, {{12, 0x80, 0xff}}}"), id="two-tags-as-one"),
    pytest.param(other_place("{ MAESTRO_NON_IP, 0, {0}, {1, {{38, 4}}} }", "{ MAESTRO_MALFORMED, 0, {0}, {1, {{38, 4}}} }"), id="arp-by-view"),
])  # fmt: skip
def test_another_place_is_noticed(
    build: Build, expected: tuple[Path, Outputs], tmp_path: Path, change: Callable[[str], str]
) -> None:
    captures, sequential = expected
    sent, _ = run(rebuild(build, "anyhost", change, tmp_path), captures, tmp_path / "mutant", workers=2)
    assert counted(sent) != counted(sequential)
