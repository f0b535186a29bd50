"""How far `maestro predict` is off, on NFs that it was not fitted on: those of the tree, and random ones.

`python tests/predict/errors.py [NF|SEED...]` prints a row for each, as docs/performance.md has them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("equivalence", "foreign", "replay"))]

from maestro_tool.nf import load  # noqa: E402
from maestro_tool.operations.semantics import UndefinedError  # noqa: E402
from maestro_tool.predict.contract import BURST, prices  # noqa: E402
from tests import compiling  # noqa: E402
from tests.operations.library import Compiler  # noqa: E402
from tests.oracle import generator, machine, to_c, traffic  # noqa: E402
from tests.predict.counted import Bench, Recorder, Row, source  # noqa: E402
from tests.replay import test_nfs  # noqa: E402
from tests.replay.compare import Packet  # noqa: E402

PACKETS: Final = 600
RANDOM_PACKETS: Final = 200
#: The first 20 from 2000 on that are not refused, that the replay could follow, and whose packets all have a meaning.
SEEDS: Final = (2001, 2002, 2004, 2005, *range(2007, 2015), *range(2016, 2021), 2022, 2023, 2024)


@dataclass(frozen=True)
class Error:
    """Of an NF: the mean of its packets, counted and predicted, and for each path (predicted / counted - 1)."""

    nf: str
    strategy: str
    counted: float
    predicted: float
    paths: tuple[float, ...]
    unpriced: tuple[str, ...] = ()

    @property
    def of_mean(self) -> float:
        return self.predicted / self.counted - 1

    @property
    def text(self) -> str:
        worst = max(self.paths, key=abs)
        off = sorted(map(abs, self.paths))
        within = sum(e <= 0.1 for e in off)
        return (
            f"| {self.nf} | {self.strategy} | {self.counted:.0f} | {self.predicted:.0f} | {self.of_mean:+.1%} |"
            f" {within} of {len(off)} | {worst:+.0%} | {' '.join(self.unpriced)}"
        )


def error(rows: Sequence[Row]) -> Error:
    """What a burst costs is divided among its packets."""
    burst, paths = rows[0], rows[1:]
    assert burst.is_burst
    known = prices()

    def price(row: Row) -> float:
        return sum(known.get(name, 0.0) * n for name, n in row.work.items())

    counted = [row.instructions + burst.instructions / BURST for row in paths]
    predicted = [price(row) + price(burst) / BURST for row in paths]
    total = sum(row.packets for row in paths)

    def mean(of: Sequence[float]) -> float:
        return sum(row.packets * n for row, n in zip(paths, of, strict=True)) / total

    return Error(
        burst.nf,
        burst.strategy,
        mean(counted),
        mean(predicted),
        tuple(p / c - 1 for p, c in zip(predicted, counted, strict=True)),
        tuple(sorted({name for row in rows for name in row.work.keys() - known.keys()})),
    )


def of_nf(bench: Bench, name: str, strategy: str = "auto") -> Error:
    """Of an NF of the tree, on the traffic of its replay, with small tables that fill up."""
    recorder = bench.recorded(load(ROOT / "nfs" / name), tuple(test_nfs.ARGUMENTS[name].split()))
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        recorder.converse(test_nfs.traffic(Path(folder), test_nfs.SPECS[name], PACKETS))
    return error(bench.rows(recorder, strategy))


def of_seed(bench: Bench, seed: int) -> Error:
    """Of a random NF of tests/oracle, on its traffic, as far as that has a meaning."""
    program = generator.generate(seed)
    recorder = bench.recorded(source(bench.folder, f"random_{seed}", to_c.to_c(program), program.ports))
    dual = program.guard.startswith("dual")
    traffic.traffic(seed, ports=program.ports, dual=dual, n=RANDOM_PACKETS, send=_sender(recorder), stop=UndefinedError)
    return error(bench.rows(recorder, "auto"))


def _sender(recorder: Recorder) -> Any:
    def send(arrival: Any) -> Any:
        left = recorder.send(Packet(arrival.time, arrival.device, arrival.frame))
        return machine.Verdict(*(left or (arrival.device, arrival.frame)))

    return send


def main() -> int:
    os.environ.update(compiling.environment())
    asked = sys.argv[1:] or [*test_nfs.NFS, *map(str, SEEDS)]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), Compiler(Path(name)))
        for word in asked:
            print((of_seed(bench, int(word)) if word.isdigit() else of_nf(bench, word)).text, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
