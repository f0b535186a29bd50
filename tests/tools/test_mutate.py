"""Mutants are noticed by tests, or listed with a reason: the tool itself, some mutants, and (``--long``) all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutate.mutants import mutants

from tests.durations import ROOT

RULE = """
KINDS = ("map", "vector")

def refused(kind, size):
    if kind in KINDS and size > 2 or kind is None:
        yield kind

class Rule:
    def applies(self, sizes):
        for size in sizes:
            if size < 0:
                continue
            return any(s == size for s in (1, 2))
"""
TEST = """
from rule import Rule, refused

def test_refused():
    assert [list(refused(k, 3)) for k in ("map", "vector", "lpm")] == [["map"], ["vector"], []]
    assert not list(refused("map", 2)) and list(refused(None, 0)) == [None]

def test_applies():
    assert Rule().applies([-1, 1]) and not Rule().applies([3])
"""
SURVIVOR = """
rule.py:
  Rule.applies:
    no test has a size of 0, and the answer is the same:
      - 'size <= 0 for: size < 0'
"""

#: Runs the tool on the above.
RUN = """
import sys
from pathlib import Path
import rule
from mutate.judge import judge
from mutate.mutants import mutants
here = Path(rule.__file__).parent
sys.exit(judge(mutants(here / "rule.py"), ["test_rule.py"], here / "survivors.yaml", here))
"""


def test_what_is_mutated(tmp_path: Path) -> None:
    file = tmp_path / "rule.py"
    file.write_text(RULE)
    condition = "kind in KINDS and size > 2 or kind is None"
    assert [(m.where, m.change) for m in mutants(file)] == [
        ("KINDS", "without 'map'"),
        ("KINDS", "without 'vector'"),
        *(
            ("refused", change)
            for change in (
                f"always: {condition}",
                f"never: {condition}",
                f"without kind in KINDS and size > 2 in: {condition}",
                f"without kind in KINDS in: {condition}",
                f"without size > 2 in: {condition}",
                f"without kind is None in: {condition}",
                "size >= 2 for: size > 2",
            )
        ),
        *(
            ("Rule.applies", change)
            for change in (
                "always: size < 0",
                "never: size < 0",
                "size <= 0 for: size < 0",
                "always: any((s == size for s in (1, 2)))",
                "never: any((s == size for s in (1, 2)))",
                "all for: any((s == size for s in (1, 2)))",
                "always: s == size",
                "never: s == size",
            )
        ),
    ]
    assert [m.where for m in mutants(file, frozenset(["KINDS"]))] == ["KINDS", "KINDS"]


@pytest.mark.parametrize(
    ("test", "listed", "status", "said"),
    [
        (TEST, SURVIVOR, 0, "17 mutants, 1 survive, 0 complaints"),
        (TEST, "", 1, "no test notices: rule.py | Rule.applies | size <= 0 for: size < 0"),
        (TEST.replace("3)]", "3)] + [3]") + "    assert 0", SURVIVOR, 2, "tests fail without a mutant"),
        (
            TEST.replace('list(refused(None, 0)) == [None]', "True"), SURVIVOR, 1,
            "no test notices: rule.py | refused | without kind is None",
        ),
        (TEST + "    assert Rule().applies([0, 1]) is False\n", SURVIVOR, 1, "a test notices it, so it is no survivor"),
        (TEST, SURVIVOR + "      - 'never: gone'\n", 1, "there is no such mutant: rule.py | Rule.applies | never: gone"),
    ],
    ids=["all explained", "unexplained", "tests fail", "a test is missing", "noticed", "gone"],
)  # fmt: skip
def test_the_list_of_survivors(test: str, listed: str, status: int, said: str, tmp_path: Path) -> None:
    for name, text in {
        "rule.py": RULE,
        "test_rule.py": test,
        "survivors.yaml": listed,
        "run.py": RUN,
        "pytest.ini": "[pytest]",
    }.items():
        (tmp_path / name).write_text(text)
    path = os.pathsep.join((str(ROOT / "tools"), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == status and said in done.stdout + done.stderr, done.stdout + done.stderr


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "tools/mutate", *words], cwd=ROOT, capture_output=True, text=True)


def test_the_lemma_on_set_up() -> None:
    done = run("set_up_is_everyones", "--tests", "tests/unit/sharding/lemmas/test_set_up_is_everyones.py")
    assert done.returncode == 0 and " 0 complaints" in done.stdout, done.stdout + done.stderr


@pytest.mark.long
def test_all_mutants() -> None:
    done = run()
    assert done.returncode == 0, done.stderr
