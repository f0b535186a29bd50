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
#: Strategy -> the NFs that are built with it.  `auto` is what is best for the NF.
STRATEGIES = {
    "auto": NFS,
    "locks": ("cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
    "tm": ("bridge", "cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
}


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
    # Its plan asks for at least the capacity that the analysis saw: tests have smaller tables than the default.
    (folder / "nfs" / "nat" / "nf.yaml").write_text('arguments: [--max-flows, "16"]\n')
    for strategy, nfs in STRATEGIES.items():
        # A profile of another name has a folder of its own.
        profile = (folder / "configs" / "soft.yaml").read_text().replace("name: soft", f"name: {strategy}")
        (folder / "configs" / f"{strategy}.yaml").write_text(profile)
        words = [f"nf={','.join(nfs)}", f"nic={strategy}", f"strategy={strategy}"]
        _scons(folder, *words, *(f"build/{strategy}/{nf}/{nf}" for nf in nfs))
    _scons(folder, f"nf={','.join(NFS)}", "sequential")


def _scons(folder: Path, *words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "SCons", "-j2", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command[2:])}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}", pytrace=False)
