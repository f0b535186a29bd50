"""Generated programs on cards that QEMU emulates: somebody else's RSS obeys our keys, tables and flags.

The worker that a packet meets must be the one that `maestro_tool.rss.model` foretells; and what an NF keeps about a flow
must be found by the packets that need it, on whatever port they come.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dpkt
import guest
import pytest
from guest import CARDS, LIARS, ROOT, Guest

from maestro_tool import canonical, plan_json
from maestro_tool.rss.model import PortModel, place, port_models
from maestro_tool.traffic.capture import Frame, pcap_bytes, read_capture
from maestro_tool.traffic.replay import replay
from tests import compiling

WORKERS = 3
#: Frames under way at a time: more than a card's ring holds would be lost.
WINDOW = 48
LAN, WAN = 0, 1
DRIVERS = {"82576": "net_e1000_igb", "virtio": "net_virtio"}

pytestmark = pytest.mark.skipif(bool(guest.missing()), reason=f"{guest.missing()}: run tests/emulated/prepare.sh")

Frames = Sequence[bytes]


@pytest.fixture(scope="module", params=CARDS)
def card(request: pytest.FixtureRequest) -> str:
    if reason := guest.lacking(CARDS[request.param]):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture(scope="session")
def tree() -> Iterator[Path]:
    """Where programs are built: an NF is analysed once for all cards.  Not where other files of tests are, which may be
    below /dev: the guest has one of its own."""
    with tempfile.TemporaryDirectory(dir=guest.FOLDER) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def programs(card: str, tree: Path) -> Path:
    """The folder of some NFs, built for the card."""
    return scons(tree, card, f"nf=fw,nat,psd,{ROOT}/tests/foreign/dualstack")


@pytest.fixture(scope="module")
def foreign_program(card: str, tree: Path) -> Path:
    """fw, built for another card, which takes keys of the same length and a table of the same size."""
    [other] = set(CARDS) - {card}
    return scons(tree, other, "nf=fw") / "fw" / "fw"


#: Of IPv4.
ADDRESSES = slice(26, 34)
#: NF -> its arguments: what depends on time does not come about within a test.
BESIDE = {
    "pol": ["--rate", "1", "--burst", "210"],
    "lb": ["--expire", "1000000000", "--backend-expire", "1000000000"],
    "cl": ["--expire", "1000000000", "--max-connections", "4"],
}


@pytest.fixture(scope="module")
def beside(card: str, tree: Path) -> Path:
    """The folder of these NFs, built for the card."""
    return scons(tree, card, f"nf={','.join(BESIDE)}")


@pytest.fixture(scope="session")
def sequential(tree: Path) -> Path:
    """The folder of the same as sequential programs."""
    return scons(tree, "soft", f"nf={','.join(BESIDE)}", "sequential").parent / "sequential"


def scons(folder: Path, card: str, *words: str) -> Path:
    for name in ("nfs", "configs", "site_scons", "SConstruct"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "SCons", "-s", f"nic={card}", *words]
    environment = {**os.environ, **compiling.for_scons(precompiled=True)}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "build" / card


@pytest.fixture(scope="module")
def machine(card: str, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    with guest.machine(tmp_path_factory.mktemp("machine"), CARDS[card]) as running:
        yield running


class Run:
    """A program on the machine; counts by itself which worker should process what is sent."""

    def __init__(self, machine: Guest, models: Sequence[PortModel]) -> None:
        self._machine = machine
        self._models = models
        self.foretold = [0] * WORKERS

    def exchange(self, port: int, frames: Frames, passing: Frames | None = None) -> list[bytes]:
        """Sends frames to a port; what the other one sends then.  ``passing``: those of them that must come out."""
        expected = Counter(frames if passing is None else passing)
        received: list[bytes] = []
        for start in range(0, len(frames), WINDOW):
            chunk = frames[start : start + WINDOW]
            for frame in chunk:
                self.foretold[place(self._models[port], frame, WORKERS).worker] += 1
                self._machine.wires[port].send(frame)
            for _ in (frame for frame in chunk if frame in expected):
                frame = self._machine.wires[1 - port].receive(20)
                assert frame is not None, f"{len(received)} frames came, then no more"
                received.append(frame)
        assert self._machine.wires[1 - port].receive(0.5) is None, "more came than should"
        return received


def converse(
    machine: Guest, program: Path, talk: Callable[[Run], None], arguments: Sequence[str]
) -> list[dict[str, int]]:
    """Starts the program, lets ``talk`` happen, and compares how many packets each worker processed with the model.

    The workers' counts.
    """
    models = port_models(plan_json.read(program.parent / "plan.json"))
    command = [program, "--workers", str(WORKERS), "--stats", "stats.json", f"--lcores=(0-{WORKERS - 1})@0", "--"]
    with machine.running([*command, *arguments], "running on") as folder:
        run = Run(machine, models)
        talk(run)
    workers: list[dict[str, int]] = json.loads((folder / "stats.json").read_text())["workers"]
    assert [w["processed"] for w in workers] == run.foretold
    assert min(run.foretold) > sum(run.foretold) / 10
    return workers


def frame(src: str, sport: int, dst: str, dport: int, options: bytes = b"") -> bytes:
    """UDP over IPv4, or IPv6 if the addresses are such."""
    segment = dpkt.udp.UDP(sport=sport, dport=dport, data=b"maestro" * 4)
    segment.ulen = len(segment)
    if ":" in src:
        addresses = {"src": socket.inet_pton(socket.AF_INET6, src), "dst": socket.inet_pton(socket.AF_INET6, dst)}
        packet = dpkt.ip6.IP6(**addresses, nxt=dpkt.ip.IP_PROTO_UDP, hlim=64, plen=len(segment), data=segment)
        packet.extension_hdrs = {}
    else:
        addresses = {"src": socket.inet_aton(src), "dst": socket.inet_aton(dst)}
        packet = dpkt.ip.IP(**addresses, p=dpkt.ip.IP_PROTO_UDP, opts=options, data=segment)
        packet.len = len(packet)
    ether = {"src": b"\2\0\0\0\0\1", "dst": b"\x52\x54\0\x12\x34\0", "type": 0x86DD if ":" in src else 0x0800}
    return bytes(dpkt.ethernet.Ethernet(**ether, data=packet))


def tcp(src: str, sport: int, dst: str, dport: int) -> bytes:
    """TCP over IPv4."""
    packet = dpkt.ethernet.Ethernet(frame(src, sport, dst, dport))
    packet.data.p = dpkt.ip.IP_PROTO_TCP
    packet.data.data = dpkt.tcp.TCP(sport=sport, dport=dport, data=b"maestro" * 4)
    packet.data.len = len(packet.data)
    packet.data.sum = 0
    return bytes(packet)


def addresses(sent: bytes) -> tuple[str, int, str, int]:
    packet = dpkt.ethernet.Ethernet(sent).data
    family = socket.AF_INET if packet.v == 4 else socket.AF_INET6
    src, dst = socket.inet_ntop(family, packet.src), socket.inet_ntop(family, packet.dst)
    return src, packet.data.sport, dst, packet.data.dport


def reply(sent: bytes) -> bytes:
    src, sport, dst, dport = addresses(sent)
    return frame(dst, dport, src, sport)


def host(draw: random.Random) -> str:
    return ".".join(str(draw.randint(1, 254)) for _ in range(4))


def host6(draw: random.Random) -> str:
    return "2001:db8:" + ":".join(f"{draw.randint(1, 65535):x}" for _ in range(6))


def flows(draw: random.Random, count: int, any_host: Callable[[random.Random], str] = host) -> list[bytes]:
    return [
        frame(any_host(draw), draw.randint(1024, 65535), any_host(draw), draw.randint(1, 1023)) for _ in range(count)
    ]


def test_firewall_lets_replies_in(machine: Guest, programs: Path) -> None:
    stats = converse_through_firewall(machine, programs / "fw" / "fw")
    assert not any(worker["handed_over"] for worker in stats)


def test_one_key_serves_both_versions_of_ip(machine: Guest, programs: Path) -> None:
    stats = converse_through_firewall(machine, programs / "dualstack" / "dualstack", host, host6)
    assert not any(worker["handed_over"] for worker in stats)


def test_hand_off(card: str, machine: Guest, tree: Path) -> None:
    """Software gives each packet to its worker, whichever received it."""
    folder = tree / f"handoff-{card}"
    folder.mkdir()
    stats = converse_through_firewall(machine, scons(folder, card, "nf=fw", "strategy=handoff") / "fw" / "fw")
    assert sum(worker["handed_over"] for worker in stats) > 0


def converse_through_firewall(
    machine: Guest, program: Path, *hosts: Callable[[random.Random], str]
) -> list[dict[str, int]]:
    draw = random.Random(1)

    def mixture(count: int) -> list[bytes]:
        return [f for any_host in hosts or (host,) for f in flows(draw, count, any_host)]

    def talk(run: Run) -> None:
        opened = mixture(600)
        assert sorted(run.exchange(LAN, opened)) == sorted(opened)
        replies, strangers = [reply(f) for f in opened], mixture(300)
        mixed = draw.sample(replies + strangers, len(replies + strangers))
        assert sorted(run.exchange(WAN, mixed, replies)) == sorted(replies)

    return converse(machine, program, talk, ["--expire", "1000000000"])


def test_translator_finds_what_replies_belong_to(machine: Guest, programs: Path) -> None:
    """Two keys that agree on other fields of each port."""
    draw = random.Random(2)

    def talk(run: Run) -> None:
        opened = flows(draw, 400)
        translated = run.exchange(LAN, opened)
        assert len({addresses(f)[1] for f in translated}) == len(opened)
        assert {addresses(f)[2:] for f in translated} == {addresses(f)[2:] for f in opened}
        returned = run.exchange(WAN, [reply(f) for f in translated])
        assert sorted(map(addresses, returned)) == sorted(addresses(reply(f)) for f in opened)

    converse(machine, programs / "nat" / "nat", talk, ["--expire", "1000000000"])


def test_detector_counts_all_ports_of_a_source(machine: Guest, programs: Path) -> None:
    """Frames with IP options, too, which cards may hash otherwise: software hands them to the right worker.

    The NF sees the options where others have ports: a fifth port, and none that is left.
    """
    draw = random.Random(3)

    def talk(run: Run) -> None:
        sources = [host(draw) for _ in range(100)]
        allowed = [frame(s, 5, host(draw), 80 + i) for s in sources for i in range(4)]
        allowed += [frame(s, 5, host(draw), 80, b"\1" * 4) for s in sources]
        assert sorted(run.exchange(WAN, allowed)) == sorted(allowed)
        known = [frame(s, 6, host(draw), 80) for s in sources]
        further = [frame(s, 7, host(draw), 1000 + i) for s in sources for i in range(3)]
        mixed = draw.sample(known + further, 400)
        assert sorted(run.exchange(WAN, mixed, known)) == sorted(known)

    converse(machine, programs / "psd" / "psd", talk, ["--max-ports", "5"])


def test_a_wrong_key_is_noticed(programs: Path) -> None:
    """What is foretold depends on each bit: the tests above could not pass by chance."""
    model = port_models(plan_json.read(programs / "fw" / "plan.json"))[LAN]
    sent = flows(random.Random(4), 600)

    def foretold(model: PortModel) -> list[int]:
        counts: Mapping[int, int] = Counter(place(model, f, WORKERS).worker for f in sent)
        return [counts[n] for n in range(WORKERS)]

    key = bytearray(model.key)
    key[5] ^= 1
    assert foretold(replace(model, key=bytes(key))) != foretold(model)


def test_the_program_of_another_card_does_not_start(card: str, machine: Guest, foreign_program: Path) -> None:
    """By the name of its driver, before anything is asked of it: this one would take the key and the table."""
    output = machine.fails([foreign_program, "--workers", "2", "--lcores=(0-1)@0", "--"])
    there, planned = DRIVERS[card], foreign_program.parents[1].name
    assert f"port 0 is a card of driver {there}, but the plan for nic={planned} is for {DRIVERS[planned]}:" in output


#: Says of UDP that ports are hashed, but asks the card for addresses alone.
WRONG = """\
extends: "82576"
name: wrong
rss:
  classes:
    udp4: {flags: [RTE_ETH_RSS_IPV4], fields: [src_ip, dst_ip, src_port, dst_port]}
