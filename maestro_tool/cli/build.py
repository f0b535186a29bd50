"""``analyse``, ``solve``, ``generate``, ``sequential``: the steps of a build, each one process."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_tool import canonical, cluster, forms, nf, steps
from maestro_tool.choices import OPTIMISE
from maestro_tool.diagnostics import InputError, MaestroError

if TYPE_CHECKING:
    from maestro_tool.cache import Cache
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic import NicProfile
    from maestro_tool.pipeline import Analysed, Request, Stopwatch
    from maestro_tool.symex.callpath import Analysis


_LINE_EVERY = 10  # seconds, where progress goes to a log
_FULL_HASH = "related packets agree in all 32 bits of the hash, not only in the index"
STRATEGY_HELP = "auto (default), shared-nothing, handoff, hybrid, locks or tm"
NIC_HELP = "name of a profile, or a YAML file; A+B: of port 0, of port 1"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("analyse", help="symbolic execution: C sources -> analysis.json")
    _add_request(p)
    p.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write the analysis")
    _add_record(p)
    p.set_defaults(run=_analyse)

    p = subparsers.add_parser("solve", help="RSS keys and tables for one NIC: analysis.json -> solution")
    p.add_argument("analysis", type=Path, help="what `maestro analyse` wrote")
    p.add_argument("--nic", required=True, help=NIC_HELP)
    p.add_argument("--strategy", default="auto", help=STRATEGY_HELP)
    p.add_argument("--full-hash", action="store_true", help=_FULL_HASH)
    p.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    p.set_defaults(run=_solve)

    p = subparsers.add_parser("generate", help="the parallel program for one NIC: analysis.json -> C and plan.json")
    p.add_argument("analysis", type=Path, help="what `maestro analyse` wrote")
    p.add_argument("--nic", required=True, help=NIC_HELP)
    p.add_argument("--strategy", default="auto", help=STRATEGY_HELP)
    p.add_argument("--full-hash", action="store_true", help=_FULL_HASH)
    p.add_argument("--traffic", type=Path, metavar="PATH",
                   help="a capture, or a folder with port0.pcap ...: the tables are balanced for it")  # fmt: skip
    _add_generated(p)
    p.set_defaults(run=_generate)

    p = subparsers.add_parser("sequential", help="the NF as it is, as a program for one core: C sources -> C")
    _add_request(p)
    _add_generated(p)
    _add_record(p)
    p.set_defaults(run=_sequential)


def _add_record(p: argparse.ArgumentParser) -> None:
    p.add_argument("--record", type=Path, metavar="DIR", help="for build systems: note there what was read")


def _add_request(p: argparse.ArgumentParser) -> None:
    p.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="the NF's .c files")
    p.add_argument("--ports", type=port_count, default=2, metavar="N", help="number of devices (default: 2)")
    p.add_argument("--arg", action="append", default=[], metavar="ARG", help="--arg=X: an option of the NF; repeatable")
    add_analysis(p)
    add_compilation(p)


def add_analysis(p: argparse.ArgumentParser) -> None:
    """What nf.yaml says of the analysis, as options."""
    p.add_argument("--limit", action="append", default=[], type=_limit, metavar="NAME=N",
                   help=f"a budget of the analysis: {', '.join(nf.LIMITS)}; repeatable")  # fmt: skip
    p.add_argument("--pure", action="append", default=[], metavar="FUNCTION",
                   help="a function without a definition that only calculates; repeatable")  # fmt: skip
    p.add_argument("--xdp", action="append", default=[], metavar="WORD",
                   help="for XDP: program=FUNCTION, pass=PORT|drop or redirect=INDEX:PORT; repeatable")  # fmt: skip


def add_compilation(p: argparse.ArgumentParser) -> None:
    """How the NF is compiled, as options."""
    p.add_argument("-I", "--include", action="append", default=[], type=Path, metavar="DIR", help="where headers are")
    p.add_argument("-D", "--define", action="append", default=[], metavar="NAME[=VALUE]", help="preprocessor macro")
    p.add_argument("--flag", action="append", default=[], metavar="FLAG",
                   help="--flag=X: a flag of the compiler, before -D and -I; repeatable, in order")  # fmt: skip
    p.add_argument("--cc", action="append", default=[], metavar="WORD",
                   help="--cc=X: a word of the compiler's command; flags are then only those given")  # fmt: skip
    p.add_argument("--headers", action="append", default=[], metavar="DIR",
                   help="a folder of DPDK's headers: compare what is compiled with them; repeatable")  # fmt: skip


def compilation_of(args: argparse.Namespace) -> dict[str, tuple[Any, ...]]:
    """What `add_compilation` read, as members of a request."""
    return {
        "include_dirs": tuple(args.include),
        "defines": tuple(args.define),
        "compiler": tuple(args.cc),
        "flags": tuple(args.flag),
        "headers": tuple(args.headers),
    }


def _add_generated(p: argparse.ArgumentParser) -> None:
    p.add_argument("--name", required=True, help="the NF's name: part of C names and file names")
    p.add_argument("--header", action="append", default=[], type=Path, metavar="FILE",
                   help="a header of the NF: a build system expects it below gen/; repeatable")  # fmt: skip
    p.add_argument("--optimise", choices=OPTIMISE, default=OPTIMISE[0],
                   help="none: packets take the plain path, for comparison (default: full)")  # fmt: skip
    p.add_argument("--exact", action="store_true", help="for build systems: headers are those of --header and no other")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where the files go")


def port_count(text: str) -> int:
    """An option's value: a number of devices."""
    if text.isdecimal() and 1 <= int(text) <= nf.MAX_PORTS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {nf.MAX_PORTS}")


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name in nf.LIMITS and number.isdecimal():
        return name, int(number)
    raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N with a name among {', '.join(nf.LIMITS)}")


