"""What each kind of work costs, maestro_tool/predict/costs.json: fitted on primitives.py, and on no other NF.

`python tests/predict/fit.py` counts and writes the file; counts are those of the compiler that it names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "equivalence")]

from instructions import tools  # noqa: E402

from maestro_tool import canonical  # noqa: E402
from maestro_tool.predict.contract import COSTS  # noqa: E402
from tests import compiling  # noqa: E402
from tests.operations.library import Compiler  # noqa: E402
from tests.predict.counted import Bench, Row, source  # noqa: E402
from tests.predict.primitives import NFS, packets  # noqa: E402

PACKETS: Final = 400
#: Those whose objects may be shared are counted with all of them shared, too.
SHARED: Final = (
    "allocated",
    "bucket",
    "choose",
    "count",
    "erase",
    "held",
    "levels",
    "met",
    "pairs",
    "size",
    "sketch",
    "table",
)
#: Shorter paths count as this one: that an instruction more or less is a larger part of these, nobody minds.
_LEAST: Final = 25
#: Prefers small prices where the counts do not tell two kinds of work apart.
_SMALL: Final = 0.0005


def strategies(name: str) -> tuple[str, ...]:
    return ("auto", "locks") if name.split("_")[0] in SHARED else ("auto",)


def rows(bench: Bench) -> list[Row]:
    found: list[Row] = []
    for name, text in NFS.items():
        recorder = bench.recorded(source(bench.folder, name, text))
        for packet in packets(name, PACKETS):
            recorder.send(packet)
        for strategy in strategies(name):
            found += bench.rows(recorder, strategy)
        print(name, file=sys.stderr, flush=True)
    return found


def fitted(found: Sequence[Row]) -> dict[str, float]:
    """Prices, none below zero, with the least relative error (squares of it)."""
    names = sorted({name for row in found for name in row.work})
    weights = np.array([1 / max(row.instructions, _LEAST) for row in found])
    amounts = np.array([[row.work.get(name, 0) for name in names] for row in found], float) * weights[:, None]
    counts = np.array([row.instructions for row in found]) * weights
    squares = amounts.T @ amounts + np.eye(len(names)) * _SMALL**2
    return dict(zip(names, map(float, _least_squares(squares, amounts.T @ counts)), strict=True))


def _least_squares(squares: np.ndarray, target: np.ndarray) -> np.ndarray:
    """x >= 0 with squares @ x = target, as far as that goes; one price after the other, until none moves."""
    x = np.zeros(len(target))
    for _ in range(100_000):
        before = x.copy()
        for j in range(len(x)):
            x[j] = max(0.0, x[j] + (target[j] - squares[j] @ x) / squares[j, j])
        if np.abs(x - before).max() < 1e-6:
            break
    return x


def main() -> int:
    os.environ.update(compiling.environment())
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = rows(Bench(folder, Compiler(folder)))
    prices = fitted([r for r in found if not r.is_burst]) | fitted([r for r in found if r.is_burst])
    document = {
        "schema": "maestro-costs/1",
        "about": "Instructions of what packets do: written by tests/predict/fit.py.",
        "tools": dict(tools()),
        "instructions": {name: round(price, 1) for name, price in sorted(prices.items())},
    }
    COSTS.write_text(canonical.dumps(document), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
