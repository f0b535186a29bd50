"""Captures for the tests of built programs, and what programs make of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nf_models import Packet, Verdict

from maestro_tool import canonical
from maestro_tool.traffic.capture import read_folder
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.replay import ReplayResult, replay
from maestro_tool.traffic.spec import TrafficSpec

ROOT = Path(__file__).resolve().parents[2]

Outputs = dict[int, list[bytes]]

Model = Callable[[Iterable[Packet]], Iterator[Verdict]]


@dataclass(frozen=True)
class Build:
    """A build folder with the sequential and the parallel program of each NF."""

    folder: Path

    def sequential(self, nf: str) -> Path:
        return self.folder / "sequential" / nf / nf

    def parallel(self, nf: str) -> Path:
        return self.folder / "soft" / nf / nf


def make_captures(folder: Path, spec: TrafficSpec) -> Path:
    canonical.write_files({folder / f"port{port}.pcap": content for port, content in generate(spec).items()})
    return folder


def packets(captures: Path) -> list[Packet]:
    """The packets of all ports in order of time."""
    merged = [Packet(f.time, port, f.data) for port, frames in read_folder(captures).items() for f in frames]
    return sorted(merged, key=lambda packet: packet.time)


def run(
    program: Path, captures: Path, out: Path, arguments: str = "", workers: int | None = None
) -> tuple[Outputs, ReplayResult]:
    result = replay(program, captures, out, workers=workers, nf_arguments=arguments.split())
    return outputs(out), result


def outputs(folder: Path) -> Outputs:
    return {port: [frame.data for frame in frames] for port, frames in read_folder(folder).items()}


def modelled(model: Model, captures: Path) -> Outputs:
    """What ports send if verdicts are the model's."""
    sent: Outputs = {0: [], 1: []}
    received = packets(captures)
    for packet, verdict in zip(received, model(received), strict=True):
        if verdict is not None:
            sent[verdict].append(packet.frame)
    return sent


def flows_in(captures: Path) -> int:
    """Different plain TCP and UDP flows that the LAN opens."""
    return len({p.frame[23:24] + p.frame[26:38] for p in packets(captures)
                if p.port == 0 and re.match(rb"\x08\x00\x45.{8}[\x06\x11]", p.frame[12:24], re.DOTALL)})  # fmt: skip
