"""Asks the tests about mutants: each runs in a fork of a process in which all tests have run already.

What does not depend on the mutant is there by then: imports, collected tests, the analyses of all programs, and z3's
answers to the questions that the original asks.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from mutate import swap
from mutate.mutants import Mutant

#: A mutant with which a test takes longer, in seconds of CPU time, does not end.
LONGEST = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """``by``: the test that fails, or runs when the mutant does not end; None: the mutant survives."""

    mutant: Mutant
    by: str | None
    seconds: float


@dataclass
class Runs:
    """A plugin of pytest: instead of running the tests once, it runs them on each mutant.

    ``verdicts`` are there when pytest returns; ``failed``: tests that fail without a mutant.
    """

    mutants: list[Mutant]
    report: Callable[[Verdict], None]
    verdicts: list[Verdict] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    folders: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    @pytest.fixture
    def tmp_path(self) -> Path:
        """A folder that stays until the end, as programs that `warm` keeps name files there; pytest's own, thousands of
        them, would take longer than the tests."""
        return Path(tempfile.mkdtemp(dir=self.folders.name))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.failed = [item.nodeid for item in session.items if not _passes(item, session.items)]
        if self.failed:
            return True
        executed, seconds = _executed(session.items, {str(m.file) for m in self.mutants})
        gc.collect()
        gc.freeze()  # what children share stays shared
        for mutant in self.mutants:
            lines = None if mutant.lines is None else {(str(mutant.file), n) for n in mutant.lines}
            asked = [i for i in session.items if lines is None or lines & executed[i.nodeid]]
            # Those that are about it, and of these and others the quick ones, first.
            asked.sort(key=lambda i: (mutant.file.stem not in i.path.stem, seconds[i.nodeid]))
            before = time.process_time() + sum(os.times()[2:4])
            by = _killer(mutant, asked)
            self.verdicts.append(Verdict(mutant, by, time.process_time() + sum(os.times()[2:4]) - before))
            self.report(self.verdicts[-1])
        return True


def _passes(item: pytest.Item, items: list[pytest.Item]) -> bool:
    """Whether a test passes; module fixtures are torn down after the last of ``items``."""
    after = items.index(item) + 1
    reports = runtestprotocol(item, log=False, nextitem=items[after] if after < len(items) else None)
    return not any(r.failed for r in reports)


def _executed(items: list[pytest.Item], files: set[str]) -> tuple[dict[str, set[tuple[str, int]]], dict[str, float]]:
    """The lines of ``files`` that each test executes, and how long it takes, on a second run."""
    executed: dict[str, set[tuple[str, int]]] = {}
    seconds: dict[str, float] = {}
    lines: set[tuple[str, int]] = set()

    def line(frame: FrameType, event: str, _: Any) -> Any:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line(frame, event, argument) if frame.f_code.co_filename in files else None

    for item in items:
        for file in files:
            swap.forget(file)
        lines = executed[item.nodeid] = set()
        start = time.process_time()
        sys.settrace(call)
        _passes(item, items)
        sys.settrace(None)
        seconds[item.nodeid] = time.process_time() - start
    return executed, seconds


def _killer(mutant: Mutant, items: list[pytest.Item]) -> str | None:
    """The first of the tests that fails on the mutant; None: all pass."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _judge(mutant, items, writable)
    os.close(writable)
    with os.fdopen(readable) as answers:
        asked = answers.read().splitlines()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return None
    return json.loads(asked[-1]) if asked else "import"


def _judge(mutant: Mutant, items: list[pytest.Item], answers: int) -> None:
    """In the child: names each test before it runs; ends with 1 at the first that fails."""
    try:
        swap.put(mutant)
        for item in items:
            signal.setitimer(signal.ITIMER_PROF, LONGEST)
            os.write(answers, (json.dumps(item.nodeid) + "\n").encode())
            if not _passes(item, items):
                os._exit(1)
        os._exit(0)
    except BaseException:
        os._exit(2)
