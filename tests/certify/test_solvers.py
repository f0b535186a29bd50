"""Solvers give up after so many steps, not after so much time."""

from __future__ import annotations

import time

import pytest
from builds import ROOT

from maestro_tool.smtlib import solvers

#: No two numbers of 31 bits have a prime of 61 bits as their product: too hard for few steps.
HARD = """(set-logic QF_BV)
(declare-const x (_ BitVec 31))(declare-const y (_ BitVec 31))
(assert (= (bvmul (concat (_ bv0 31) x) (concat (_ bv0 31) y)) (_ bv2305843009213693951 62)))
(assert (bvugt x (_ bv1 31)))(assert (bvugt y (_ bv1 31)))
"""
EASY = "(set-logic QF_BV)\n(declare-const x (_ BitVec 8))\n(assert (distinct x x))\n"


@pytest.mark.parametrize("solver", solvers.SOLVERS)
def test_few_steps(monkeypatch: pytest.MonkeyPatch, solver: str) -> None:
    monkeypatch.setitem(solvers._MOST, solver, 20_000)
    assert solvers.solve(HARD, solver) == ("unknown", {})
    assert solvers.solve(EASY, solver) == ("unsat", {})


def test_steps_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bitwuzla asks as often each time, be it slow or not."""
    asked: list[int] = []

    class Counted(solvers._Steps):
        def __call__(self) -> bool:
            asked[-1] += 1
            time.sleep(0.001 * (len(asked) % 2) * (asked[-1] < 20))
            return super().__call__()

    monkeypatch.setattr(solvers, "_Steps", Counted)
    text = HARD.replace("2305843009213693951", "16777213").replace("31", "12").replace("62", "24")
    for _ in range(3):
        asked.append(0)
        assert solvers.solve(text, "bitwuzla")[0] == "unsat"
    assert len(set(asked)) == 1 <= asked[0]


def test_no_option_is_about_time() -> None:
    text = (ROOT / "maestro_tool/smtlib/solvers.py").read_text()
    assert not any(word in text for word in ("TIME_LIMIT", "tlimit", "timeout", "import time"))
