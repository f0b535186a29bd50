"""``bench``: how long each phase takes, cold, and what a packet costs in memory under each strategy; with the
reference figures beside."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError, ToolError

SCHEMA = "maestro-bench/3"

FLOWS = (1_000, 10_000, 60_000)

#: ns per packet by number of flows, of a plain sequential libVig implementation on one core of a 2.6 GHz EPYC.
REFERENCE_NS: dict[str, dict[int, float]] = {
    nf: dict(zip(FLOWS, figures, strict=True))
    for nf, figures in {
        "nop": (3.4, 3.4, 3.4),
        "fw": (61.0, 75.0, 107.0),
        "pol": (41.0, 60.0, 108.0),
        "nat": (72.0, 93.0, 159.0),
        "psd": (76.0, 266.0, 489.0),
        "cl": (115.0, 134.0, 190.0),
        "hhh": (123.0, 164.0, 441.0),
        "sbridge": (19.0, 24.0, 25.0),
        "bridge": (42.0, 56.0, 103.0),
        "lb": (82.0, 102.0, 149.0),
    }.items()
}

#: Throughput: (name, new flows in 32 packets); flows that are known before, and threads.
TRAFFIC = (("read-mostly", 0), ("churny", 1))
KNOWN_FLOWS = 10_000
CORES = (1, 2)


#: What is done with packets on a worker to which a card gives them (bench_nf.c), in the order of its parts.
MODES = ("steered", "steered_checked", "received", "received_checked", "received_awaiting")
#: Without and with comparisons of their place (docs/guarantees.md).
COMPARED = {
    "software steers some classes": ("steered", "steered_checked"),
    "all left to the card, all have come": ("received", "received_checked"),
    "all left to the card, one never comes": ("received", "received_awaiting"),
}
#: In one part of a run whose instructions are counted.
COUNTED_PACKETS = 40 * 1024


@dataclass(frozen=True, slots=True)
class Subject:
    """An NF to measure: its analysis (for the sources and arguments), and its programs, the sequential one first."""

    name: str
    analysis: Path
    programs: tuple[Path, ...]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("bench", help="measure phases and packets; `scons bench` calls this")
    p.add_argument("--nf", nargs="+", action="append", required=True, metavar="WORD",
                   help="repeatable: NAME ANALYSIS PROGRAM..., the sequential program first")  # fmt: skip
    p.add_argument("--nic", default="soft", help="profile for the phases (default: soft)")
    p.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="per figure (default: 1000000)")
    p.add_argument("--json", action="store_true", help="print all figures as JSON instead of tables")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="all figures as JSON")
    p.set_defaults(run=_bench)


def _bench(args: argparse.Namespace) -> None:
    if any(len(words) < 3 for words in args.nf):
        raise InputError("--nf needs a name, an analysis and a program")
    subjects = [Subject(name, Path(a), tuple(map(Path, programs))) for name, a, *programs in args.nf]

    def say(text: str) -> None:
        if not args.json:
            print(text, flush=True)

    imports = _import_seconds()
    say(f"\nphases, cold, in ms (importing the packages first took {1e3 * imports:.0f} ms)")
    result: dict[str, Any] = {"schema": SCHEMA, "import_seconds": imports, "nfs": {}}
    for subject in subjects:
        phases = _phases(subject, args.nic)
        result["nfs"][subject.name] = {"phases_seconds": phases}
        cells = "  ".join(f"{name} {1e3 * seconds:.0f}" for name, seconds in phases.items())
        say(f"  {subject.name:<10}{1e3 * sum(phases.values()):>6.0f} = {cells}")
    result["solver"] = _solver(args.nic, say)
    say("\nns per packet on one core, in memory (ratio to the reference: libVig, sequential, 2.6 GHz EPYC)")
    for subject in subjects:
        figures, received = _costs(subject, args.packets)
        result["nfs"][subject.name] |= {"ns_per_packet": figures, "ns_per_received_packet": received}
        say(f"  {subject.name:<10}{'flows':>7}{'reference':>11}" + "".join(f"{s:>20}" for s in figures))
        for flows in FLOWS:
            reference = REFERENCE_NS.get(subject.name, {}).get(flows)
            cells = "".join(_cell(of[str(flows)], reference) for of in figures.values())
            say(f"  {'':<10}{flows:>7}{reference if reference else '-':>11}{cells}")
    say("\nper packet on a worker to which a card gives it, and what comparing its place (docs/guarantees.md) adds")
    say(f"  {'nf':<10}{'':<11}" + "".join(f"{title:>40}" for title in COMPARED))
    for subject in subjects:
        of_nf = result["nfs"][subject.name]
        rows = [(f"{n} flows, ns", of) for n, of in of_nf["ns_per_received_packet"].items()]
        counted = instructions(subject.programs[1]) if len(subject.programs) > 1 else None
        if counted is not None:
            of_nf["instructions_per_received_packet"] = counted
            rows.append(("instructions", counted))
        for title, of in rows:
            say(f"  {subject.name:<10}{title:<16}" + "".join(_added(of, *pair) for pair in COMPARED.values()))
    if shutil.which("valgrind") is None:
        say("  (instructions are counted where valgrind is installed)")
    result["owner_ns"] = owner = _owners(subjects[0], args.packets)
    say("\nns per packet to find its owner in software: by 12 bytes of fields, as cards do; by 12 bytes of its class")
    say(f"  {owner['fields']:.1f}, {owner['bytes']:.1f}")
    say(f"\nmillion packets per second of all cores, {KNOWN_FLOWS} flows; churny: 1 of 32 packets is of a new flow")
    say(f"  {'nf':<10}{'strategy':<16}" + "".join(f"{f'{n}, {c} core(s)':>24}" for n, _ in TRAFFIC for c in CORES))
    for subject in subjects:
        rates = {s: dict(of) for s, of in _rates(subject, args.packets)}
        result["nfs"][subject.name]["packets_per_second"] = rates
        for strategy, of in rates.items():
            cells = "".join(f"{of[n][str(c)] / 1e6:>24.2f}" for n, _ in TRAFFIC for c in CORES)
            say(f"  {subject.name:<10}{strategy:<16}{cells}")
    result["reference_ns"] = {nf: {str(n): v for n, v in by.items()} for nf, by in REFERENCE_NS.items()}
    text = canonical.dumps(result)
    canonical.write_files({args.output: text})
    print(text if args.json else f"\n{args.output}", end="" if args.json else "\n")


def _cell(ns: float, reference: float | None) -> str:
    return f"{ns:.1f}{f' ({ns / reference:.2f})' if reference else ''}".rjust(20)


def _added(of: dict[str, float], without: str, compared: str) -> str:
    cost = of[compared] - of[without]
    return f"{of[without]:.1f} {cost:+.2f} ({100 * cost / of[without]:+.2f} %)".rjust(38)


def instructions(program: Path) -> dict[str, float] | None:
    """mode -> instructions per packet, counted by callgrind; None where there is none."""
    if shutil.which("valgrind") is None:
        return None
    parts = ("warm-up", "alone", *MODES)
    with tempfile.TemporaryDirectory() as folder:
        # A dump before each part has what was counted in the one before; the last is made at the end.
        counter = ("valgrind", "--tool=callgrind", "--toggle-collect=timed*", "--dump-before=measured_part*")
        words = ("--packets", str(COUNTED_PACKETS), "--parts", "1", "--flows", "1000")
        _run(program, *words, through=(*counter, f"--callgrind-out-file={folder}/%p"))
        # The process that measures has them all; its parent has counted nothing.
        dumps = [
            [*sorted(Path(folder).glob(f"{last.name}.*"), key=lambda dump: int(dump.suffix[1:])), last]
            for last in Path(folder).iterdir()
            if not last.suffix
        ]
        [counts] = [[_summary(dump) for dump in of] for of in dumps if len(of) == len(parts)]
    return {mode: n / COUNTED_PACKETS for mode, n in zip(parts, counts, strict=True) if mode != "warm-up"}


def _summary(dump: Path) -> int:
    [line] = [line for line in dump.read_text(encoding="utf-8").splitlines() if line.startswith("summary: ")]
    return int(line.split()[1])


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


def _solver(nic: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """CPU seconds of the solver by problem, with what they may be at most."""
    from maestro_tool import profiles
    from maestro_tool.nic import load_profile
    from maestro_tool.rss import bench

    profile = load_profile(profiles.resolve(nic), profiles.folders())
    say(f"\nsolver, {nic}, CPU ms (at most)")
    rows = []
    for figure in bench.figures(profile):
        missed = "" if figure.seconds <= figure.target else "  MISSED"
        say(f"  {figure.name:<32}{1e3 * figure.seconds:>8.1f} ({1e3 * figure.target:.0f}){missed}")
        rows.append({"problem": figure.name, "seconds": figure.seconds, "target_seconds": figure.target})
    return rows


def _costs(subject: Subject, packets: int) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """strategy -> number of flows -> ns per packet, of each program, each strategy once; and of the first parallel one,
    number of flows -> mode -> the same on a worker that a card gives packets."""
    costs: dict[str, dict[str, float]] = {}
    received: dict[str, dict[str, float]] = {}
    for number, program in enumerate(subject.programs):
        lines = _run(program, "--packets", str(packets), "--flows", ",".join(map(str, FLOWS)))
        figures = {str(line["flows"]): float(line["ns_per_packet"]) for line in lines}
        if set(figures) != {str(n) for n in FLOWS}:
            raise ToolError(f"{program} printed figures for {', '.join(figures) or 'nothing'}")
        costs.setdefault(str(lines[0]["strategy"]), figures)
        if number == 1:
            for line in lines:
                received[str(line["flows"])] = {mode: float(line[f"{mode}_ns_per_packet"]) for mode in MODES}
    return costs, received


def _owners(subject: Subject, packets: int) -> dict[str, float]:
    """What steering in software costs (docs/strategies.md), which is the same for all NFs."""
    [line] = _run(subject.programs[0], "--packets", str(packets // 10 or 1), "--flows", str(FLOWS[0]))
    return {what: float(line[f"owner_by_{what}_ns"]) for what in ("fields", "bytes")}


def _rates(subject: Subject, packets: int) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """(strategy, traffic -> cores -> packets per second) of each parallel program; each strategy once."""
    seen = set()
    for program in subject.programs[1:]:
        figures: dict[str, dict[str, float]] = {}
        strategy = ""
        for name, churn in TRAFFIC:
            for cores in CORES:
                words = ["--cores", str(cores), "--packets", str(packets), "--flows", str(KNOWN_FLOWS)]
                [line] = _run(program, *words, *(["--churn", str(churn)] if churn else []))
                strategy = str(line["strategy"])
                figures.setdefault(name, {})[str(cores)] = float(line["packets_per_second"])
            if strategy in seen:
                break
        else:
            seen.add(strategy)
            yield strategy, figures


def _run(program: Path, *words: str, through: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What a bench program prints; started by the command ``through``, if there is one."""
    command = [*through, str(program.resolve()), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ToolError(f"{program} failed with status {done.returncode}: {done.stderr.strip()[-500:]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise ToolError(f"{program} printed no figures")
    return lines
