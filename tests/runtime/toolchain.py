"""Compiling the runtime for its tests: plainly (the compiler's word on every warning), and with sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from maestro_tool import runtime
from tests import compiling

HERE = Path(__file__).parent
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Dd_addr=dst_addr", "-Ds_addr=src_addr"]
VARIANTS = {"plain": ["-O3"], "sanitized": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]}


@cache
def pkg_config(question: str) -> list[str]:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    done = subprocess.run(["pkg-config", question, "libdpdk"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("DPDK is not installed")
    return done.stdout.split()


@dataclass(frozen=True)
class Toolchain:
    """The runtime's objects of one variant in ``folder``."""

    variant: str
    folder: Path

    def compile(self, source: Path, name: str, *flags: str) -> Path:
        target = self.folder / f"{name}.o"
        includes = [f"-I{runtime.INCLUDE}", f"-I{runtime.SOURCE}", f"-I{HERE}"]
        words = [*STRICT, *VARIANTS[self.variant], *includes, *pkg_config("--cflags"), *flags]
        # The plain variant shows that each file includes what it needs.
        environment = os.environ | ({} if self.variant == "plain" else compiling.headers(words))
        subprocess.run(["gcc", *words, "-c", str(source), "-o", str(target)], check=True, env=environment)
        return target

    def link(self, name: str, *objects: Path) -> Path:
        target = self.folder / name
        library = self.folder / "libruntime.a"
        words = [
            "gcc",
            *VARIANTS[self.variant],
            *map(str, objects),
            str(library),
            *pkg_config("--libs"),
            "-lm",
            "-lpthread",
        ]
        subprocess.run([*words, "-o", str(target)], check=True)
        return target


def build_runtime(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    made = Toolchain(variant, tmp_path_factory.mktemp(variant))
    objects = [made.compile(source, source.stem) for source in sorted(runtime.SOURCE.glob("*.c"))]
    subprocess.run(["ar", "rcs", str(made.folder / "libruntime.a"), *map(str, objects)], check=True)
    return made
