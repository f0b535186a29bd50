"""The tool and its programs with the compilers, DPDKs and Pythons of other releases of Debian."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import debian
import pytest
from debian import RELEASES

pytestmark = pytest.mark.skipif(bool(debian.missing()), reason=debian.missing() or "-")

#: What stands for all in the gate: the runtime's C, a program and what it refuses, and an NF that the tool builds.
SHORT = (
    "tests/runtime/test_runtime.py",
    "tests/runtime/test_program.py",
    "tests/equivalence/test_sequential.py",
    "tests/scons/test_build.py",
)
#: Folders whose tests say nothing about a release: these, and those that boot a guest.
ELSEWHERE = ("tests/releases", "tests/emulated")


def unpacked(which: str) -> Path:
    try:
        root = debian.unpacked(RELEASES[which])
    except subprocess.CalledProcessError as e:
        pytest.skip(f"Debian {which} could not be unpacked: {e.cmd}: {e.stderr.strip().splitlines()[-1:]}")
    version = debian.run(root, "pkg-config", "--modversion", "libdpdk").stdout
    assert version.startswith(RELEASES[which].dpdk)
    return root


def passes(root: Path, words: Sequence[str]) -> None:
    done = debian.run(root, "python3", "-m", "pytest", "-p", "no:cacheprovider", *words)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_debian_13() -> None:
    """Debian 12 is what the other tests run on."""
    passes(unpacked("13"), ["--quick", *SHORT])


@pytest.mark.releases
@pytest.mark.parametrize("which", RELEASES)
def test_release(which: str) -> None:
    """Takes as long as the whole suite, for each."""
    passes(unpacked(which), ["-n", "2", "--dist", "loadfile", *(f"--ignore={folder}" for folder in ELSEWHERE), "tests"])
