"""To collect the tests, which each process of xdist does, asks neither apt nor pyenv."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import debian


def test_nothing_is_asked(tmp_path: Path) -> None:
    for name in ("apt-get", "pyenv"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
        (tmp_path / name).chmod(0o755)
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--releases", "-p", "no:cacheprovider", folder],
        cwd=debian.ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0 and "test_release[sid]" in done.stdout, done.stdout
    assert not (tmp_path / "asked").exists()
