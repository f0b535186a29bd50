"""What tests share: this checkout, and how to run its commands as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Tests neither use nor fill the cache of the checkout.
os.environ.pop("MAESTRO_CACHE", None)


def command(
    words: list[str], cwd: Path, *, python: Path | None = None, path: Path | None = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m words`` in ``cwd`` with ``path`` on the path of imports."""
    full = {**os.environ, "PYTHONPATH": str(path or ""), **environment}
    return subprocess.run(
        [str(python or sys.executable), "-m", *words],
        cwd=cwd, env=full, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
