"""The programs that these tests replay captures through, made once per test session.

MAESTRO_TEST_BUILD=DIR keeps them in a folder, and takes those that are there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from programs import Build

NFS = ("bridge", "cl", "fw", "hhh", "lb", "nat", "nop", "pol", "psd", "sbridge")
#: Strategy -> the NFs that are built with it.  `auto` is what is best for the NF.
STRATEGIES = {
    "auto": NFS,
    "locks": ("cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
    "tm": ("bridge", "cl", "fw", "hhh", "lb", "nat", "pol", "psd"),
}


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "equivalence-build"
    return Build(Path(os.environ.get("MAESTRO_TEST_BUILD", folder)).resolve())
