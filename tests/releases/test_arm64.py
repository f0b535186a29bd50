"""The units of the C runtime, compiled for arm64, run by QEMU's user mode."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import debian
import pytest

from maestro_tool import runtime
from tests.runtime.test_runtime import PROGRAMS
from tests.runtime.toolchain import HERE, STRICT

GCC, AR, QEMU = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar", "qemu-aarch64"
LACKING = [tool for tool in (GCC, QEMU) if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.releases,
    pytest.mark.skipif(bool(LACKING), reason=f"no {', '.join(LACKING)}: run tests/releases/prepare.sh --arm64"),
]


@pytest.fixture(scope="module")
def sysroot(unpackable: None) -> Path:
    return debian.arm64()


@pytest.fixture(scope="module")
def library(sysroot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arm64")
    objects = [compiled(sysroot, source, folder) for source in sorted(runtime.SOURCE.glob("*.c"))]
    subprocess.run([AR, "rcs", folder / "libruntime.a", *objects], check=True)
    return folder / "libruntime.a"


def dpdk(sysroot: Path, question: str) -> list[str]:
    folders = f"{sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig:{sysroot}/usr/share/pkgconfig"
    variables = {**os.environ, "PKG_CONFIG_LIBDIR": folders, "PKG_CONFIG_SYSROOT_DIR": str(sysroot)}
    words = ["pkg-config", question, "libdpdk"]
    return shlex.split(subprocess.run(words, capture_output=True, text=True, check=True, env=variables).stdout)


def compiled(sysroot: Path, source: Path, folder: Path) -> Path:
    target = folder / f"{source.stem}.o"
    includes = [f"-I{runtime.INCLUDE}", f"-I{runtime.SOURCE}", f"-I{HERE}", *dpdk(sysroot, "--cflags")]
    subprocess.run([GCC, f"--sysroot={sysroot}", *STRICT, "-O3", *includes, "-c", source, "-o", target], check=True)
    return target


@pytest.mark.parametrize("name", PROGRAMS)
def test_c(sysroot: Path, library: Path, name: str, tmp_path: Path) -> None:
    objects = [compiled(sysroot, HERE / f"{part}.c", tmp_path) for part in (name, *PROGRAMS[name])]
    libraries = f"{sysroot}/usr/lib/aarch64-linux-gnu"
    links = [f"-L{libraries}", *dpdk(sysroot, "--libs"), "-lpthread", f"-Wl,-rpath-link,{libraries}"]
    subprocess.run([GCC, f"--sysroot={sysroot}", *objects, library, *links, "-o", tmp_path / name], check=True)
    done = subprocess.run(
        [QEMU, "-L", sysroot, tmp_path / name], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
