"""Builds the programs that captures are replayed through, each when a test first asks for it.

As SCons does (which tests/scons, tests/foreign and tests/emulated show), but in this process: an NF is analysed once
for all its programs, and no other process is started than the compiler.
"""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from nf_runs import ROOT

from maestro_tool import canonical, dpdk, nf, pipeline, plan_json, profiles, runtime
from maestro_tool.cache import NoCache
from maestro_tool.nic import load_profile
from tests import compiling

SEQUENTIAL = "sequential"
#: The sequential program without what makes packets cost less: else both sides of a comparison could share a fault.
REFERENCE = "reference"
#: The plan asks for at least the capacity that the analysis saw: tests have smaller tables than the default.
ARGUMENTS = {"nat": ("--max-flows", "16")}
#: Where NFs are that are built by name.
FOLDERS = ("nfs", "tests/foreign", "tests/dialects/state", "tests/dialects/dpdk", "tests/dialects/xdp")
FLAGS = ("-std=gnu11", "-O3", "-Wall", *dpdk.RENAMES)


#: What is done for many entries is done for few, too.
_SMALL = ("-DMAESTRO_STAGE_ENTRIES(map)=1", "-DMAESTRO_LARGE_FROM=1")
#: How programs are compiled that look ahead although their maps are small, rightly or not.
AHEAD = {
    "right": _SMALL,
    "wrong": (*_SMALL, "-DMAESTRO_STAGE_HASH(hash)=((hash)*2654435761u+1)"),
    "stale": (*_SMALL, "-DMAESTRO_STAGE_HASH(hash)=(i%3?(hash):found_0[0])"),
}


@dataclass(frozen=True)
class Build:
    """The sequential and the parallel programs of each NF, in ``folder``, which several processes may use."""

    folder: Path

    def reference(self, nf: str) -> Path:
        return self._program(nf, REFERENCE)

    def sequential(self, nf: str) -> Path:
        return self._program(nf, SEQUENTIAL)

    def parallel(self, nf: str, strategy: str = "auto") -> Path:
        """Beside it lie gen/, plan.json, and lib<nf>.a: what was generated, with the runtime."""
        return self._program(nf, strategy)

    def ahead(self, nf: str, strategy: str, how: str) -> Path:
        """A program that looks ahead; ``how``: see `AHEAD`."""
        return self._program(nf, strategy, how)

    def plan(self, nf: str, strategy: str = "auto") -> dict[str, Any]:
        return plan_json.read(self.parallel(nf, strategy).parent / "plan.json")

    def _program(self, nf: str, strategy: str, ahead: str = "") -> Path:
        program = self.folder / f"{strategy}{ahead and '-'}{ahead}" / nf / nf
        with _once(program.parent) as missing:
            if missing:
                _build(nf, strategy, program.parent, _runtime(self.folder / "runtime"), AHEAD.get(ahead, ()))
        return program


@contextmanager
def _once(folder: Path) -> Iterator[bool]:
    """Whether what belongs into the folder is still to be made there; others wait until it is."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not (folder / "done").exists()
        yield missing
        (folder / "done").touch()


def _flags(*folders: Path) -> list[str]:
    found = dpdk.find()
    ours = (*folders, runtime.INCLUDE, runtime.INCLUDE / "lib")
    places = [word for include in found.include_dirs for word in ("-isystem", include)]
    return [*FLAGS, *found.cflags, f"-D{dpdk.VERSION_MACRO}={found.number}", *(f"-I{f}" for f in ours), *places]


def _runtime(folder: Path) -> list[Path]:
    with _once(folder) as missing:
        if missing:
            compiling.objects(sorted(runtime.SOURCE.glob("*.c")), _flags(), folder)
    return sorted(folder.glob("*.o"))


@cache
def _analysed(name: str) -> pipeline.Analysed:
    function = nf.load(next(f for f in (ROOT / folder / name for folder in FOLDERS) if f.exists()))
    if name in ARGUMENTS:
        function = replace(function, arguments=ARGUMENTS[name])
    attached = function.attachment.words
    request = pipeline.Request(function.sources, function.arguments, function.ports, (function.root,), xdp=attached)
    return pipeline.analyse(request, NoCache(), pipeline.Stopwatch())


def _build(name: str, strategy: str, folder: Path, runtime_objects: list[Path], defines: tuple[str, ...]) -> None:
    analysed, watch = _analysed(name), pipeline.Stopwatch()
    if strategy in (SEQUENTIAL, REFERENCE):
        optimise = "none" if strategy == REFERENCE else "full"
        _, files = pipeline.generate_sequential(analysed.request, name, watch, optimise, analysed.analysis)
    else:
        card = load_profile(profiles.resolve("soft"), profiles.folders())
        files = pipeline.generate(analysed, (card,), name, strategy, NoCache(), watch)
    canonical.write_files({folder / file: text.encode("utf-8", "surrogateescape") for file, text in files.items()})
    sources = sorted((folder / "gen").rglob("*.c"), key=lambda source: source.name != f"main_{name}.c")
    # The sequential programs show that NFs include what they need.
    main, *others = compiling.objects(
        sources, [*_flags(folder / "gen"), *defines], folder / "objects", strategy != SEQUENTIAL
    )
    library = folder / f"lib{name}.a"
    subprocess.run(["ar", "rcs", library, *others, *runtime_objects], check=True)
    libraries = [*dpdk.find().libs, "-lm", "-lpthread"]
    subprocess.run(["gcc", main, library, *libraries, "-o", folder / name], check=True)


def driver(program: Path) -> Path:
    """burst_driver.c with the NF of ``program``, which `Build` made."""
    return _linked(program, Path(__file__).parent / "burst_driver.c")


def bench(program: Path) -> Path:
    """What `maestro bench` runs, with the NF of ``program``, which `Build` made."""
    return _linked(program, runtime.RUNTIME / "bench" / "bench_nf.c")


def _linked(program: Path, source: Path) -> Path:
    """``source`` in place of the program's main()."""
    folder = program.parent
    made = folder / source.stem
    with _once(folder / f"{source.stem}.objects") as missing:
        if missing:
            (unit,) = compiling.objects([source], _flags(), folder / f"{source.stem}.objects")
            (main,) = (folder / "objects").glob("0-*.o")
            libraries = [*dpdk.find().libs, "-lm", "-lpthread"]
            subprocess.run(["gcc", unit, main, *folder.glob("lib*.a"), *libraries, "-o", made], check=True)
    return made
