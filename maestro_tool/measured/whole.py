"""Whole programs, as users run them, over devices that DPDK makes up, beside DPDK's own testpmd over the same.

Ports always have packets, so the figures are of the most that a program can do on this machine's CPUs.  Rates are of
packets that came in, whatever became of them.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maestro_tool.diagnostics import ToolError
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.spec import TrafficSpec

SECONDS: Final = 1.5
#: Captures that are read again and again lie in packet buffers, of which programs have some thousands.
FLOWS: Final = 1000
TESTPMD: Final = "dpdk-testpmd"


@dataclass(frozen=True, slots=True)
class Figure:
    """``lost``: fraction of what came in that no worker handled.  ``note``: why there is no figure."""

    program: str
    ports: str
    packets_per_second: float | None
    lost: float = 0.0
    note: str = ""


def figures(nfs: Sequence[tuple[str, Sequence[Path]]]) -> Iterator[Figure]:
    """Of testpmd, which forwards and looks at nothing, and of the programs of each NF: the sequential one, and the
    parallel one with as many workers as it takes by itself."""
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as name:
        folder = Path(name)
        for port, capture in generate(TrafficSpec(flows=FLOWS, packets=2 * FLOWS)).items():
            (folder / f"{port}.pcap").write_bytes(capture)
        for ports, devices in _devices(folder).items():
            yield _testpmd(ports, devices)
            for nf, programs in nfs:
                for kind, program in zip(("sequential", "parallel"), programs, strict=True):
                    yield _program(f"{nf}, {kind}", program, ports, devices, folder)


def _devices(folder: Path) -> dict[str, list[str]]:
    """Of port 0 and port 1.  net_ring gives back what it is sent, which comes from the capture."""
    pcap = [f"--vdev=net_pcap{n},rx_pcap={folder}/{n}.pcap,infinite_rx=1" for n in (0, 1)]
    return {
        "net_null": ["--vdev=net_null0,size=60", "--vdev=net_null1,size=60"],
        "net_pcap": pcap,
        "net_pcap, net_ring": [pcap[0], "--vdev=net_ring0"],
    }


def _program(title: str, program: Path, ports: str, devices: Sequence[str], folder: Path) -> Figure:
    stats = folder / "stats.json"
    stats.unlink(missing_ok=True)
    words = [str(program.resolve()), "--stats", str(stats), *devices]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said: list[bytes] = []
        while b"running on" not in b"".join(said[-1:]) and (line := process.stderr.readline()):
            said.append(line)
        started = time.perf_counter()
        _stop(process)
        elapsed = time.perf_counter() - started
    if process.returncode != 0 or not stats.exists():
        return Figure(title, ports, None, note=b"".join(said[-1:]).decode(errors="replace").strip()[:200])
    counts = json.loads(stats.read_text(encoding="utf-8"))
    lost = counts["lost_by_dispatcher"] + counts["total"]["lost"]
    received = counts["total"]["rx"] + counts["lost_by_dispatcher"]
    return Figure(title, ports, received / elapsed, lost / received if received else 0.0)


def _testpmd(ports: str, devices: Sequence[str]) -> Figure:
    if shutil.which(TESTPMD) is None:
        return Figure(TESTPMD, ports, None, note=f"{TESTPMD} is not installed (Debian: dpdk-dev)")
    eal = ("--no-huge", "-m", "128", "--no-pci", "--no-shconf", "--no-telemetry", "--lcores=0@0,1@1")
    # By itself it tells a pipe nothing before it ends, which it does where its input does.
    by_lines = ["stdbuf", "-oL"]
    words = [*by_lines, TESTPMD, *eal, *devices, "--", "--total-num-mbufs=16384", "--nb-cores=1", "--auto-start"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        while "packets/burst" not in "".join(said[-1:]) and (line := process.stdout.readline()):
            said.append(line)
        started = time.perf_counter()
        _stop(process)
        elapsed = time.perf_counter() - started
        said.append(process.stdout.read())
    found = re.findall(r"RX-packets:\s*(\d+)", "".join(said).rpartition("Accumulated")[2])
    if not found:
        return Figure(TESTPMD, ports, None, note=f"{TESTPMD} printed no counts")
    return Figure(TESTPMD, ports, int(found[0]) / elapsed)


def _stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """After a while.  Raises ToolError if it does not end then."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=SECONDS)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise ToolError(f"{process.args!r} does not end when it is interrupted") from None
