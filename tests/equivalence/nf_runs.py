"""Captures for the tests of built programs, and what programs make of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nf_models import Packet, Verdict

from maestro_tool import canonical
from maestro_tool.traffic.capture import capture_paths, read_folder
from maestro_tool.traffic.generate import generate
from maestro_tool.traffic.replay import ReplayResult, replay
from maestro_tool.traffic.spec import TrafficSpec
from tests import drivers

if TYPE_CHECKING:
    from programs import Build

ROOT = Path(__file__).resolve().parents[2]

Outputs = dict[int, list[bytes]]

Model = Callable[[Iterable[Packet]], Iterator[Verdict]]


def make_captures(folder: Path, spec: TrafficSpec, sent: Outputs | None = None) -> Path:
    """``sent``: replies answer these frames (`generate`)."""
    canonical.write_files({folder / f"port{port}.pcap": content for port, content in generate(spec, sent).items()})
    return folder


def converse(
    program: Path, spec: TrafficSpec, folder: Path, arguments: str = "", workers: int | None = None
) -> tuple[Path, Outputs, ReplayResult]:
    """A capture in which replies answer what the program sends when it receives this capture, and what it sends.

    Which frames those are depends on the replies before, so this takes some rounds: each is right for longer.
    """
    captures = make_captures(folder / "in0", spec)
    for n in range(12):
        sent, result = run(program, captures, folder / f"out{n}", arguments, workers)
        again = make_captures(folder / f"in{n + 1}", spec, sent)
        if packets(again) == packets(captures):
            return captures, sent, result
        captures = again
    raise AssertionError("replies change for ever")


def packets(captures: Path) -> list[Packet]:
    """The packets of all ports in order of time."""
    merged = [Packet(f.time, port, f.data) for port, frames in read_folder(captures).items() for f in frames]
    return sorted(merged, key=lambda packet: packet.time)


def run(
    program: Path, captures: Path, out: Path, arguments: str = "", workers: int | None = None
) -> tuple[Outputs, ReplayResult]:
    with drivers.preloaded():
        result = replay(program, captures, out, workers=workers, nf_arguments=arguments.split())
    return outputs(out), result


def outputs(folder: Path) -> Outputs:
    return {port: [frame.data for frame in frames] for port, frames in read_folder(folder).items()}


def modelled(model: Model, captures: Path) -> Outputs:
    """What ports send if verdicts are the model's."""
    sent: Outputs = {port: [] for port in capture_paths(captures)}
    received = packets(captures)
    for packet, verdict in zip(received, model(received), strict=True):
        if isinstance(verdict, int):
            sent[verdict].append(packet.frame)
        elif verdict is not None:
            for port in verdict.ports:
                sent[port].append(verdict.frame)
    return sent


def flows_in(captures: Path) -> int:
    """Different plain TCP and UDP flows that the LAN opens."""
    return len({p.frame[23:24] + p.frame[26:38] for p in packets(captures)
                if p.port == 0 and re.match(rb"\x08\x00\x45.{8}[\x06\x11]", p.frame[12:24], re.DOTALL)})  # fmt: skip


@dataclass(frozen=True)
class Case:
    """``converses``: the NF rewrites what replies address, so that they must answer what it sent."""

    nf: str
    traffic: TrafficSpec
    arguments: str
    model: Model
    converses: bool = False


#: What the sequential program receives and sends.
Results = dict[Case, tuple[Path, Outputs]]


def sequential(build: Build, case: Case, folder: Path, known: Results) -> tuple[Path, Outputs]:
    """What the sequential program receives and sends; once for all strategies."""
    if case not in known:
        program = build.reference(case.nf)
        if case.converses:
            captures, sent, _ = converse(program, case.traffic, folder, case.arguments)
        else:
            captures = make_captures(folder / "in", case.traffic)
            sent, _ = run(program, captures, folder / "out", case.arguments)
        known[case] = captures, sent
    return known[case]
