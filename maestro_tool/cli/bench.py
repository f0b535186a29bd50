"""``bench``: how long each phase takes, cold, and what a packet costs in memory; with the reference figures beside."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.diagnostics import ToolError

SCHEMA = "maestro-bench/1"

#: ns per packet by number of flows, of a plain sequential libVig implementation on one core of a 2.6 GHz EPYC.
REFERENCE_NS = {
    "fw": {1_000: 61.0, 10_000: 75.0, 60_000: 107.0},
    "pol": {1_000: 41.0, 10_000: 60.0, 60_000: 108.0},
    "nop": {1_000: 3.4, 10_000: 3.4, 60_000: 3.4},
}

FLOWS = (1_000, 10_000, 60_000)


@dataclass(frozen=True, slots=True)
class Subject:
    """An NF to measure: its analysis (for the sources and arguments) and its two bench programs."""

    name: str
    analysis: Path
    sequential: Path
    parallel: Path


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("bench", help="measure phases and packets; `scons bench` calls this")
    p.add_argument("--nf", nargs=4, action="append", required=True,
                   metavar=("NAME", "ANALYSIS", "SEQUENTIAL", "PARALLEL"), help="repeatable")  # fmt: skip
    p.add_argument("--nic", default="soft", help="profile for the phases (default: soft)")
    p.add_argument("--packets", type=int, default=4_000_000, metavar="N", help="per figure (default: 4000000)")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="all figures as JSON")
    p.set_defaults(run=_bench)


def _bench(args: argparse.Namespace) -> None:
    subjects = [Subject(name, Path(a), Path(s), Path(p)) for name, a, s, p in args.nf]
    imports = _import_seconds()
    result: dict[str, Any] = {"schema": SCHEMA, "import_seconds": imports, "nfs": {}}
    print(f"\nphases, cold, in ms (importing the packages first took {1e3 * imports:.0f} ms)", flush=True)
    for subject in subjects:
        phases = _phases(subject, args.nic)
        result["nfs"][subject.name] = {"phases_seconds": phases}
        cells = "  ".join(f"{name} {1e3 * seconds:.0f}" for name, seconds in phases.items())
        print(f"  {subject.name:<10}{1e3 * sum(phases.values()):>6.0f} = {cells}", flush=True)
    print("\nns per packet, in memory (ratio to the reference: libVig, sequential, 2.6 GHz EPYC)")
    print(f"  {'nf':<10}{'flows':>7}{'reference':>11}{'sequential':>20}{'shared-nothing':>20}", flush=True)
    for subject in subjects:
        figures = {
            kind: _packets(program, args.packets)
            for kind, program in (("sequential", subject.sequential), ("parallel", subject.parallel))
        }
        result["nfs"][subject.name]["ns_per_packet"] = figures
        for flows in FLOWS:
            reference = REFERENCE_NS.get(subject.name, {}).get(flows)
            cells = "".join(_cell(figures[kind][str(flows)], reference) for kind in ("sequential", "parallel"))
            print(f"  {subject.name:<10}{flows:>7}{reference if reference else '-':>11}{cells}", flush=True)
    result["reference_ns"] = {nf: {str(n): v for n, v in by.items()} for nf, by in REFERENCE_NS.items()}
    canonical.write_files({args.output: canonical.dumps(result)})
    print(f"\n{args.output}")


def _cell(ns: float, reference: float | None) -> str:
    return f"{ns:.1f}{f' ({ns / reference:.2f})' if reference else ''}".rjust(20)


def _import_seconds() -> float:
    start = time.perf_counter()
    import maestro_tool.codegen
    import maestro_tool.frontend
    import maestro_tool.rss
    import maestro_tool.sharding
    import maestro_tool.symex  # noqa: F401

    return time.perf_counter() - start


def _phases(subject: Subject, nic: str) -> dict[str, float]:
    """Seconds of each phase from C sources to generated C, nothing cached."""
    from maestro_tool import pipeline, profiles
    from maestro_tool.cache import NoCache
    from maestro_tool.nic import load_profile

    request = pipeline.Analysed.read(subject.analysis).request
    profile = load_profile(profiles.resolve(nic), profiles.folders())
    watch = pipeline.Stopwatch()
    analysed = pipeline.analyse(request, NoCache(), watch)
    pipeline.generate(analysed, (profile,), subject.name, "auto", NoCache(), watch)
    seconds: dict[str, float] = {}
    for t in watch.times:
        seconds[t.phase] = seconds.get(t.phase, 0.0) + t.seconds
    return seconds


def _packets(program: Path, packets: int) -> dict[str, float]:
    """ns per packet by number of flows."""
    command = [str(program.resolve()), "--packets", str(packets), "--flows", ",".join(map(str, FLOWS))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"{program} failed with status {done.returncode}: {done.stderr.strip()[-500:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    figures = {str(line["flows"]): float(line["ns_per_packet"]) for line in lines}
    if set(figures) != {str(n) for n in FLOWS}:
        raise ToolError(f"{program} printed figures for {', '.join(figures) or 'nothing'}")
    return figures
