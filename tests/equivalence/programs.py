"""Builds the programs that captures are replayed through: with SCons, a folder for each strategy, all named alike.

So ccache (tests/compiling.py) finds a unit again that strategies do not change; analyses are shared, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from nf_runs import ROOT

from tests import compiling


def build_programs(folder: Path, nfs: Path, strategies: Mapping[str, Iterable[str]], sequential: Iterable[str]) -> None:
    """Parallel programs of NFs below ``nfs`` by strategy, and sequential ones, where `nf_runs.Build` looks for them.

    The sequential ones show that NFs include what they need.
    """
    for strategy, names in strategies.items():
        _scons(folder, nfs, strategy, f"nf={','.join(names)}", "nic=soft", f"strategy={strategy}")
    _scons(folder, nfs, "sequential", f"nf={','.join(sequential)}", "sequential")


def _scons(folder: Path, nfs: Path, name: str, *words: str) -> None:
    tree = folder / name
    tree.mkdir()
    for part in ("SConstruct", "configs", "site_scons"):
        (tree / part).symlink_to(ROOT / part)
    (tree / "nfs").symlink_to(nfs)
    environment = {
        **os.environ,
        **compiling.for_scons(precompiled=name != "sequential"),
        "PYTHONPATH": str(ROOT),
        "MAESTRO_CACHE": str(folder / "cache"),
    }
    command = [sys.executable, "-m", "SCons", "-j2", *words]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command[2:])}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", pytrace=False)
