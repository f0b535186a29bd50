"""All NFs of the tree are proved, on all cards, in little time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from builds import CARDS, NFS, document, files
from builds import write as write_files

from maestro_tool.certificate import write
from maestro_tool.certificate.binding import load
from maestro_tool.cli.certify import Report, prove
from maestro_tool.smtlib.solvers import SOLVERS, solve
from tests.yardstick import cpu_seconds

GATE = ("e810", "soft", "virtio")
SECONDS = 2.0


def _proved(name: str, card: str) -> Report:
    certificate = document(name, card)
    seconds, report = cpu_seconds(lambda: prove(certificate, "bitwuzla"))
    assert report.failed == []
    assert report.verdict == "proved"
    assert seconds < SECONDS, f"{name} on {card} took {seconds:.2f} s"
    return report


@pytest.mark.parametrize("card", GATE)
@pytest.mark.parametrize("name", NFS)
def test_is_proved(name: str, card: str) -> None:
    _proved(name, card)


@pytest.mark.long
@pytest.mark.parametrize("card", [*CARDS, "x710+82599"])
@pytest.mark.parametrize("name", NFS)
def test_is_proved_on_every_card(tmp_path: Path, name: str, card: str) -> None:
    _proved(name, card)
    assert load(write_files(tmp_path, name, card)) == document(name, card)


#: What the analysis takes for granted and the checker cannot prove, by the beginning of the words.
ASSUMED = {
    "gate": set(),  # the device that is stored is one of two
    "meter": {"a divisor or shift that options give"},  # that the NF's assertions hold is proved
    "spread": {"an index that comes out of the state"},
    "masq": {"an index that comes out of the state"},
}


@pytest.mark.parametrize("name", ASSUMED)
def test_what_is_assumed_is_proved_or_said(name: str) -> None:
    report = prove(document(name, "e810"), "bitwuzla")
    assert (report.verdict, report.failed) == ("proved", [])
    assert {next(s for s in ASSUMED[name] if a["text"].startswith(s)) for a in report.assumed} == ASSUMED[name]
    notes = {n["location"] for n in json.loads(files(name, "e810")["plan.json"])["notes"]}
    assert all(a["location"] in notes or "divisor" in a["text"] for a in report.assumed)
    assert document(name, "e810")["left_out"]


def test_what_is_left_out_counts() -> None:
    """gate: a write that may leave another number, so that no longer can it be proved; the way, if it is not there."""
    certificate = document("gate", "e810")
    [left_out] = certificate["left_out"]
    [read] = [e for e in map(certificate["events"].__getitem__, left_out["events"]) if e["op"] == "vector_read"]
    certificate["expressions"].append(["const", 32, 5 << 24])
    for e in certificate["events"]:
        if e["op"] == "vector_write" and e["objects"] == read["objects"]:
            e["stored"] = [[0, len(certificate["expressions"]) - 1]]
    report = prove(certificate, "bitwuzla")
    assert (report.verdict, len(report.assumed)) == ("proved", 1)
    certificate = document("gate", "e810")
    certificate["left_out"].clear()
    assert prove(certificate, "bitwuzla").verdict == "refuted"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("nop", set()),
        ("sbridge", {"cover"}),
        ("bridge", {"cover"}),  # all shared: nothing to prove but that the paths are all there are
        ("fw", {"cover", "key", "pair"}),
        ("nat", {"cover", "key", "pair", "match"}),
        ("psd", {"cover", "key", "pair", "block", "left"}),
    ],
)
def test_what_is_proved(name: str, kinds: set[str]) -> None:
    report = _proved(name, "e810")
    assert set(report.obligations) == kinds
    assert report.shared == (4 if name == "bridge" else 0)


@pytest.mark.parametrize("card", ["e810", "soft"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "hhh" else n for n in NFS])
def test_solvers_agree(name: str, card: str) -> None:
    """On every obligation; and on its opposite, in which the last claim (what must not be) is denied."""
    texts: dict[str, str] = {}
    prove(document(name, card), "bitwuzla", texts.__setitem__)
    for text in texts.values():
        assert {solver: solve(text, solver)[0] for solver in SOLVERS} == dict.fromkeys(SOLVERS, "unsat")
    for text in [*texts.values()][-3:]:
        *lines, last = text.strip().splitlines()
        denied = "\n".join([*lines, re.sub(r"^\(assert (.*)\)$", r"(assert (not \1))", last), ""])
        assert len({solve(denied, solver)[0] for solver in SOLVERS}) == 1


@pytest.mark.parametrize("name", ["fw", "lb", "hhh", "nat"])
def test_equal_inputs_give_equal_bytes(name: str) -> None:
    first = files(name, "e810")["certificate.json"]
    again = files.__wrapped__(name, "e810")["certificate.json"]
    assert first == again
    assert json.loads(first)["schema"] == "maestro-certificate/1"


def test_writing_takes_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 0.03 CPU s for the NF with most paths; the best of several, for others use this machine, too."""
    taken: list[float] = []
    text = write.text

    def timed(*arguments: Any) -> str:
        seconds, made = cpu_seconds(lambda: text(*arguments))
        taken.append(seconds)
        return made

    monkeypatch.setattr(write, "text", timed)
    for _ in range(3):
        files.__wrapped__("hhh", "e810")
    assert min(taken) <= 0.03
