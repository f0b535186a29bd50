"""``explain``: how packets flow, who touches what state, what was decided for a NIC and why."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_tool import canonical
from maestro_tool.cli.build import (
    NIC_HELP,
    STRATEGY_HELP,
    add_analysis,
    add_compilation,
    analyse,
    compilation_of,
    load_cards,
    open_cache,
    port_count,
)
from maestro_tool.diagnostics import InputError

if TYPE_CHECKING:
    from maestro_tool.cache import Cache
    from maestro_tool.pipeline import Analysed, Request, Stopwatch


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("explain", help="how packets flow, what state they share, what is decided and why")
    p.add_argument("what", nargs="+", metavar="NF",
                   help="a folder with an NF, its name below nfs/, its .c files, or an analysis.json")  # fmt: skip
    p.add_argument("--nic", default="soft", help=f"{NIC_HELP} (default: soft)")
    p.add_argument("--strategy", default="auto", help=STRATEGY_HELP)
    p.add_argument("--ports", type=port_count, metavar="N", help="number of devices (default: nf.yaml, else 2)")
    p.add_argument("--arg", action="append", metavar="ARG",
                   help="--arg=X: an option of the NF; repeatable (default: nf.yaml, else none)")  # fmt: skip
    add_analysis(p)
    add_compilation(p)
    p.add_argument("--name", help="what to call the NF (default: its folder)")
    p.add_argument("--json", action="store_true", help="for programs: maestro-explain/1 (docs/reports.md)")
    p.add_argument("--tree", action="append", default=[], type=Path, metavar="FILE",
                   help="also draw the decision tree: FILE.dot (Graphviz), FILE.svg ...")  # fmt: skip
    p.add_argument("--state", action="append", default=[], type=Path, metavar="FILE",
                   help="also draw which packets touch which state")  # fmt: skip
    p.set_defaults(run=_explain)


def _explain(args: argparse.Namespace) -> None:
    from maestro_tool import pipeline
    from maestro_tool.explain import graphs, terminal, to_json

    watch, cache = pipeline.Stopwatch(), open_cache()
    name, analysed = _analysed(args, watch, cache)
    explanation = pipeline.explain(analysed, load_cards(args.nic), args.name or name, args.strategy, cache, watch)
    for path in args.tree:
        graphs.write(graphs.decision_tree(explanation), path)
    for path in args.state:
        graphs.write(graphs.state_accesses(explanation), path)
    if args.json:
        print(canonical.dumps(to_json(explanation)), end="")
    else:
        terminal.show(explanation)
        if drawn := [str(p) for p in (*args.tree, *args.state)]:
            print(f"\ngraphs: {' '.join(drawn)}")


def _analysed(args: argparse.Namespace, watch: Stopwatch, cache: Cache) -> tuple[str, Analysed]:
    """The NF's name and its analysis, read or made."""
    from maestro_tool import pipeline

    first = Path(args.what[0])
    if first.suffix == ".json":
        if len(args.what) > 1:
            raise InputError(f"give one analysis, not {len(args.what)} files")
        if args.ports or args.arg or args.limit or args.pure or args.xdp or any(compilation_of(args).values()):
            hint = "leave out --ports, --arg, --limit, --pure, --xdp, -I, -D, --flag, --cc and --headers"
            raise InputError(f"{first} says by itself what was analysed", hint=hint)
        return first.resolve().parent.name, pipeline.Analysed.read(first)
    name, request = _request(args)
    return name, analyse(request, watch, cache)


def _request(args: argparse.Namespace) -> tuple[str, Request]:
    from maestro_tool import nf, xdp
    from maestro_tool.pipeline import Request

    paths = [Path(w) for w in args.what]
    compiled = compilation_of(args)
    limits, pure = dict(args.limit), tuple(sorted(args.pure))
    program = xdp.split(args.what[0])
    if any(p.suffix == ".c" for p in paths) and (program is None or len(paths) > 1):
        request = Request(tuple(paths), tuple(args.arg or ()), args.ports or 2, **compiled)
        return paths[0].stem, replace(request, limits=tuple(sorted(limits.items())), pure=pure, xdp=tuple(args.xdp))
    if len(paths) > 1:
        raise InputError(f"expected one folder, or .c files; got {' '.join(args.what)}")
    folder = paths[0] if paths[0].is_dir() or program else nf.folder_of(str(paths[0]), Path("nfs"))
    if not folder.is_dir() and not program:
        known = ", ".join(nf.known(Path("nfs")))
        raise InputError(f"no NF '{paths[0]}': neither a folder, nor .c files, nor an analysis.json",
                         hint=f"known below nfs/: {known}" if known else None)  # fmt: skip
    whole = folder.resolve()  # "." is the folder's name, too
    function = nf.load(Path(os.path.relpath(whole.parent)) / whole.name)
    arguments = function.arguments if args.arg is None else tuple(args.arg)
    request = Request(function.sources, arguments, args.ports or function.ports, **compiled)
    limits = dict(function.limits) | limits
    pure = tuple(sorted({*function.pure, *pure}))
    attached = (*function.attachment.words, *args.xdp)
    return function.name, replace(request, limits=tuple(sorted(limits.items())), pure=pure, xdp=attached)
