"""The table of what the tool makes of NFs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BROKEN = "#include <nothing_of_ours.h>\nint nf_process(void) { return 0; }\n"


def test_plans_and_refusals_are_counted(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/main.c").write_text(BROKEN)
    command = [sys.executable, str(ROOT / "tools/figures"), "--plans", str(ROOT / "nfs/nop"), str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    nop, broken, total, _ = said.splitlines()
    assert nop.split()[:2] == ["nop", "shared-nothing"]
    assert broken.startswith("broken") and "nothing_of_ours.h" in broken
    assert total.startswith("2 tried, 0 built, 0 equal")
