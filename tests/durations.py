"""How long tests take: kept in durations.json, which `./test --durations-store` writes.

By it xdist's workers take files, the longest first, so that they end together, and --quick knows which units are
brief.  Not pytest-split, which cuts a suite into parts for machines of their own, and keeps the time of every test.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "tests" / "durations.json"
#: In seconds: shorter tests are not kept, and are taken to last ``BRIEF``.
KEPT, BRIEF = 0.5, 0.02

#: Test -> seconds.
Durations = Mapping[str, float]


def read() -> Durations:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def files_longest_first(tests: Iterable[str], durations: Durations) -> list[str]:
    """Files of ``tests``, by how long these take together."""
    total: defaultdict[str, float] = defaultdict(float)
    for test in tests:
        total[file_of(test)] += durations.get(test, BRIEF)
    return sorted(total, key=lambda file: (-total[file], file))


def file_of(test: str) -> str:
    return test.split("::")[0]


def updated(before: Durations, taken: Durations, root: Path = ROOT) -> Durations:
    """What is kept after a run: of files of which tests ran, only what these took; nothing of files that are gone."""
    ran = {file_of(test) for test in taken}
    others = {t: s for t, s in before.items() if file_of(t) not in ran and (root / file_of(t)).exists()}
    return others | {test: round(seconds, 1) for test, seconds in taken.items() if seconds >= KEPT}


class Store:
    """A plugin that writes the file after a run that was not cut off."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._taken[report.nodeid] += report.duration

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            text = json.dumps(updated(read(), self._taken), indent=1, sort_keys=True)
            FILE.write_text(text + "\n", encoding="utf-8")