"""


def ends_by_itself(machine: Guest, program: Path, sent: Frames, workers: int) -> str:
    """The output of a program that stops when it finds a packet on the wrong worker.

    No frame leaves that a worker may not have handled: each that came was foretold for a worker with a queue.
    """
    words = ["--workers", str(workers), f"--lcores=(0-{workers - 1})@0", "--stats", "stats.json"]
    with pytest.raises(AssertionError) as ended, machine.running([program, *words, "--"], "running on") as folder:
        for frame in sent:
            machine.wires[LAN].send(frame)
        while machine.wires[WAN].receive(1) is not None:
            pass
    assert "running on" in str(ended.value), ended.value
    counts = json.loads((folder / "stats.json").read_text())["total"]
    assert counts["misplaced"] > 0 and counts["forwarded"] < len(sent)
    return str(ended.value)


def test_a_card_that_ignores_its_key_is_found_out(tree: Path, tmp_path: Path) -> None:
    """vmxnet3, as QEMU emulates it, gives all TCP to the first queue; it has as many queues as a power of two."""
    programs = scons(tree, "vmxnet3", "nf=fw")
    draw = random.Random(6)
    sent = [tcp(host(draw), draw.randint(1024, 65535), host(draw), 80) for _ in range(40)]
    with guest.machine(tmp_path, LIARS["vmxnet3"]) as machine:
        said = ends_by_itself(machine, programs / "fw" / "fw", sent, 3)
    assert "port 0: a packet of class tcp4 with (src_ip, dst_ip, src_port, dst_port) = (" in said
    assert "came to worker 0, but by the plan for nic=vmxnet3 it belongs to worker " in said


def test_a_card_that_hashes_less_than_its_profile_says_is_found_out(
    card: str, machine: Guest, tree: Path, tmp_path: Path
) -> None:
    if card != "82576":
        pytest.skip("the profile is one of the 82576")
    (tmp_path / "wrong.yaml").write_text(WRONG)
    scons(tree, str(tmp_path / "wrong.yaml"), "nf=fw")
    said = ends_by_itself(machine, tree / "build/wrong/fw/fw", flows(random.Random(7), 40), 3)
    assert "port 0: a packet of class udp4 with (src_ip, dst_ip, src_port, dst_port) = (" in said


#: In the guest: once asked to, zeros for the table of the first card (82576: RETA), behind the driver's back.
LOSE = """\
import mmap, pathlib, time
while not pathlib.Path("lose").exists():
    time.sleep(0.2)
