"""Asks the tests of the sharding analysis about its mutants.  See `mutate` and docs/tests.md.

    python tools/mutate                         all of `mutate.TARGETS`; takes minutes
    python tools/mutate expiry_commutes groups  those of these files
    python tools/mutate --tests FILE ...        other tests than those of `mutate.TESTS`

Exit status 1 if a mutant survives that `survivors.yaml` does not explain, or that file is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]

from mutate import ROOT, SURVIVORS, TARGETS, TESTS, warm  # noqa: E402
from mutate.judge import judge  # noqa: E402
from mutate.mutants import mutants  # noqa: E402


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python tools/mutate")
    parser.add_argument("files", nargs="*", help="names without .py; else all")
    parser.add_argument("--tests", nargs="+", default=[str(t) for t in TESTS])
    options = parser.parse_args(words)
    warm.keep()
    files = [f for f in TARGETS if f.stem in options.files or not options.files]
    made = [m for f in files for m in mutants(f, TARGETS[f])]
    return judge(made, options.tests, SURVIVORS, ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
