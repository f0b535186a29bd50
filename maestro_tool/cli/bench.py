"""``bench``: how long each phase takes, cold, and what a packet costs in memory under each strategy; with the
reference figures beside."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError
from maestro_tool.measured import callgrind, programs, whole

SCHEMA = "maestro-bench/3"

FLOWS = (1_000, 10_000, 60_000)

#: ns per packet by number of flows, of a plain sequential libVig implementation on one core of a 2.6 GHz EPYC, of
#: packets from both ports: not of this machine, and not of this run.
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

#: Without and with comparisons of their place (docs/guarantees.md).
COMPARED = {
    "software steers some classes": ("steered", "steered_checked"),
    "all left to the card, all have come": ("received", "received_checked"),
    "all left to the card, one never comes": ("received", "received_awaiting"),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """An NF to measure: its analysis (for the sources and arguments), its bench programs, the sequential one first,
    then that of its plan; and the programs that users run, of the same two."""

    name: str
    analysis: Path
    programs: tuple[Path, ...]
    whole: tuple[Path, ...]

    @property
    def parallel(self) -> Path:
        return self.programs[1]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("bench", help="measure phases and packets; `scons bench` calls this")
    p.add_argument("--nf", nargs="+", action="append", required=True, metavar="WORD",
                   help="repeatable: NAME ANALYSIS SEQUENTIAL PARALLEL BENCH..., the last of them those that measure: "
                   "of the sequential program, of the parallel one, of others")  # fmt: skip
    p.add_argument(
        "--optimise", default="full", metavar="HOW", help="what the programs were generated with, for the rows"
    )
    p.add_argument("--nic", default="soft", help="profile for the phases (default: soft)")
    p.add_argument("--packets", type=int, default=1_000_000, metavar="N", help="per figure (default: 1000000)")
    p.add_argument("--json", action="store_true", help="print all figures as JSON instead of tables")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="all figures as JSON")
    p.set_defaults(run=_bench)


def _bench(args: argparse.Namespace) -> None:
    if any(len(words) < 6 for words in args.nf):
        raise InputError("--nf needs a name, an analysis, two programs, and their bench programs")
    subjects = [
        Subject(name, Path(analysis), tuple(map(Path, measuring)), (Path(sequential), Path(parallel)))
        for name, analysis, sequential, parallel, *measuring in args.nf
    ]

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
    result["rows"] = [asdict(row) for subject in subjects for row in _rows(subject, args, say)]
    say("\nper packet on a worker to which a card gives it, and what comparing its place (docs/guarantees.md) adds")
    say(f"  {'nf':<10}{'':<11}" + "".join(f"{title:>40}" for title in COMPARED))
    for subject in subjects:
        received = programs.received(subject.parallel, args.packets, FLOWS)
        counted = programs.received_instructions(subject.parallel)
        of_nf = result["nfs"][subject.name] | {"received_ns": {str(n): of for n, of in received.items()}}
        of_nf["received_instructions"] = counted
        result["nfs"][subject.name] = of_nf
        rows = [(f"{n} flows, ns", of) for n, of in received.items()]
        for title, of in [*rows, *([("instructions", counted)] if counted else [])]:
            say(f"  {subject.name:<10}{title:<16}" + "".join(_added(of, *pair) for pair in COMPARED.values()))
    result["owner_ns"] = owner = programs.owners(subjects[0].parallel, args.packets)
    say(
        "\nns per packet to find its owner in software: by 12 bytes of fields, as cards do; by 12 bytes of its class;"
        " of a class that shapes part"
    )
    say(f"  {owner['fields']:.1f}, {owner['bytes']:.1f}, {owner['shapes']:.1f}")
    result["whole_programs"] = _whole(subjects, say)
    result["caches"] = {name: list(of) for name, of in callgrind.CACHES.items()}
    result["reference_ns"] = {nf: {str(n): v for n, v in by.items()} for nf, by in REFERENCE_NS.items()}
    text = canonical.dumps(result)
    canonical.write_files({args.output: text})
    print(text if args.json else f"\n{args.output}", end="" if args.json else "\n")


def _rows(subject: Subject, args: argparse.Namespace, say: Callable[[str], None]) -> list[programs.Row]:
    """All rows of an NF, each strategy once."""
    rows: list[programs.Row] = []
    say(f"\n{subject.name}: ns per packet on one core, in memory: median (least to most) of the parts of a run;")
    say("  per packet with 1,000 flows: instructions, misses of the first and of the last cache (callgrind)")
    say(f"  {'strategy':<16}{'traffic':<12}" + "".join(f"{f'{n} flows':>24}" for n in FLOWS) + f"{'counted':>24}")
    seen = set()
    for program in subject.programs:
        others = programs.on_one_core(program, args.optimise, args.packets, FLOWS)
        first = next(others)
        strategy = first.strategy
        if strategy in seen:
            continue
        seen.add(strategy)
        of_program = [first, *others]
        rows += of_program
        for traffic in dict.fromkeys(row.traffic for row in of_program):
            of = [row for row in of_program if row.traffic == traffic]
            say(f"  {strategy:<16}{traffic:<12}" + "".join(_spread(row) for row in of) + _counts(of))
    rows += _of_cores(subject, args, say)
    reference = REFERENCE_NS.get(subject.name)
    if reference:
        figures = ", ".join(f"{n}: {ns}" for n, ns in reference.items())
        say(f"  for orientation, ns by flows of plain libVig, sequential, replies, on another machine: {figures}")
    return rows


def _of_cores(subject: Subject, args: argparse.Namespace, say: Callable[[str], None]) -> Iterator[programs.Row]:
    say(f"  million packets per second of all cores, {programs.KNOWN_FLOWS} flows known before")
    titles = (*programs.NEW_OF_32, programs.ALL_NEW)
    say(f"  {'strategy':<16}{'cores':<12}" + "".join(f"{traffic:>24}" for traffic in titles))
    seen = set()
    for program in subject.programs[1:]:
        others = programs.on_cores(program, args.optimise, args.packets)
        first = next(others)
        if first.strategy in seen:
            continue
        seen.add(first.strategy)
        rows = [first, *others]
        for cores in programs.CORES:
            rates = [row.packets_per_second or 0.0 for row in rows if row.workers == cores]
            say(f"  {first.strategy:<16}{cores:<12}" + "".join(f"{rate / 1e6:>24.2f}" for rate in rates))
        yield from rows


def _whole(subjects: Sequence[Subject], say: Callable[[str], None]) -> list[dict[str, Any]]:
    say(f"\nwhole programs, {whole.SECONDS:g} s each: million packets per second received (lost); testpmd beside them")
    figures = []
    for figure in whole.figures([(s.name, s.whole) for s in subjects]):
        figures.append(asdict(figure))
        rate = "-" if figure.packets_per_second is None else f"{figure.packets_per_second / 1e6:.2f}"
        lost = "" if not figure.lost else f" ({100 * figure.lost:.2f} % lost)"
        say(f"  {figure.program:<32}{figure.ports:<20}{rate:>8}{lost}{f'  {figure.note}' if figure.note else ''}")
    return figures


def _spread(row: programs.Row) -> str:
    assert row.ns is not None
    return f"{row.ns.median:.1f} ({row.ns.min:.1f} to {row.ns.max:.1f})".rjust(24)


def _counts(rows: Sequence[programs.Row]) -> str:
    for row in rows:
        if row.instructions is not None:
            return f"{row.instructions:.1f}, {row.d1_misses:.2f}, {row.ll_misses:.2f}".rjust(24)
    return ""


def _added(of: dict[str, float], without: str, compared: str) -> str:
    cost = of[compared] - of[without]
    return f"{of[without]:.1f} {cost:+.2f} ({100 * cost / of[without]:+.2f} %)".rjust(38)


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
