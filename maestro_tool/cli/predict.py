"""``predict``: what packets will cost, per call path of a build."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from maestro_tool import canonical
from maestro_tool.certificate.binding import BindingError, load
from maestro_tool.diagnostics import InputError
from maestro_tool.predict import contract
from maestro_tool.predict.work import unknown

SCHEMA = "maestro-predict/1"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("predict", help="what packets will cost, per call path: instructions, lines of memory")
    p.add_argument("plan", type=Path, metavar="PLAN", help="plan.json of a build, or its folder: build/<nic>/<nf>")
    p.add_argument("--cores", type=_cores, default=2, metavar="N", help="packets per second for 1 to N (default: 2)")
    p.add_argument("--speed", type=_above_zero, default=contract.MACHINE.instructions_per_ns, metavar="X",
                   help="instructions per ns of a core that waits for no memory (default: %(default)s)")  # fmt: skip
    p.add_argument("--line", type=_above_zero, default=contract.MACHINE.ns_per_line, metavar="NS",
                   help="ns that a line takes which no cache has (default: %(default)s)")  # fmt: skip
    p.add_argument("--json", action="store_true", help=f"for programs: {SCHEMA} (docs/performance.md)")
    p.set_defaults(run=_predict)


def _cores(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= contract.MOST_CORES:
        raise argparse.ArgumentTypeError(f"not a number from 1 to {contract.MOST_CORES}: {text!r}")
    return int(text)


def _above_zero(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"not a number above zero: {text!r}")
    return number


def _predict(args: argparse.Namespace) -> None:
    folder = args.plan if args.plan.is_dir() else args.plan.parent
    if not args.plan.is_dir() and args.plan.name != "plan.json":
        raise InputError(f"{args.plan} is no plan", hint="give plan.json of a build, or its folder: build/<nic>/<nf>")
    try:
        certificate = load(folder)
    except BindingError as error:
        raise InputError(
            f"{folder} is no build: {error.text}", hint="build it, and leave its files as they are"
        ) from error
    if names := unknown(certificate):
        raise InputError(f"{folder} performs what is not known here: {', '.join(names)}", hint="build it again")
    machine = contract.Machine(args.speed, args.line)
    paths = contract.predict(certificate, args.cores, machine)
    if args.json:
        head = {
            "schema": SCHEMA,
            "nf": certificate["nf"],
            "strategy": certificate["strategy"],
            "machine": asdict(machine),
        }
        print(canonical.dumps(head | {"paths": [asdict(p) for p in paths]}), end="")
        return
    print("".join(f"{line}\n" for line in contract.text(paths)), end="")
