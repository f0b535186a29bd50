"""The tool and its programs with the compilers, DPDKs and Pythons of other releases of Debian."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import debian
import pytest
import pythons
from debian import RELEASES, ROOT

#: What stands for all in the gate: the runtime's C, a program and what it refuses, and an NF that the tool builds.
SHORT = (
    "tests/runtime/test_runtime.py",
    "tests/runtime/test_program.py",
    "tests/equivalence/test_sequential.py",
    "tests/scons/test_build.py",
)
#: What a release can change: the compiler and libc (the runtime, programs, what the analysis takes from gcc), DPDK (headers,
#: what ports do) and Python with its packages (the tool itself, builds).  So: whatever is compiled, runs or is read by
#: the tool, once.
LONG = (
    "tests/runtime",
    "tests/replay",
    "tests/equivalence",
    "tests/foreign",
    "tests/end_to_end",
    "tests/unit",
    "tests/vocabulary",
    *(
        f"tests/scons/test_{name}.py"
        for name in ("build", "cache", "cards", "cli", "compilation", "explain", "lock", "names", "new", "nf_yaml", "steps",
                     "stopped", "tool", "verify")
    ),
)  # fmt: skip
#: What it cannot change, though it takes long.  Solvers come with their wheels, the same for all: keys that they prove
#: for all packets are proved (tests/unit/rss/test_model.py and test_table.py do run: the C against the model), and so
#: are certificates and the oracle's programs (not below LONG).  So is the wheel, which is pure: its tests install it with
#: pip into environments of an installed Python, which an unpacked release does not have.  That tests notice a fault is not a matter of the
#: release, nor are races, which are in the C, nor is it that a second build equals the first (for which test_build and
#: test_stopped stand).  Guests are booted with this machine's kernel and QEMU.
SAME = (
    "tests/unit/rss/test_merging.py",
    "tests/unit/rss/test_setups.py",
    "tests/unit/rss/test_solve.py",
    "tests/end_to_end/test_plans.py",
    "tests/equivalence/test_mutations.py",
    "tests/equivalence/test_races.py",
    "tests/runtime/test_sharing_mutations.py",
)


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


@pytest.mark.usefixtures("unpackable")
def test_debian_13() -> None:
    """Debian 12 is what the other tests run on."""
    passes(unpacked("13"), ["--quick", *SHORT])


@pytest.mark.releases
@pytest.mark.usefixtures("unpackable")
@pytest.mark.parametrize("which", RELEASES)
def test_release(which: str) -> None:
    passes(unpacked(which), ["-n", "2", "--dist", "loadfile", *(f"--ignore={path}" for path in SAME), *LONG])


@pytest.mark.releases
@pytest.mark.parametrize("version", ("3.12", "3.13"))
def test_units_with_another_python(version: str) -> None:
    """Of this machine; the other tests run with its own, which may be the oldest that we take."""
    interpreter = pythons.found(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on PATH or in pyenv")
    try:
        python = pythons.prepared(version, interpreter)
    except subprocess.CalledProcessError as e:
        pytest.skip(f"packages for Python {version} could not be had: {e.stderr.strip().splitlines()[-1:]}")
    units = ["tests/unit", "tests/vocabulary", *(f"--ignore={path}" for path in SAME)]
    words = [python, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", *units]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
