"""The verdict on each mutant, and on the list of survivors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mutate import survivors
from mutate.mutants import Mutant
from mutate.runs import Runs, Verdict


def judge(made: list[Mutant], tests: list[str], listed: Path, root: Path) -> int:
    """Says what becomes of each mutant; the exit status: 1 if the list ``listed`` does not explain it, 2 if the tests
    fail by themselves."""

    def say(v: Verdict) -> None:
        m = v.mutant
        print(f"{v.seconds:5.1f} s  {m.file.relative_to(root)} | {m.where} | {m.change}", file=out)
        print(f"         {v.by or 'SURVIVES'}", file=out, flush=True)

    out = os.fdopen(os.dup(1), "w")  # pytest captures the other
    runs = Runs(made, say)
    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--no-summary", *tests], plugins=[runs])
    if runs.failed or len(runs.verdicts) != len(made):
        print(f"error: tests fail without a mutant: {' '.join(runs.failed)}", file=sys.stderr)
        return 2
    alive = [v.mutant for v in runs.verdicts if v.by is None]
    wrong = survivors.complaints(alive, made, survivors.read(listed), root)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    seconds = sum(v.seconds for v in runs.verdicts)
    print(f"{len(made)} mutants, {len(alive)} survive, {len(wrong)} complaints, {seconds:.0f} s", file=out, flush=True)
    return 1 if wrong else 0
