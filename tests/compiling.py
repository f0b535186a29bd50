"""Compiling C for tests, each unit once, and DPDK's headers once for all units with the same flags.

ccache, where it is installed, remembers in build/ccache what it compiled.  It finds a unit by the compiler, the flags,
and what the preprocessor makes of the source; so the runtime, which most programs here are linked with, is compiled
once per set of flags, also for builds that SCons does in many folders.  Most of the time of a unit are DPDK's headers:
gcc reads them precompiled (tests/gcc.sh).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from maestro_tool import dpdk

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "ccache"
#: What the API's headers include of DPDK and the C library; none depends on what a unit defines before.
HEADERS = "".join(
    f"#include <{name}.h>\n"
    for name in (
        "rte_config", "assert", "inttypes", "stdbool", "stdio", "stdlib", "string", "netinet/in",
        "rte_ethdev", "rte_ether", "rte_ip", "rte_mbuf", "rte_tcp", "rte_udp",
    )
)  # fmt: skip
#: Flags of SCons builds.
SCONS = ("-std=gnu11", "-O3", "-g", "-Wall", *dpdk.RENAMES)


def environment() -> dict[str, str]:
    """Variables with which ``gcc`` is tests/gcc.sh; none where there is no ccache."""
    compiler = os.environ.get("CCACHE_COMPILER") or shutil.which("gcc")
    if not shutil.which("ccache") or not compiler:
        return {}
    ours = _link(FOLDER / "bin" / "gcc", ROOT / "tests" / "gcc.sh")
    return {
        "PATH": f"{ours.parent}{os.pathsep}{os.environ['PATH']}",
        "CCACHE_COMPILER": compiler,
        "CCACHE_DIR": str(FOLDER),
        "CCACHE_NOHASHDIR": "1",  # debug information may name the folder of another test
        "CCACHE_MAXSIZE": "1G",
        # Precompiled headers are known by a file beside them.
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",
        "CCACHE_PCH_EXTSUM": "1",
    }


def for_scons(precompiled: bool = False) -> dict[str, str]:
    """Variables with which SCons compiles in the same way: it reads $HOME/.scons, which is tests/scons_home.

    ``precompiled``: as `headers`.  Then a unit compiles that forgets to include what it needs of ``HEADERS``: other
    builds of the same must be without.
    """
    if not shutil.which("ccache"):
        return {}
    home = _link(FOLDER / "home" / ".scons", ROOT / "tests" / "scons_home").parent
    ours = {n: v for n, v in os.environ.items() if n.startswith("CCACHE_")}
    return {**ours, "HOME": str(home), **(headers([*SCONS, *dpdk.find().cflags]) if precompiled else {})}


def _link(path: Path, target: Path) -> Path:
    """A link at ``path``, which other processes may make at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink() or path.readlink() != target:
        made = path.with_name(f"{path.name}{os.getpid()}")
        made.symlink_to(target)
        made.rename(path)
    return path


def headers(flags: Sequence[str]) -> dict[str, str]:
    """Variables with which ``gcc`` reads ``HEADERS`` precompiled, in units that it compiles with these flags (and
    others that tell where headers are); none where there is no ccache, or DPDK's headers are not asked for."""
    kept = tuple(
        f for n, f in enumerate(flags) if not (f.startswith("-I") or "-isystem" in flags[max(n - 1, 0) : n + 1])
    )
    asked = [n for n in range(1, len(kept)) if kept[n - 1 : n + 1] == ("-include", "rte_config.h")]
    if "CCACHE_COMPILER" not in os.environ or not asked:
        return {}
    return {"CCACHE_HEADERS": str(_precompiled((*kept[: asked[0] - 1], *kept[asked[0] + 1 :])))}


@cache
def _precompiled(flags: tuple[str, ...]) -> Path:
    """A folder for $CCACHE_HEADERS; made by the first process that needs it."""
    found = dpdk.find()
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout
    known = hashlib.sha256("\0".join((compiler, found.version, HEADERS, *flags)).encode()).hexdigest()
    folder = FOLDER / "headers" / known[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "rte_config.h.gch"
        if not made.exists():
            text, unfinished = folder / "all.h", folder / "unfinished"
            text.write_text(HEADERS)
            # For headers that are not among them and include it again (rte_hash_crc.h).
            (folder / "rte_config.h").write_text("#include_next <rte_config.h>\n")
            (folder / f"{made.name}.sum").write_text(known)
            places = [word for include in found.include_dirs for word in ("-isystem", include)]
            subprocess.run(["gcc", *flags, *places, "-x", "c-header", str(text), "-o", str(unfinished)], check=True)
            unfinished.rename(made)
    return folder


def objects(sources: Iterable[Path], flags: Sequence[str], folder: Path, precompiled: bool = True) -> list[Path]:
    """Objects of ``sources`` in ``folder``, in their order; one command each, as ccache needs it.

    ``precompiled``: see `for_scons`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **(headers(flags) if precompiled else {})}
    made = []
    for number, source in enumerate(sources):
        made.append(folder / f"{number}-{source.stem}.o")
        subprocess.run(["gcc", *flags, "-c", str(source), "-o", str(made[-1])], check=True, env=environment)
    return made
