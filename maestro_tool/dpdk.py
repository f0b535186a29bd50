"""Facts about the installed DPDK, from pkg-config: how to compile and link against it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from maestro_tool.diagnostics import ToolError

#: Rename of DPDK 21.11; NFs of the libVig family use the older names (NF API, section 1).
RENAMES = ("-Dd_addr=dst_addr", "-Ds_addr=src_addr")

OLDEST = (22, 11)

#: A number as `RTE_VERSION` of rte_version.h.  The analysis' headers follow it, and it stands for DPDK's headers in
#: signatures.
VERSION_MACRO = "MAESTRO_DPDK_VERSION"

_INSTALL = "install it: apt-get install libdpdk-dev pkg-config (Debian, Ubuntu)"


@dataclass(frozen=True, slots=True)
class Dpdk:
    """``include_dirs`` as plain paths, so that they can be given as -isystem: no scanning, no foreign warnings."""

    version: str
    include_dirs: tuple[str, ...]
    cflags: tuple[str, ...]
    libs: tuple[str, ...]

    @property
    def number(self) -> int:
        """As `RTE_VERSION_NUM`: year, month, minor, release candidate or 99, a byte each."""
        released, _, candidate = self.version.partition("-rc")
        parts = [int(part) if part.isdigit() else 0 for part in (*released.split("."), "0", "0", "0")[:3]]
        return int.from_bytes((*parts, int(candidate) if candidate.isdigit() else 99))


def find(environment: Mapping[str, str] | None = None) -> Dpdk:
    """Ask pkg-config, with variables of ``environment`` (default: this process'); raises `ToolError` that says what to
    install."""
    visible = dict(os.environ if environment is None else environment)
    if shutil.which("pkg-config", path=visible.get("PATH")) is None:
        raise ToolError("pkg-config not found", hint="install it: apt-get install pkg-config (Debian, Ubuntu)")
    version = _pkg_config("--modversion", visible).strip()
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < OLDEST:
        raise ToolError(f"DPDK {version} is too old: 22.11 or newer is needed", hint=_INSTALL)
    words = _pkg_config("--cflags", visible).split()
    include_dirs = tuple(word[2:] for word in words if word.startswith("-I"))
    cflags = tuple(word for word in words if not word.startswith("-I"))
    return Dpdk(version, include_dirs, cflags, tuple(_pkg_config("--libs", visible).split()))


def _pkg_config(question: str, environment: dict[str, str]) -> str:
    command = ["pkg-config", question, "libdpdk"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ToolError("DPDK (libdpdk) not found by pkg-config", hint=_INSTALL)
    return result.stdout
