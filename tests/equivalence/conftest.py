"""Builds the programs that these tests replay captures through, once per test session.

MAESTRO_TEST_BUILD=DIR takes the programs of an existing build folder instead.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from nf_runs import ROOT, Build
from programs import build_programs

NFS = ("bridge", "cl", "fw", "hhh", "lb", "nat", "nop", "pol", "psd", "sbridge")
#: Strategy -> the NFs that are built with it.  `auto` is what is best for the NF.
STRATEGIES = {
    "auto": NFS,
    "locks": ("cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
    "tm": ("bridge", "cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
}
#: What tests need that are marked quick.
QUICK_NFS = ("fw",)
QUICK_STRATEGIES = {"auto": QUICK_NFS}


@pytest.fixture(scope="session")
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    if given := os.environ.get("MAESTRO_TEST_BUILD"):
        yield Build(Path(given).resolve())
        return
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "equivalence-build"
    with (folder.parent / "equivalence-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            quick = request.config.getoption("quick")
            _build(folder, *((QUICK_STRATEGIES, QUICK_NFS) if quick else (STRATEGIES, NFS)))
            (folder / "done").touch()
    yield Build(folder)


def _build(folder: Path, parallel: Mapping[str, tuple[str, ...]], sequential: tuple[str, ...]) -> None:
    """Builds copies of the NFs, so that the developer's own build folder stays as it is."""
    shutil.rmtree(folder, ignore_errors=True)
    nfs = shutil.copytree(ROOT / "nfs", folder / "nfs", ignore=shutil.ignore_patterns("__pycache__"))
    # Its plan asks for at least the capacity that the analysis saw: tests have smaller tables than the default.
    (nfs / "nat" / "nf.yaml").write_text('arguments: [--max-flows, "16"]\n')
    build_programs(folder, nfs, parallel, sequential)
