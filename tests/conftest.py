"""For all tests: they neither use nor fill a cache that the user has set; C is compiled once; which tests run, and when."""

from __future__ import annotations

import os

import pytest

from tests import compiling, durations

#: Folders and files whose tests need little: no build, no program that runs.
UNITS = ("tests/unit/", "tests/vocabulary/", "tests/tools/", "tests/wheel/test_manifest.py")

os.environ.pop("MAESTRO_CACHE", None)
os.environ.update(compiling.environment())


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maestro")
    group.addoption("--quick", action="store_true", help="units that are brief, and tests that are marked quick")
    group.addoption("--long", action="store_true", help="the tests that are marked long, and only them")
    group.addoption("--releases", action="store_true", help="the tests that are marked releases, and only them")
    group.addoption("--durations-store", action="store_true", help=f"write tests/{durations.FILE.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("durations_store") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(durations.Store())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = durations.read()
    asked = [is_asked(item, known) for item in items]
    if not all(asked):
        config.hook.pytest_deselected(items=[item for item, yes in zip(items, asked, strict=True) if not yes])
        items[:] = [item for item, yes in zip(items, asked, strict=True) if yes]
    # Only where xdist gives files out: by itself, pytest runs tests in the order of their names.
    if hasattr(config, "workerinput"):
        place = {file: n for n, file in enumerate(durations.files_longest_first((i.nodeid for i in items), known))}
        items.sort(key=lambda item: place[durations.file_of(item.nodeid)])


def is_asked(item: pytest.Item, known: durations.Durations) -> bool:
    """Whether the options want the test."""
    if any((item.get_closest_marker(kind) is not None) != item.config.getoption(kind) for kind in ("long", "releases")):
        return False
    if not item.config.getoption("quick") or item.get_closest_marker("quick"):
        return True
    slow = item.get_closest_marker("slow") or item.nodeid in known
    return item.nodeid.startswith(UNITS) and not slow


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests gave to ``record_property("summary", text)``, also from the processes of xdist."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, ())]
    for text in (value for r in reports if r.when == "call" for name, value in r.user_properties if name == "summary"):
        terminalreporter.write_line(str(text))
