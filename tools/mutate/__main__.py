"""Asks the tests of the sharding analysis about its mutants.  See `mutate` and docs/tests.md.

    python tools/mutate                         all that is listed in `mutate.TARGETS`; takes minutes
    python tools/mutate expiry_commutes groups  only files of these names
    python tools/mutate --tests FILE ...        other tests than those of `mutate.TESTS`

Exit status 1 if a mutant survives that `survivors.yaml` does not explain, or that file is out of date.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]

from mutate import SURVIVORS, TARGETS, TESTS, warm  # noqa: E402
from mutate.mutants import Mutant, mutants  # noqa: E402


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python tools/mutate")
    parser.add_argument("files", nargs="*", help="names of files without .py; all if none is given")
    parser.add_argument("--tests", nargs="+", default=[str(t) for t in TESTS])
    options = parser.parse_args(words)
    warm.keep()
    made = [m for file, where in TARGETS.items() if _asked(file, options.files) for m in mutants(file, where)]
    return judge(made, options.tests, SURVIVORS)


def _asked(file: Path, names: list[str]) -> bool:
    return not names or file.stem in names


def judge(made: list[Mutant], tests: list[str], list_of_survivors: Path) -> int:
    """Says what becomes of each mutant; the exit status."""
    import pytest
    from mutate import ROOT, survivors
    from mutate.runs import Judge, Verdict

    def say(v: Verdict) -> None:
        m = v.mutant
        place = f"{m.file.relative_to(ROOT)} | {m.where} | {m.change}"
        print(f"{v.seconds:6.1f} s  {place}\n          {v.by or 'SURVIVES'}", file=out, flush=True)

    out = os.fdopen(os.dup(1), "w")  # pytest captures the other
    judge = Judge(made, say)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--no-summary", *tests], plugins=[judge])
    if judge.failed or len(judge.verdicts) != len(made):
        print(f"error: tests fail without a mutant ({status}): {' '.join(judge.failed)}", file=sys.stderr)
        return 2
    alive = [v.mutant for v in judge.verdicts if v.by is None]
    wrong = survivors.complaints(alive, made, survivors.read(list_of_survivors), ROOT)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(made)} mutants, {len(made) - len(alive)} noticed, {len(alive)} survive, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
