"""The budget of instructions per packet, instructions.yaml: what test_instructions.py compares, and how it is written.

`python tests/equivalence/instructions.py [--reason TEXT]`, where the compiler is the one that the file names, measures
all and writes the file; where a count has risen by more than `TOLERANCE`, only with a reason.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from conftest import STRATEGIES  # noqa: E402
from programs import SEQUENTIAL, Build, bench  # noqa: E402

from maestro_tool.measured import callgrind  # noqa: E402
from tests import drivers  # noqa: E402

FILE: Final = HERE / "instructions.yaml"
#: Of a count, up and down: what is saved is to stay saved.
TOLERANCE: Final = 0.005
PACKETS: Final = 8192
#: Known flows, half of the packets from port 1.
WORDS: Final = ("--modes", "alone", "--parts", "1", "--flows", "1000", "--packets", str(PACKETS))

CASES: Final = [(nf, s) for s in (SEQUENTIAL, *STRATEGIES) for nf in STRATEGIES.get(s, STRATEGIES["auto"])]


def tools() -> Mapping[str, str]:
    """What counts depend on beside the code; "" for what is not there."""

    def version(*words: str) -> str:
        try:
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return ""
        found = re.search(r"\d+\.\d+\.\d+", said)
        return found[0] if found else ""

    return {
        "gcc": version("gcc", "-dumpfullversion"),
        "valgrind": version("valgrind", "--version"),
        "libdpdk": version("pkg-config", "--modversion", "libdpdk"),
    }


def counted(build: Build, nf: str, strategy: str) -> float:
    """Instructions per packet, which repeat exactly."""
    program = build.sequential(nf) if strategy == SEQUENTIAL else build.parallel(nf, strategy)
    made = bench(program)
    with drivers.preloaded():
        counts = callgrind.parts(made, WORDS, PACKETS, caches=False)[-1]
    assert counts.instructions is not None
    return round(counts.instructions, 1)


def updated(before: Mapping[str, Any], now: Mapping[tuple[str, str], float], reason: str) -> dict[str, dict[str, Any]]:
    """The file's `budget`; a count within the tolerance stays as it is.  Raises ValueError without a needed reason."""
    budget: dict[str, dict[str, Any]] = {}
    for (nf, strategy), count in now.items():
        entry = before.get(nf, {}).get(strategy, {"instructions": count})
        was = entry["instructions"]
        if count > was * (1 + TOLERANCE):
            if not reason.strip():
                raise ValueError(f"{nf}, {strategy}: {was} -> {count} instructions: --reason says why that is worth it")
            entry = {"instructions": count, "was": was, "reason": reason.strip()}
        elif count < was * (1 - TOLERANCE):
            entry = {"instructions": count}
        budget.setdefault(nf, {})[strategy] = entry
    return budget


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reason", default="", help="why counts have risen")
    args = parser.parse_args()
    before = yaml.safe_load(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    with TemporaryDirectory() as folder:
        build = Build(Path(folder))
        now = {case: counted(build, *case) for case in CASES}
    try:
        budget = updated(before.get("budget", {}), now, args.reason)
    except ValueError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    head = "# Instructions per packet: written by tests/equivalence/instructions.py, which says what is counted.\n"
    text = yaml.safe_dump({"tools": dict(tools()), "budget": budget}, default_flow_style=None, width=120)
    FILE.write_text(head + text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
