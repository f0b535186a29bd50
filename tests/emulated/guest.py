"""A virtual machine with emulated cards in which programs run that were built here.

QEMU emulates the machine (TCG, no KVM) and the cards; its guest sees this machine's files, read-only, over 9p, so that
nothing has to be copied.  The guest takes jobs from a shared folder; frames go over unix sockets or taps.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests import drivers

ROOT = Path(__file__).resolve().parents[2]
#: Where prepare.sh put a kernel and busybox.
FOLDER = Path(os.environ.get("MAESTRO_EMULATED", ROOT / "build" / "emulated"))
MODULES = (
    "virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "9pnet", "9pnet_virtio",
    "netfs", "fscache", "9p", "uio", "uio_pci_generic",
)  # fmt: skip
ETH_P_ALL = 3
BOOT_SECONDS = 300
JOB_SECONDS = 120

#: Every Ethernet function is given to a driver that DPDK can use; then jobs are run, one after the other.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev; exec >/dev/ttyS0 2>&1 </dev/null
mount -t proc proc /proc; mount -t sysfs sysfs /sys
for m in %(modules)s; do insmod /modules/$m.ko; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose host /host || echo "no host"
mount -t proc proc /host/proc; mount -t sysfs sysfs /host/sys
mount -t devtmpfs dev /host/dev; mount -t tmpfs run /host/run; mkdir /host/run/lock
mount -t 9p -o trans=virtio,version=9p2000.L share /host/mnt || echo "no share"
mkdir -p /host/dev/hugepages; mount -t hugetlbfs none /host/dev/hugepages
echo 192 >/proc/sys/vm/nr_hugepages
for d in /sys/bus/pci/devices/*; do
  case $(cat $d/class) in 0x0200*) ;; *) continue ;; esac
  [ -e $d/driver ] && basename $d >$d/driver/unbind
  echo uio_pci_generic >$d/driver_override; basename $d >/sys/bus/pci/drivers_probe
done
n=0
while :; do
  while [ ! -e /host/mnt/$n/command ]; do sleep 0.2; done
  grep -q . /host/mnt/$n/command || break
  chroot /host sh /mnt/$n/command >/host/mnt/$n/log 2>&1 & job=$!
  while [ ! -e /host/mnt/$n/stop ] && [ -e /proc/$job ]; do sleep 0.2; done
  kill -TERM $job 2>/dev/null
  wait $job; echo $? >/host/mnt/$n/status.tmp; mv /host/mnt/$n/status.tmp /host/mnt/$n/status
  n=$((n + 1))
done
poweroff -f
"""


def missing() -> str:
    """Why there can be no such machine here; "" if there can."""
    if not shutil.which("qemu-system-x86_64"):
        return "no qemu-system-x86_64"
    if not list(FOLDER.glob("kernel/boot/vmlinuz-*")):
        return "no kernel for the guest"
    if not (FOLDER / "busybox/bin/busybox").exists():
        return "no busybox for the guest"
    return ""


def lacking(card: Card) -> str:
    """Why this card cannot be had here; "" if it can."""
    shown = subprocess.run(["qemu-system-x86_64", "-device", "help"], capture_output=True, text=True, check=True)
    if f'name "{card.device}"' not in shown.stdout:
        return f"QEMU has no {card.device}: run tests/emulated/prepare.sh"
    taps = os.geteuid() == 0 and Path("/dev/net/tun").exists()
    return "" if taps or not card.queues else "no right to make taps"


def initrd(folder: Path) -> Path:
    """busybox, the modules of the kernel, and ``INIT``."""
    root = folder / "root"
    for name in ("bin", "dev", "proc", "sys", "host", "modules"):
        (root / name).mkdir(parents=True)
    shutil.copy(FOLDER / "busybox/bin/busybox", root / "bin/busybox")
    for name in MODULES:
        [module] = FOLDER.glob(f"kernel/**/{name}.ko")
        shutil.copy(module, root / "modules")
    (root / "init").write_text(INIT % {"modules": " ".join(MODULES)})
    (root / "init").chmod(0o755)
    names = b"\n".join(bytes(p.relative_to(root)) for p in sorted(root.rglob("*")))
    result = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=names, cwd=root, stdout=subprocess.PIPE,
                            check=True)  # fmt: skip
    (folder / "initrd").write_bytes(result.stdout)
    return folder / "initrd"


class Wire(Protocol):
    """The host's end of a cable to a port of the guest."""

    def send(self, frame: bytes) -> None: ...

    def receive(self, seconds: float) -> bytes | None:
        """The next frame that the guest sent; None if none comes in time."""


class Socket:
    """``-netdev stream``: each frame after its length."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._read = b""

    def send(self, frame: bytes) -> None:
        self._socket.settimeout(JOB_SECONDS)
        self._socket.sendall(struct.pack(">I", len(frame)) + frame)

    def receive(self, seconds: float) -> bytes | None:
        end = time.monotonic() + seconds
        while True:
            if len(self._read) >= 4:
                [length] = struct.unpack_from(">I", self._read)
                if len(self._read) >= 4 + length:
                    frame, self._read = self._read[4 : 4 + length], self._read[4 + length :]
                    return frame
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self._socket.recv(65536)
            except TimeoutError:
                return None
            assert more, "the machine has gone"
            self._read += more


class Tap:
    """The host's end of a tap; frames of others (there should be none) are not for us."""

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((name, ETH_P_ALL))

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def receive(self, seconds: float) -> bytes | None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(65536)
            except TimeoutError:
                return None
            if kind != socket.PACKET_OUTGOING:
                return frame
        return None