def _show_progress(port: int, paths: int) -> None:
    """One line that is written over; ``analyse`` ends it."""
    print(f"\r{paths} call paths, port {port} ...", end="", file=sys.stderr, flush=True)


def _now_and_then() -> Callable[[int, int], None]:
    """Progress in a log: a line of its own, if it takes long."""
    last_line = time.monotonic()

    def tell(port: int, paths: int) -> None:
        nonlocal last_line
        if time.monotonic() - last_line >= _LINE_EVERY:
            last_line = time.monotonic()
            print(f"analysing: {paths} call paths, port {port} ...", file=sys.stderr, flush=True)

    return tell


def _request(args: argparse.Namespace) -> Request:
    from maestro_tool.pipeline import Request

    return Request(
        sources=tuple(args.sources),
        arguments=tuple(args.arg),
        ports=args.ports,
        limits=tuple(sorted(args.limit)),
        pure=tuple(sorted(args.pure)),
        xdp=tuple(args.xdp),
        **compilation_of(args),
    )


def analyse(request: Request, watch: Stopwatch, cache: Cache | None = None) -> Analysed:
    """The analysis, from the cache (default: `open_cache`) or made while a line on stderr says how far it is."""
    from maestro_tool import pipeline

    find = None
    if os.environ.get(cluster.SOCKET):
        from maestro_tool.cluster import ask

        find = ask.finder(os.environ[cluster.SOCKET])
    on_terminal = sys.stderr.isatty()
    show = _show_progress if on_terminal else _now_and_then()
    try:
        return pipeline.analyse(request, cache or open_cache(), watch, show, find)
    finally:
        if on_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _analyse(args: argparse.Namespace) -> None:
    from maestro_tool import pipeline

    watch = pipeline.Stopwatch()
    request = _request(args)
    analysed = analyse(request, watch)
    opened = tuple((file.name, file.digest) for file in analysed.analysis.files)
    assert analysed.loaded is not None
    record = _record(args, request, analysed.loaded, opened)
    canonical.write_files({args.output: analysed.text(), **record})
    _say("ANALYSE", args.output, f"{len(analysed.analysis.paths)} call paths", watch)


def _solve(args: argparse.Namespace) -> None:
    from maestro_tool import pipeline
    from maestro_tool.nic.profile import label

    watch = pipeline.Stopwatch()
    analysed, nic = _read_inputs(args)
    program = pipeline.load_again(analysed, watch)
    profiles = pipeline.per_port(nic, analysed.analysis.ports)
    choice = pipeline.decide(analysed, program, profiles, args.strategy, open_cache(), watch, full_hash=args.full_hash)
    text = canonical.dumps(json.loads(forms.write(choice.solution)))
    if args.output is None:
        print(text, end="")
    else:
        canonical.write_files({args.output: text})
        _say("SOLVE", args.output, label(nic), watch)


def _generate(args: argparse.Namespace) -> None:
    from maestro_tool import pipeline

    nf.check_name(args.name)
    watch = pipeline.Stopwatch()
    analysed, nic = _read_inputs(args)
    files = pipeline.generate(
        analysed,
        nic,
        args.name,
        args.strategy,
        open_cache(),
        watch,
        args.traffic,
        full_hash=args.full_hash,
        optimise=args.optimise,
    )
    _check_reads(args, analysed.request)
    _write(args, analysed.request, files)
    _say("GENERATE", args.output / "plan.json", f"{len(files)} files", watch)


