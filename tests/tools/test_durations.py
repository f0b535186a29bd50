"""Which files come first, what is kept of a run, and which tests the options choose."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import durations
from tests.durations import ROOT, files_longest_first, updated

KNOWN = {"a.py::one": 1.0, "a.py::two": 2.0, "b.py::three": 2.5, "gone.py::four": 9.0}


def test_files_whose_tests_take_longest_come_first() -> None:
    tests = ["b.py::three", "c.py::new", "a.py::one", "a.py::two", "c.py::newer", "d.py::new"]
    assert files_longest_first(tests, KNOWN) == ["a.py", "b.py", "c.py", "d.py"]
    assert files_longest_first(["a.py::two", "b.py::three"], KNOWN) == ["b.py", "a.py"]


def test_what_is_kept(tmp_path: Path) -> None:
    """Of a.py, of which a test ran, nothing else; nothing of a file that is gone; no test that is brief."""
    (tmp_path / "b.py").touch()
    taken = {"a.py::one": 0.71, "c.py::new": 0.2, "d.py::new": 3.14}
    assert updated(KNOWN, taken, tmp_path) == {"a.py::one": 0.7, "b.py::three": 2.5, "d.py::new": 3.1}


def test_what_is_known_is_of_files_that_exist() -> None:
    assert all((ROOT / durations.file_of(test)).is_file() for test in durations.read())
    assert files_longest_first(durations.read(), durations.read())


EXAMPLE = """
import pytest

@pytest.mark.long
def test_long(): pass
@pytest.mark.quick
def test_quick(): pass
def test_brief(): pass
def test_slow(): pass
@pytest.mark.slow
def test_marked(): pass
"""


@pytest.mark.parametrize(
    ("folder", "option", "chosen"),
    [
        ("unit", "", {"test_quick", "test_brief", "test_slow", "test_marked"}),
        ("unit", "--long", {"test_long"}),
        ("unit", "--quick", {"test_quick", "test_brief"}),
        ("scons", "--quick", {"test_quick"}),
    ],
)
def test_options(tmp_path: Path, folder: str, option: str, chosen: set[str]) -> None:
    tests = tmp_path / "tests"
    (tests / folder).mkdir(parents=True)
    for name in ("conftest.py", "durations.py", "compiling.py"):
        shutil.copy(ROOT / "tests" / name, tests)
    example = tests / folder / "test_example.py"
    example.write_text(EXAMPLE)
    (tests / "durations.json").write_text(json.dumps({f"tests/{folder}/test_example.py::test_slow": 2.0}))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = long\n quick\n slow\naddopts = --import-mode=importlib\n")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *filter(None, [option])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*words, str(example)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert {line.split("::")[1] for line in done.stdout.splitlines() if "::" in line} == chosen
