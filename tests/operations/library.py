"""The C runtime as a shared library, so that tests can call it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from maestro_tool import runtime
from tests.runtime.toolchain import STRICT, pkg_config

#: What keeps state, and the packet helpers; ports, options and threads are the program's.
_PARTS = (
    "arena", "cht", "dchain", "dmap", "files", "instance", "lpm", "objects", "packet", "sharing", "sketch", "transactions", "util",
)  # fmt: skip


def compile_all(folder: Path, sources: Iterable[Path], *flags: str) -> list[Path]:
    """Position-independent object files; flags for all."""
    words = ["gcc", *STRICT, "-O1", "-fPIC", f"-I{runtime.INCLUDE}", f"-I{runtime.SOURCE}", *pkg_config("--cflags")]
    objects = []
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        subprocess.run([*words, *flags, "-c", str(source), "-o", str(objects[-1])], check=True)
    return objects


def compile_runtime(folder: Path, *without: str) -> list[Path]:
    """The runtime's objects, but those of the program around an NF, and those that somebody includes."""
    return compile_all(folder, [runtime.SOURCE / f"{name}.c" for name in _PARTS if name not in without])


def link(path: Path, objects: Iterable[Path]) -> Path:
    """A shared library with variables of its own, though others may have the same names; nothing is missing in it."""
    words = ["gcc", "-shared", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-o", str(path), *map(str, objects)]
    subprocess.run([*words, *pkg_config("--libs"), "-lpthread"], check=True)
    return path
