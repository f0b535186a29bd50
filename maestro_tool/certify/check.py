"""Prove a certificate: every obligation is handed to a solver, and what it does not refute is a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from maestro_tool.certify.obligations import Checker, Obligation
from maestro_tool.certificate.read import Certificate
from maestro_tool.smtlib.solvers import solve

#: What a document that is none makes its reader raise.
_DAMAGED = (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError, RecursionError)


@dataclass
class Report:
    """``obligations``: how many were derived, by kind; ``failed``: what is not proved, each with its reason."""

    obligations: Counter[str] = field(default_factory=Counter)
    failed: list[dict[str, Any]] = field(default_factory=list)
    shared: int = 0

    @property
    def verdict(self) -> str:
        kinds = {f["kind"] for f in self.failed}
        for verdict in ("damaged", "mismatch", "refuted", "undecided"):
            if verdict in kinds:
                return verdict
        return "proved"


def prove(document: dict[str, Any], solver: str, keep: Callable[[str, str], None] = lambda name, text: None) -> Report:
    """All that a certificate must show.  ``keep`` is given each obligation's name and SMT-LIB text."""
    report = Report()
    try:
        certificate = Certificate(document)
        report.shared = len(certificate.treated("shared"))
        checker = Checker(certificate, lambda text: solve(text, solver)[0] == "unsat")
        for found in checker.obligations():
            where = {"objects": [certificate.label(o) for o in found.objects], "locations": list(found.locations)}
            if found.script is None:
                report.failed.append({"kind": "refuted", "text": found.text, **where, "packets": []})
                continue
            number = report.obligations.total()
            report.obligations[found.what] += 1
            text = found.script.text(found.claims)
            keep(f"{number:04}-{found.what}", text)
            answer, model = solve(text, solver)
            if answer != "unsat":
                kind, packets = ("refuted", witness(found, model)) if answer == "sat" else ("undecided", [])
                report.failed.append({"kind": kind, "text": found.text, **where, "packets": packets})
    except _DAMAGED as error:
        text = f"this certificate is damaged: {type(error).__name__}: {error}"
        report.failed.append({"kind": "damaged", "text": text, "objects": [], "locations": [], "packets": []})
    return report


def witness(found: Obligation, model: dict[str, int]) -> list[dict[str, Any]]:
    """The packets that an obligation fails for: ports, classes, and the first bytes of their frames."""
    packets, script = [], found.script
    assert script is not None
    for n, (side, port) in enumerate(script.ports.items()):
        dot = f"{side}." if side else ""
        length = model.get(f"{dot}pkt_len", 14)
        frame = bytes(script.number(model, side, f"pkt.{b}", 8) for b in range(min(length, 128)))
        name = found.kinds[n][model.get(f"{dot}class", 0)][0] if found.kinds else None
        packets.append({"port": port, "class": name, "length": length, "frame": frame.hex()})
    return packets