def _check_reads(args: argparse.Namespace, request: Request) -> None:
    """A build that does not know what this step reads would not run it again: that is a bug."""
    from maestro_tool import inputs, profiles, reads

    if not (args.analysis.parent / inputs.INPUTS).exists():
        return  # no build of ours
    cards = [base for part in profiles.split(args.nic) for base in profiles.with_bases(profiles.resolve(part))]
    if not args.nic.endswith(".yaml"):  # by a name, or another name, which is sought in all; a build gives a path
        cards += [*profiles.folders(), *profiles.known().values()]
    captures = [] if args.traffic is None else [args.traffic, *args.traffic.glob("port*.pcap")]
    record = args.analysis.parent / inputs.INPUTS
    known = [args.analysis, record, *cards, *captures, *request.sources, *args.header, *inputs.files(record)]
    if others := reads.others(known):
        raise AssertionError(f"{others[0]} was read, of which the build does not know")


def _sequential(args: argparse.Namespace) -> None:
    from maestro_tool import pipeline

    nf.check_name(args.name)
    watch = pipeline.Stopwatch()
    request = _request(args)
    analysis = None if args.optimise == "none" else _analysis_if_any(request, watch)
    program, files = pipeline.generate_sequential(request, args.name, watch, args.optimise, analysis)
    opened = () if analysis is None else tuple((file.name, file.digest) for file in analysis.files)
    _write(args, request, files, _record(args, request, program, opened))
    _say("GENERATE", args.output / f"{args.name}.h", f"{len(files)} files", watch)


def _analysis_if_any(request: Request, watch: Stopwatch) -> Analysis | None:
    """What packets look up, to look ahead for it; None of an NF that cannot be analysed, but can be built."""
    try:
        return analyse(request, watch).analysis
    except MaestroError:
        return None


def _read_inputs(args: argparse.Namespace) -> tuple[Analysed, tuple[NicProfile, ...]]:
    from maestro_tool.pipeline import Analysed

    return Analysed.read(args.analysis), load_cards(args.nic)


def load_cards(nic: str) -> tuple[NicProfile, ...]:
    """The profile that ``nic`` names, or the one of each port."""
    from maestro_tool import profiles
    from maestro_tool.nic import load_profile

    return tuple(load_profile(profiles.resolve(part), profiles.folders()) for part in profiles.split(nic))


def _record(
    args: argparse.Namespace, request: Request, program: Program, opened: tuple[tuple[str, str | None], ...] = ()
) -> dict[Path, str]:
    """What --record asks for, by path."""
    if args.record is None:
        return {}
    from maestro_tool import inputs, own_files, reads

    folders = (*request.include_dirs, *inputs.folders(request.flags), *inputs.folders_of_environment())
    # What a build does not know to be read is known to the next one.
    others = reads.others([*request.sources, *program.files, *(name for name, _ in opened)])
    read = inputs.Read(program.files, own_files.common_folder(request.sources), folders, opened, tuple(others))
    return {args.record / name: text for name, text in inputs.texts(read).items()}


def _write(
    args: argparse.Namespace, request: Request, files: dict[str, str], record: Mapping[Path, str] | None = None
) -> None:
    """Write all files, and ``record``, or none: with --exact, those that the build declares."""
    from maestro_tool import own_files
    from maestro_tool.pipeline import mirrored_name

    declared = {mirrored_name(request, header): header for header in args.header}
    for name, header in declared.items():
        if name not in files:  # included under another condition only
            files[name] = header.read_text(encoding="utf-8", errors="surrogateescape")
    own = {mirrored_name(request, s) for s in (*request.sources, *own_files.find(request.sources).generated)}
    own |= {"plan.json", "certificate.json", f"{args.name}.h", f"gen/{args.name}_parallel.c", f"gen/main_{args.name}.c"}
    if args.exact and (unknown := sorted(files.keys() - declared.keys() - own)):
        raise InputError(
            f"{unknown[0].removeprefix('gen/')} is included by a macro's name, so the build cannot follow it",
            hint='write #include "..." with the name',
        )
    made = {args.output / n: t.encode("utf-8", "surrogateescape") for n, t in files.items()}
    canonical.write_files({**made, **(record or {})})


def open_cache() -> Cache:
    """The cache; where nothing can be stored or believed, one line says why every step computes again."""
    from maestro_tool import cache

    return cache.open_cache()


def _say(verb: str, path: Path, what: str, watch: Stopwatch) -> None:
    """One line per step, as a build shows it; and what the build wants to know of it."""
    steps.tell(sys.argv[1:], {t.phase: t.reused for t in watch.times if t.reused})
    steps.say(verb, path, f"{what}: {watch.text()}")
