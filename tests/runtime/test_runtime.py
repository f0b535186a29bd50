"""The C tests: each is a program that exits with 0; the sanitized variant finds what they do not look at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.quick import one_quick
from tests.runtime.toolchain import HERE, Toolchain

#: Test program -> other files it is linked with.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "test_map": (),
    "test_dchain": (),
    "test_sketch_cht": (),
    "test_lpm_dmap": (),
    "test_dpdk_state": ("dpdk_api_ours", "dpdk_api_theirs"),
    "test_bpf_maps": (),
    "test_steering": (),
    "test_ports": (),
    "test_packet": (),
    "test_instance": ("tiny_fw",),
    "test_sharing": ("shared_nf",),
    "test_transactions": (),
    "test_workers": (),
    "test_placement": (),
}

#: DPDK itself keeps memory until the end.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def built(toolchain: Toolchain, name: str) -> Path:
    parts = [toolchain.compile(HERE / f"{part}.c", part) for part in (name, *PROGRAMS[name])]
    return toolchain.link(name, *parts)


@pytest.mark.parametrize("name", one_quick(PROGRAMS, "test_dchain"))
def test_c(toolchain: Toolchain, name: str) -> None:
    done = subprocess.run(
        [built(toolchain, name)], capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=300
    )
    assert done.returncode == 0, done.stderr
