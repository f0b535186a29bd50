"""By which relaxations of a plan a packet may get another verdict than from the sequential NF (docs/guarantees.md).

Whether one did so cannot be seen in what was sent.  `maestro run` writes beside it how often tables were full and how
often sketches said so (``run.json``): where that never happened, the relaxation made nothing different.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from maestro_tool.diagnostics import InputError

RUN: Final = "run.json"

#: Relaxation -> the counter of workers without which it makes no difference, and what that counts.
_COUNTED: Final = {
    "capacity-split": ("full", "no table was full"),
    "sketch-collisions": ("counted", "no sketch passed its threshold"),
}


def other_verdicts(plan: Mapping[str, Any], expected: Path, actual: Path) -> tuple[str, tuple[str, ...]]:
    """Names of the relaxations that may have been at work in either run ("": none), and notes for people."""
    kinds = {r.get("kind") for r in plan.get("relaxations", ())}
    names, notes = [], []
    for kind, (counter, never) in _COUNTED.items():
        if kind not in kinds:
            continue
        counts = [_count(folder / RUN, counter) for folder in (expected, actual)]
        if all(count == 0 for count in counts):
            notes.append(f"{kind} permits nothing here: {never}")
            continue
        names.append(kind)
        if all(count is None or count == 0 for count in counts):
            notes.append(
                f"whether {kind} was at work is not known: `maestro run` writes it to {RUN}, where it is missing"
            )
    return " or ".join(names), tuple(notes)


def _count(path: Path, counter: str) -> int | None:
    """None: not known, as of programs that were built before this was counted."""
    try:
        counts = [worker.get(counter) for worker in json.loads(path.read_text(encoding="utf-8"))["workers"]]
        return None if None in counts else sum(map(int, counts))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not what `maestro run` writes: {error!r}", hint="run the program again") from None
