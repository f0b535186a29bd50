"""Packets take as many instructions as the committed budget says, no more and no fewer."""

from __future__ import annotations

import pytest
import yaml
from instructions import CASES, FILE, TOLERANCE, counted, tools, updated
from programs import SEQUENTIAL, Build

#: With transactions and locks for all, code is the same but for how state is shared.
GATE = (SEQUENTIAL, "auto")


@pytest.mark.parametrize(
    ("nf", "strategy"),
    [case if case[1] in GATE else pytest.param(*case, marks=pytest.mark.long) for case in CASES],
)
def test_budget(build: Build, nf: str, strategy: str) -> None:
    known = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if tools() != known["tools"]:
        pytest.skip(f"counts are of {known['tools']}, here are {dict(tools())}")
    budget = known["budget"][nf][strategy]["instructions"]
    assert counted(build, nf, strategy) == pytest.approx(budget, rel=TOLERANCE), "see tests/equivalence/instructions.py"


def test_all_have_a_budget_and_what_has_risen_a_reason() -> None:
    budget = yaml.safe_load(FILE.read_text(encoding="utf-8"))["budget"]
    assert {(nf, s) for nf, of in budget.items() for s in of} == set(CASES)
    entries = [entry for of in budget.values() for entry in of.values()]
    assert all(entry["reason"].strip() for entry in entries if "was" in entry)


def test_a_rise_needs_a_reason() -> None:
    before = {"fw": {"auto": {"instructions": 100.0}}}
    case = ("fw", "auto")
    assert updated(before, {case: 100.4}, "") == before
    assert updated(before, {case: 90.0}, "") == {"fw": {"auto": {"instructions": 90.0}}}
    with pytest.raises(ValueError, match=r"fw, auto: 100.0 -> 101.0 instructions"):
        updated(before, {case: 101.0}, " ")
    risen = {"instructions": 101.0, "was": 100.0, "reason": "checks"}
    assert updated(before, {case: 101.0}, "checks") == {"fw": {"auto": risen}}
