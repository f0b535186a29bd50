"""``certify``: proves a build from its certificate, with a solver and nothing else of this tool."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maestro_tool import canonical
from maestro_tool.certificate.binding import BindingError, load
from maestro_tool.certificate.read import Certificate
from maestro_tool.certify.obligations import Checker
from maestro_tool.diagnostics import InputError
from maestro_tool.smtlib.obligation import Obligation
from maestro_tool.smtlib.solvers import SOLVERS, solve

SCHEMA = "maestro-certify/1"
#: What a document that is no certificate makes its reader raise.
_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, StopIteration)
#: Bytes of a witness's frame that are shown; no field that any phase knows lies behind them.
_SHOWN = 128


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("certify", help="prove a build from its certificate, independently of what made it")
    p.add_argument("folder", type=Path, metavar="FOLDER", help="of a build: build/<nic>/<nf>")
    p.add_argument("--json", action="store_true", help=f"for programs: {SCHEMA} (docs/certificate.md)")
    p.add_argument("--solver", choices=sorted(SOLVERS), default="bitwuzla", help="default: bitwuzla")
    p.add_argument("--smt2", type=Path, metavar="DIR", help="write each obligation there as SMT-LIB: sat is a failure")
    p.set_defaults(run=_certify)


@dataclass
class Report:
    """``obligations``: how many there are, by what they are about.  ``failed``: what is not proved: ``kind`` (as
    `verdict`), ``text``, ``objects``, ``locations``, ``packets``.  ``assumed``: what the analysis took for granted and
    the checker cannot prove: ``text``, ``location``."""

    obligations: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    shared: int = 0
    assumed: list[dict[str, str]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """``proved``, or the worst that happened."""
        kinds = {f["kind"] for f in self.failed}
        worst = (kind for kind in ("missing", "damaged", "mismatch", "refuted", "undecided") if kind in kinds)
        return next(worst, "proved")

    def fail(self, kind: str, text: str, **where: Any) -> None:
        self.failed.append({"kind": kind, "text": text, "objects": [], "locations": [], "packets": []} | where)


def check(folder: Path, solver: str, keep: Callable[[str, str], None] | None = None) -> Report:
    """Prove the build in ``folder``.  ``keep`` is given each obligation's name and SMT-LIB text."""
    try:
        document = load(folder)
    except BindingError as error:
        report = Report()
        report.fail(error.kind, error.text)
        return report
    return prove(document, solver, keep)


def prove(document: dict[str, Any], solver: str, keep: Callable[[str, str], None] | None = None) -> Report:
    """Prove what a certificate says, wherever it is from."""
    report = Report()
    try:
        certificate = Certificate(document)
        report.shared = len(certificate.treated("shared"))
        checker = Checker(certificate, lambda text: solve(text, solver)[0] == "unsat")
        for found in checker.obligations():
            where = {"objects": [certificate.label(o) for o in found.objects], "locations": list(found.locations)}
            if found.script is None:
                report.fail("refuted", found.text, **where)
                continue
            text = found.script.text(found.claims)
            if keep is not None:
                keep(f"{report.obligations.total():04}-{found.what}", text)
            report.obligations[found.what] += 1
            answer, model = solve(text, solver)
            if answer == "sat":
                report.fail("refuted", found.text, **where, packets=witness(found, model))
            elif answer != "unsat":
                report.fail("undecided", found.text, **where)
        taken = dict.fromkeys((p.left_out, p.location) for p in checker.assumed())
        report.assumed = [{"text": text, "location": place} for text, place in taken]
    except _DAMAGED as error:
        report.fail("damaged", f"this is no certificate: {type(error).__name__}: {error}")
    return report


def witness(found: Obligation, model: dict[str, int]) -> list[dict[str, Any]]:
    """The packets for which an obligation fails."""
    packets, script = [], found.script
    assert script is not None
    for n, (side, port) in enumerate(script.ports.items()):
        dot = f"{side}." if side else ""
        length = max(model.get(f"{dot}pkt_len", 0), 14)
        frame = bytes(script.number(model, side, f"pkt.{b}", 8) for b in range(min(length, _SHOWN)))
        name = found.kinds[n][model.get(f"{dot}class", 0)][0] if found.kinds else None
        packets.append({"port": port, "class": name, "length": length, "frame": frame.hex()})
    return packets


def _certify(args: argparse.Namespace) -> int:
    if args.smt2 is not None:
        args.smt2.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    try:
        keep = None if args.smt2 is None else _writer(args.smt2)
        report = check(args.folder, args.solver, keep)
    except ImportError as error:
        hint = f"pip install {args.solver if args.solver != 'z3' else 'z3-solver'}"
        raise InputError(f"the solver {args.solver} is not installed: {error}", hint=hint) from error
    seconds = time.perf_counter() - start
    if args.json:
        document = {
            "schema": SCHEMA,
            "verdict": report.verdict,
            "solver": args.solver,
            "obligations": dict(report.obligations),
            "serialised": report.shared,
            "assumed": report.assumed,
            "failed": report.failed,
            "seconds": round(seconds, 3),
        }
        print(canonical.dumps(document), end="")
    else:
        _show(args.folder, report, seconds)
    return 0 if report.verdict == "proved" else 1


def _writer(folder: Path) -> Callable[[str, str], None]:
    return lambda name, text: canonical.write_files({folder / f"{name}.smt2": f"{text}(check-sat)\n"})


def _show(folder: Path, report: Report, seconds: float) -> None:
    said = [] if report.shared == 0 else [f"{report.shared} object{'s' * (report.shared > 1)}, all serialised"]
    if not said or set(report.obligations) - {"cover"}:
        n = report.obligations.total()
        said.insert(0, f"{n} obligation{'s' * (n != 1)} proved")
    if report.assumed:
        said.append(f"{len(report.assumed)} assumed")
    verdict = "; ".join(said) if report.verdict == "proved" else report.verdict
    print(f"{folder}: {verdict} ({seconds:.2f} s)")
    for taken in report.assumed:
        print(f"  assumed: {taken['text']}\n    at {taken['location']}")
    for f in report.failed:
        about = f" [{', '.join(f['objects'])}]" if f["objects"] else ""
        print(f"  {f['kind']}: {f['text']}{about}")
        for place in f["locations"]:
            print(f"    at {place}")
        for p in f["packets"]:
            print(f"    packet on port {p['port']}, {p['class'] or 'any class'}, {p['length']} bytes: {p['frame']}")
