"""Compiling C for tests, each unit once: ccache, where it is installed, remembers in build/ccache what it compiled.

It finds a unit by the compiler, the flags, and what the preprocessor makes of the source; so the runtime, which most
programs here are linked with, is compiled once per set of flags, also for builds that SCons does in many folders.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "ccache"


def environment() -> dict[str, str]:
    """Variables with which ``gcc`` is ccache; none where there is no ccache."""
    if not (ccache := shutil.which("ccache")):
        return {}
    compiler = _link(FOLDER / "bin" / "gcc", Path(ccache))
    return {
        "PATH": f"{compiler.parent}{os.pathsep}{os.environ['PATH']}",
        "CCACHE_DIR": str(FOLDER),
        "CCACHE_NOHASHDIR": "1",  # debug information may name the folder of another test
        "CCACHE_MAXSIZE": "1G",
    }


def for_scons() -> dict[str, str]:
    """Variables with which SCons compiles in the same way: it reads $HOME/.scons, which is tests/scons_home."""
    if not shutil.which("ccache"):
        return {}
    home = _link(FOLDER / "home" / ".scons", ROOT / "tests" / "scons_home").parent
    return {**{n: v for n, v in os.environ.items() if n.startswith("CCACHE_")}, "HOME": str(home)}


def _link(path: Path, target: Path) -> Path:
    """A link at ``path``, which other processes may make at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = path.with_name(f"{path.name}{os.getpid()}")
        made.symlink_to(target)
        made.rename(path)
    return path


def objects(sources: Iterable[Path], flags: Sequence[str], folder: Path) -> list[Path]:
    """Objects of ``sources`` in ``folder``, in their order; one command each, as ccache needs it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, source in enumerate(sources):
        made.append(folder / f"{number}-{source.stem}.o")
        subprocess.run(["gcc", *flags, "-c", str(source), "-o", str(made[-1])], check=True)
    return made
