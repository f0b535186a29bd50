"""One build of the foreign NFs for all tests; MAESTRO_TEST_FOREIGN_BUILD=DIR takes the one that an earlier run left."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from foreign_nfs import Build, build_all


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "foreign-build"
    folder = Path(os.environ.get("MAESTRO_TEST_FOREIGN_BUILD", folder)).resolve()
    with (folder.parent / "foreign-build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "said").exists():
            build_all(folder)
    return Build(folder, (folder / "said").read_text())
