"""Builds the programs that these tests replay captures through, once per test session.

MAESTRO_TEST_BUILD=DIR takes the programs of an existing build folder instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nf_runs import ROOT, Build

NFS = ("bridge", "cl", "fw", "hhh", "lb", "nat", "nop", "pol", "psd", "sbridge")
PARALLEL = ("fw", "nop", "pol")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    if given := os.environ.get("MAESTRO_TEST_BUILD"):
        yield Build(Path(given).resolve())
        return
    parallel_tests = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel_tests else base) / "equivalence-build"
    with (folder.parent / "equivalence-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _build(folder)
            (folder / "done").touch()
    yield Build(folder / "build")


def _build(folder: Path) -> None:
    """Builds copies of the NFs, so that the developer's own build folder stays as it is."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(ROOT / "SConstruct", folder)
    for name in ("nfs", "configs", "site_scons"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    programs = [f"build/soft/{nf}/{nf}" for nf in PARALLEL]
    for targets in (["sequential"], programs):
        command = [sys.executable, "-m", "SCons", "-j2", f"nf={','.join(NFS)}", "nic=soft", *targets]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command[2:])}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", pytrace=False)
