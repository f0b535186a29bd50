"""How much processor time something takes, whatever the machine: in seconds of a machine that is known."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: So many additions take so many seconds of CPU there. Machines that run these tests take from half of it to three
#: times as much.
ADDITIONS = 1_000_000
SECONDS = 0.04


def cpu_seconds(call: Callable[[], T], runs: int = 1) -> tuple[float, T]:
    """The least CPU seconds of so many runs of a call, as they would be on the known machine; what the last gave.

    The machine is measured before the first run and after each: its least time counts, as that of the runs does.
    No garbage is collected meanwhile, as with :mod:`timeit`: that takes longer the more tests ran before.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return _measure(call, runs)
    finally:
        if collects:
            gc.enable()


def _measure(call: Callable[[], T], runs: int) -> tuple[float, T]:
    measured, taken = [_additions()], []
    for _ in range(runs):
        started = time.process_time()
        given = call()
        taken.append(time.process_time() - started)
        measured.append(_additions())
    return min(taken) * SECONDS / min(measured), given


def _additions() -> float:
    started = time.process_time()
    x = 0
    for i in range(ADDITIONS):
        x += i
    return time.process_time() - started
