"""For all tests: they neither use nor fill a cache that the user has set; C is compiled once; which tests run, and when.

Durations of tests are kept in durations.json (`./test --durations-store` writes it): xdist's workers take files, the
longest first, so that both end together; --quick knows by them which units take long.  Not pytest-split, which cuts
a suite into parts for machines of their own, and keeps every test's time.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import compiling

DURATIONS = Path(__file__).parent / "durations.json"
#: In seconds: shorter tests are not kept, and are taken to last ``BRIEF``.
KEPT, BRIEF = 0.5, 0.02
#: Units that take longer are not for --quick.
QUICK = 1.0
#: Folders and files whose tests need little: no build, no program that runs.
UNITS = ("tests/unit/", "tests/tools/", "tests/wheel/test_manifest.py")

os.environ.pop("MAESTRO_CACHE", None)
os.environ.update(compiling.environment())


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maestro")
    group.addoption("--quick", action="store_true", help=f"units of up to {QUICK:g} s, and tests that are marked quick")
    group.addoption("--long", action="store_true", help="the tests that are marked long, and only them")
    group.addoption("--durations-store", action="store_true", help=f"write tests/{DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("durations_store") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Store())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    durations = read_durations()
    long, quick = config.getoption("long"), config.getoption("quick")
    asked = [wanted(item, durations, long=long, quick=quick) for item in items]
    if not all(asked):
        config.hook.pytest_deselected(items=[item for item, yes in zip(items, asked, strict=True) if not yes])
        items[:] = [item for item, yes in zip(items, asked, strict=True) if yes]
    # Only where xdist gives files out: by itself, pytest runs tests in the order of their names.
    if hasattr(config, "workerinput"):
        items[:] = longest_first(items, durations)


def wanted(item: pytest.Item, durations: Mapping[str, float], *, long: bool, quick: bool) -> bool:
    if (item.get_closest_marker("long") is not None) != long:
        return False
    unit = item.nodeid.startswith(UNITS) and durations.get(item.nodeid, BRIEF) <= QUICK
    return not quick or unit or item.get_closest_marker("quick") is not None


def longest_first(items: list[pytest.Item], durations: Mapping[str, float]) -> list[pytest.Item]:
    """Tests by their files, files by how long their tests take together."""
    total: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        total[item.path] += durations.get(item.nodeid, BRIEF)
    return sorted(items, key=lambda item: (-total[item.path], item.path))


def read_durations() -> dict[str, float]:
    return dict(json.loads(DURATIONS.read_text(encoding="utf-8")))


def merged(before: Mapping[str, float], taken: Mapping[str, float]) -> dict[str, float]:
    """What is kept after a run: of files of which tests ran, only what these took; no file that is gone."""
    ran = {nodeid.split("::")[0] for nodeid in taken}
    known = {nodeid: s for nodeid, s in before.items() if (file := nodeid.split("::")[0]) not in ran and exists(file)}
    return known | {nodeid: round(s, 1) for nodeid, s in taken.items() if s >= KEPT}


def exists(file: str) -> bool:
    return (compiling.ROOT / file).exists()


class Store:
    """Writes how long tests took, if all passed."""

    def __init__(self) -> None:
        self._taken: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._taken[report.nodeid] += report.duration

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK:
            text = json.dumps(merged(read_durations(), self._taken), indent=1, sort_keys=True)
            DURATIONS.write_text(text + "\n", encoding="utf-8")
