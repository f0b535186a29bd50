"""Figures of an NF in memory, without I/O: what runtime/bench/bench_nf.c prints, and rows of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maestro_tool.diagnostics import ToolError
from maestro_tool.measured import callgrind

#: What is done with packets on a worker to which a card gives them (bench_nf.c), in the order of its parts.
MODES: Final = ("steered", "steered_checked", "received", "received_checked", "received_awaiting")

#: Traffic -> words for bench_nf.  Known flows of one port alone: NFs do their work on either, and next to nothing on
#: the other.
TRAFFIC: Final[Mapping[str, tuple[str, ...]]] = {
    "port 0": ("--sides", "lan"),
    "port 1": ("--sides", "wan"),
    "replies": ("--sides", "both"),
    "zipf": ("--sides", "both", "--draw", "zipf"),
    "churn": ("--sides", "both", "--churn", "1"),
}
OF_TWO_PORTS: Final = ("port 1", "replies")
#: Of which instructions are counted; the others do the same for other flows.
COUNTED: Final = ("port 0", "port 1", "churn")
COUNTED_FLOWS: Final = 1000
#: Packets in one part of a run whose instructions are counted.
COUNTED_PACKETS: Final = 16 * 1024

#: Throughput of several cores: traffic -> new flows in 32 packets, of all that are known before.
CORES: Final = (1, 2)
NEW_OF_32: Final[Mapping[str, int]] = {"known flows": 0, "1 new of 32": 1, "1 new of 4": 8}
#: All packets open a flow, from port 0, and as many expire: connections opened and torn down (RFC 9693, 4.3 and 4.4).
ALL_NEW: Final = "all new"
KNOWN_FLOWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Spread:
    """ns per packet, of the parts of a run."""

    median: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class Row:
    """``build``: optimise= of the program.  ``ns`` on one core, with one worker; else ``packets_per_second`` of all
    cores.  Counts are per packet, None where they were not counted; misses are those of the caches that
    `callgrind.CACHES` names."""

    nf: str
    strategy: str
    build: str
    workers: int
    flows: int
    traffic: str
    ns: Spread | None = None
    packets_per_second: float | None = None
    instructions: float | None = None
    d1_misses: float | None = None
    ll_misses: float | None = None


def on_one_core(program: Path, build: str, packets: int, flows: Sequence[int]) -> Iterator[Row]:
    """Of each traffic and number of flows; ``packets`` per row.  NFs with one port have no more traffic than that."""
    two_ports = True
    for traffic, words in TRAFFIC.items():
        if not two_ports and traffic in OF_TWO_PORTS:
            continue
        counts = None
        if traffic in COUNTED and callgrind.is_there():
            # The first part is the rest of what was done before.
            options = (
                "--modes",
                "alone",
                "--flows",
                str(COUNTED_FLOWS),
                "--packets",
                str(COUNTED_PACKETS),
                "--parts",
                "1",
            )
            counts = callgrind.parts(program, (*options, *words), COUNTED_PACKETS)[-1]
        sizes = ",".join(map(str, flows))
        for line in run(program, "--modes", "alone", "--packets", str(packets), "--flows", sizes, *words):
            two_ports = int(line["ports"]) > 1
            counted = counts if line["flows"] == COUNTED_FLOWS and counts is not None else callgrind.Counts()
            yield Row(
                str(line["nf"]), str(line["strategy"]), build, int(line["workers"]), int(line["flows"]), traffic,
                ns=Spread(**line["ns"]), instructions=counted.instructions, d1_misses=counted.d1_misses,
                ll_misses=counted.ll_misses,
            )  # fmt: skip


def on_cores(program: Path, build: str, packets: int) -> Iterator[Row]:
    """All cores at the same time; ``packets`` per core."""
    words = {traffic: ("--churn", str(new)) if new else () for traffic, new in NEW_OF_32.items()}
    for traffic, more in (words | {ALL_NEW: ("--churn", "32", "--sides", "lan")}).items():
        for cores in CORES:
            fixed = ("--cores", str(cores), "--packets", str(packets), "--flows", str(KNOWN_FLOWS))
            [line] = run(program, *fixed, *more)
            yield Row(
                str(line["nf"]), str(line["strategy"]), build, cores, KNOWN_FLOWS, traffic,
                packets_per_second=float(line["packets_per_second"]),
            )  # fmt: skip


def received(program: Path, packets: int, flows: Sequence[int]) -> dict[int, dict[str, float]]:
    """Number of flows -> mode -> ns per packet (medians) on a worker to which a card gives packets."""
    lines = run(program, "--packets", str(packets), "--flows", ",".join(map(str, flows)))
    return {int(line["flows"]): {mode: float(line[f"{mode}_ns"]) for mode in MODES} for line in lines}


def received_instructions(program: Path) -> dict[str, float] | None:
    """Mode -> instructions per packet; None where nothing counts them."""
    if not callgrind.is_there():
        return None
    words = ("--packets", str(COUNTED_PACKETS), "--parts", "1", "--flows", str(COUNTED_FLOWS))
    [_, _, *counts] = callgrind.parts(program, words, COUNTED_PACKETS)
    return {mode: of.instructions or 0.0 for mode, of in zip(MODES, counts, strict=True)}


def owners(program: Path, packets: int) -> dict[str, float]:
    """What steering in software costs (docs/strategies.md), which is the same for all NFs: ns per packet."""
    [line] = run(program, "--packets", str(packets), "--parts", "10", "--flows", "1000")
    return {what: float(line[f"owner_by_{what}_ns"]) for what in ("fields", "bytes", "shapes")}


def run(program: Path, *words: str, through: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What a bench program prints; started by the command ``through``, if there is one."""
    command = [*through, str(program.resolve()), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"{program} failed with status {done.returncode}: {done.stderr.strip()[-500:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise ToolError(f"{program} printed no figures")
    return lines