[card, *_] = sorted(p for p in pathlib.Path("/sys/bus/pci/devices").iterdir() if (p / "class").read_text()[:6] == "0x0200")
with (card / "resource0").open("r+b", buffering=0) as file, mmap.mmap(file.fileno(), 0x6000) as registers:
    words = memoryview(registers).cast("I")
    for n in range(32):
        words[0x5C00 // 4 + n] = 0
    words.release()
pathlib.Path("lost").touch()
"""


@pytest.mark.long
def test_a_link_that_comes_back(card: str, machine: Guest, programs: Path) -> None:
    """QEMU's cards keep key and table: after the pause packets go where they went, and the program goes on."""
    draw = random.Random(9)

    def talk(run: Run) -> None:
        opened = flows(draw, 300)
        assert sorted(run.exchange(LAN, opened)) == sorted(opened)
        for up in (False, True):
            machine.link(LAN, up)
            time.sleep(2)
        further = flows(draw, 300)
        assert sorted(run.exchange(LAN, further)) == sorted(further)

    converse(machine, programs / "fw" / "fw", talk, ["--expire", "1000000000"])


#: Card -> the longest frame that is sent, and one that does not fit.  Taps hash no frames of more than a page
#: (tun's program reads what lies in one piece), so on those, longer ones come to worker 0, and the program ends.
LONG = {"82576": (9014, 9100), "virtio": (4000, None)}


def test_long_frames(card: str, machine: Guest, programs: Path) -> None:
    """Frames as long as --mtu says pass; longer ones do not, and hurt nobody else."""
    longest, too_long = LONG[card]
    draw = random.Random(11)
    command = [
        programs / "fw" / "fw",
        "--workers",
        "2",
        "--mtu",
        "9000",
        "--stats",
        "stats.json",
        "--lcores=(0-1)@0",
        "--",
    ]
    with machine.running(command, "running on") as folder:
        for size in (1514, 1519, 2049, 4000, longest):
            sent = [f + bytes(size - len(f)) for f in flows(draw, 8)]
            one_by_one(machine, sent)
        if too_long is not None:
            [short] = flows(draw, 1)
            machine.wires[LAN].send(short + bytes(too_long - len(short)))
            one_by_one(machine, [short])
    counted = json.loads((folder / "stats.json").read_text())
    assert counted["total"]["processed"] == counted["total"]["rx"] == 5 * 8 + (too_long is not None)


def test_a_table_that_is_lost_with_the_link_is_found_out(card: str, machine: Guest, programs: Path) -> None:
    """As QEMU's cards keep it, it is taken away: nothing is due then; but after the link has come up again."""
    if card != "82576":
        pytest.skip("the registers are those of the 82576")
    draw = random.Random(10)
    words = ["--workers", str(WORKERS), f"--lcores=(0-{WORKERS - 1})@0", "--stats", "stats.json", "--"]
    command = shlex.join(map(str, [programs / "fw" / "fw", *words]))
    both = f"{sys.executable} -c {shlex.quote(LOSE)} & trap 'kill $!' TERM; {command} & wait $!"
    with pytest.raises(AssertionError) as ended, machine.running(["sh", "-c", both], "running on") as folder:
        opened = flows(draw, 600)
        for start in range(0, len(opened), WINDOW):
            one_by_one(machine, opened[start : start + WINDOW])
        (folder / "lose").touch()
        machine.until((folder / "lost").exists)
        one_by_one(machine, flows(draw, WINDOW))
        for up in (False, True):
            machine.link(LAN, up)
            time.sleep(2)
        for f in flows(draw, 400):
            machine.wires[LAN].send(f)
        machine.until((folder / "status").exists)
    said = str(ended.value)
    assert "port 0: a packet of class udp4 with" in said and "came to worker 0, but by the plan" in said, said


def one_by_one(machine: Guest, sent: Frames) -> None:
    """All these come out on the other port."""
    for f in sent:
        machine.wires[LAN].send(f)
    assert sorted(machine.wires[WAN].receive(20) or b"" for _ in sent) == sorted(sent)


def kinds(draw: random.Random, src: str, dst: str) -> Iterator[bytes]:
    """Frames of 100 bytes, of all kinds that cards tell apart, and of some that are none."""
    ports = draw.randint(1024, 65535), draw.randint(1, 1023)
    udp = frame(src, ports[0], dst, ports[1])
    yield udp
    yield tcp(src, ports[0], dst, ports[1])
    yield frame(src, ports[0], dst, ports[1], b"\1" * 8)
    for changes in (
        {23: 1},  # ICMP
        {23: 132},  # SCTP
        {20: 0x20},  # the first fragment
        {21: 0x40},  # a later one
        {14: 0x55},  # a version that there is not (with too short a header QEMU's igb sends none)
        {16: 0x20},  # longer than the frame
        {12: 0x81, 13: 0, 16: 8, 17: 0},  # a tag
        {13: 6},  # no IP
    ):
        changed = bytearray(udp)
        for at, value in changes.items():
            changed[at] = value
        yield bytes(changed)


def numbered(frames: Iterable[bytes]) -> list[bytes]:
    """The same with 100 bytes, of which the last ones tell which frame it is."""
    return [f.ljust(96, b"\0") + i.to_bytes(4, "big") for i, f in enumerate(frames)]


def in_turn(program: Path, folder: Path, arguments: Sequence[str], sent: Sequence[tuple[int, bytes]]) -> list[Frames]:
    """What the sequential program sends for each of these numbered frames, on the other port."""
    pcaps = {port: pcap_bytes([Frame(1000 * i, f) for i, (p, f) in enumerate(sent) if p == port])
             for port in (LAN, WAN)}  # fmt: skip
    canonical.write_files({folder / "in" / f"port{port}.pcap": content for port, content in pcaps.items()})
    replay(program, folder / "in", folder / "out", nf_arguments=arguments)
    came = defaultdict[bytes, list[bytes]](list)
    for port in (LAN, WAN):
        for out in read_capture(folder / "out" / f"port{port}.pcap"):
            came[out.data[-4:]].append(out.data)
    return [came[f[-4:]] for _, f in sent]


@pytest.mark.parametrize("nf", BESIDE)
def test_all_kinds_of_frames_beside_the_sequential_program(
    nf: str, machine: Guest, beside: Path, sequential: Path, tmp_path: Path
) -> None:
    """First backends say that they are there, one after the other; then each client sends frames of one kind.

    Which of a client's frames pass a limit depends on their order, which is open where software hands them over.
    """
    draw = random.Random(8)
    backends = [frame(host(draw), 5, host(draw), 80) for _ in range(4)]
    mixed = []
    for _ in range(2):
        for kind in range(len(list(kinds(draw, "1.1.1.1", "2.2.2.2")))):
            client, server = host(draw), host(draw)
            mixed += [list(kinds(draw, client, server))[kind] for _ in range(6)]
    draw.shuffle(mixed)
    sent = [(LAN if i < len(backends) else WAN, f) for i, f in enumerate(numbered([*backends, *mixed]))]
    arguments, kept = BESIDE[nf], slice(None) if nf == "lb" else ADDRESSES
    expected = in_turn(sequential / nf / nf, tmp_path, arguments, sent)
    command = [beside / nf / nf, "--workers", str(WORKERS), f"--lcores=(0-{WORKERS - 1})@0", "--", *arguments]
    with machine.running(command, "running on"):
        for i in range(len(backends)):
            exchange_one_way(machine, sent[i : i + 1], expected[i], kept)
        for i in range(len(backends), len(sent), WINDOW):
            exchange_one_way(machine, sent[i : i + WINDOW], [f for out in expected[i : i + WINDOW] for f in out], kept)
        assert machine.wires[LAN].receive(0.5) is None, "more came than should"
    assert len(sent) / 10 < sum(map(len, expected)) < len(sent)


def exchange_one_way(machine: Guest, sent: Sequence[tuple[int, bytes]], wanted: Frames, kept: slice) -> None:
    """Sends frames to the one port; of the other must come what is wanted, as far as bytes ``kept`` tell."""
    [port] = {port for port, _ in sent}
    for _, f in sent:
        machine.wires[port].send(f)
    came = [f for _ in wanted if (f := machine.wires[1 - port].receive(10)) is not None]
    lost = Counter(f[kept] for f in wanted) - Counter(f[kept] for f in came)
    assert not lost, [f[12:38].hex(" ") for f in wanted if f[kept] in lost]
    assert len(came) == len(wanted)