@contextmanager
def cable(n: int, queues: int) -> Iterator[str]:
    """A tap with that many queues, or (0) the path of a socket, which must be short."""
    if not queues:
        with tempfile.TemporaryDirectory() as folder:
            yield f"{folder}/{n}"
        return
    name = f"mst{os.getpid() % 10**7}-{n}"
    subprocess.run(["ip", "tuntap", "add", "dev", name, "mode", "tap", "multi_queue"], check=True)
    try:
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        subprocess.run(["ip", "link", "set", name, "mtu", "9000", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)


@dataclass(frozen=True)
class Card:
    """How QEMU is told of a card: ``device`` with its options; ``queues`` of the tap that it needs, 0: none."""

    device: str
    options: str = ""
    queues: int = 0

    def arguments(self, n: int, cable: str) -> list[str]:
        network = f"tap,id=n{n},ifname={cable},script=no,downscript=no,vhost=off,queues={self.queues}"
        if not self.queues:
            network = f"stream,id=n{n},server=on,addr.type=unix,addr.path={cable}"
        return [
            "-netdev", network, "-device", f"pcie-root-port,id=rp{n},chassis={n + 1},slot={n + 1}",
            "-device", f"{self.device},bus=rp{n},netdev=n{n},mac=52:54:00:12:34:{n:02x}{self.options}",
        ]  # fmt: skip


#: Profile -> its card in QEMU.  Taps are made by root only.
CARDS = {
    "82576": Card("igb"),
    "virtio": Card("virtio-net-pci-non-transitional", ",mq=on,vectors=10,rss=on,hash=on", queues=4),
}

#: Cards that take a key and do not hash by it: all that they hash comes to one queue, or to any.
LIARS = {"vmxnet3": Card("vmxnet3")}


class Guest:
    def __init__(
        self, share: Path, wires: Sequence[Wire], process: subprocess.Popen[bytes], monitor: socket.socket
    ) -> None:
        self.wires = wires
        self._monitor = monitor
        self._share = share
        self._process = process
        self._jobs = 0

    @contextmanager
    def running(self, command: Sequence[str | Path], ready: str) -> Iterator[Path]:
        """Runs the command from when its output has ``ready`` on; gives the folder for its files, "/mnt/N" inside.

        The command's last files are there when this ends.
        """
        folder = self._share / str(self._jobs)
        folder.mkdir()
        environment = [f"{name}={value}" for name, value in drivers.few().items()]
        text = f"cd /mnt/{self._jobs}; exec {shlex.join(['env', *environment, *map(str, command)])}\n"
        (folder / "command.new").write_text(text)
        (folder / "command.new").rename(folder / "command")
        self._jobs += 1
        log, status = folder / "log", folder / "status"
        self._until(lambda: (log.exists() and ready in log.read_text()) or status.exists(), BOOT_SECONDS)
        assert not status.exists(), log.read_text()
        yield folder
        (folder / "stop").touch()
        self._until(status.exists, JOB_SECONDS)
        assert status.read_text() == "0\n", log.read_text()

    def fails(self, command: Sequence[str | Path]) -> str:
        """The output of a command that must end by itself, and not well."""
        with suppress(AssertionError), self.running(command, "\0"):
            raise RuntimeError("it runs")
        last = self._share / str(self._jobs - 1)
        assert (last / "status").read_text() != "0\n"
        return (last / "log").read_text()

    def link(self, port: int, up: bool) -> None:
        """Puts the cable in, or pulls it out."""
        self._monitor.sendall(f"set_link n{port} {'on' if up else 'off'}\n".encode())

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what the guest will do."""
        self._until(condition, JOB_SECONDS)

    def _until(self, condition, seconds: float) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, "QEMU has ended"
            assert time.monotonic() < end, f"nothing happens: {sorted(self._share.rglob('*'))}"
            time.sleep(0.05)


@contextmanager
def machine(folder: Path, card: Card, ports: int = 2) -> Iterator[Guest]:
    """A machine with ``ports`` cards, which ends with the context."""
    share = folder / "share"
    share.mkdir()
    [kernel] = FOLDER.glob("kernel/boot/vmlinuz-*")
    with ExitStack() as stack:
        cables = [stack.enter_context(cable(n, card.queues)) for n in range(ports)]
        monitor = stack.enter_context(tempfile.TemporaryDirectory()) + "/monitor"
        command = [
            "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "768",
            "-nodefaults", "-display", "none", "-monitor", f"unix:{monitor},server=on,wait=off", "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd(folder)),
            "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check", "-serial", f"file:{folder}/console",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={share},mount_tag=share,security_model=none",
            *(argument for n, name in enumerate(cables) for argument in card.arguments(n, name)),
        ]  # fmt: skip
        log = stack.enter_context((folder / "qemu.log").open("wb"))
        process = stack.enter_context(subprocess.Popen(command, stdout=log, stderr=log))
        stack.callback(process.terminate)
        end = time.monotonic() + BOOT_SECONDS
        while not all(Path(name).exists() for name in (monitor, *(cables if not card.queues else ()))):
            assert process.poll() is None, (folder / "qemu.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        wires: list[Wire] = [Tap(name) if card.queues else Socket(name) for name in cables]
        orders = stack.enter_context(socket.socket(socket.AF_UNIX))
        orders.connect(monitor)
        yield Guest(share, wires, process, orders)
