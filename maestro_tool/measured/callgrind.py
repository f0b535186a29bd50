"""Instructions and cache misses per packet of a bench program, which repeat exactly: counted by callgrind."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maestro_tool.diagnostics import ToolError

#: The caches that are simulated, whatever the machine's are: bytes, ways, bytes per line.
CACHES: Final = {"I1": (32 << 10, 8, 64), "D1": (32 << 10, 8, 64), "LL": (8 << 20, 16, 64)}


@dataclass(frozen=True, slots=True)
class Counts:
    """Per packet."""

    instructions: float | None = None
    d1_misses: float | None = None
    ll_misses: float | None = None


def is_there() -> bool:
    return shutil.which("valgrind") is not None


def parts(program: Path, words: Sequence[str], packets: int, *, caches: bool = True) -> list[Counts]:
    """What was counted in each part of a run (bench_nf.c: measured_part) with as many packets; the first is what was
    done before.  ``caches``: misses, too, which takes three times as long.

    Raises ToolError where the program fails.
    """
    simulated = [f"--{name}={size},{ways},{line}" for name, (size, ways, line) in CACHES.items()] if caches else []
    with tempfile.TemporaryDirectory() as folder:
        # A dump before each part has what was counted in the one before; the last is made at the end.
        command = [
            "valgrind", "--tool=callgrind", "--toggle-collect=timed*", "--dump-before=measured_part*",
            f"--cache-sim={'yes' if caches else 'no'}", *simulated, f"--callgrind-out-file={folder}/%p",
            str(program.resolve()), *words,
        ]  # fmt: skip
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ToolError(
                f"{program} failed under valgrind with status {done.returncode}: {done.stderr.strip()[-500:]}"
            )
        last = [dump for dump in Path(folder).iterdir() if not dump.suffix]
        dumps = [
            [*sorted(Path(folder).glob(f"{end.name}.*"), key=lambda dump: int(dump.suffix[1:])), end] for end in last
        ]
        # The process that measures has most of them; its parent has counted nothing.
        return [_counts(dump.read_text(encoding="utf-8"), packets) for dump in max(dumps, key=len)]


def _counts(dump: str, packets: int) -> Counts:
    lines = dump.splitlines()
    [events] = [line.split()[1:] for line in lines if line.startswith("events: ")]
    [totals] = [line.split()[1:] for line in lines if line.startswith("summary: ")]
    # Zeros at the end are left out.
    total = dict.fromkeys(events, 0) | dict(zip(events, map(int, totals), strict=False))
    if "D1mr" not in total:
        return Counts(total["Ir"] / packets)
    d1, ll = (total[f"{cache}mr"] + total[f"{cache}mw"] for cache in ("D1", "DL"))
    return Counts(total["Ir"] / packets, d1 / packets, ll / packets)
