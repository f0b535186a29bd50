"""What builds of many NFs cost, beside SCons alone and ninja with the same C steps: CPU seconds.

    python tools/bench_monorepo [--nfs 20] [--nics soft,e810] [--times 5] [--cold 1] [-j N] [--folder DIR] [-o FILE]

Each figure is the median of ``--times`` runs; those of one figure alternate, so that all see the same machine.  CPU
seconds are of all processes that a build starts.  Cold builds are run ``--cold`` times; with 0, what is there from
before is taken as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
ROOT = TOOLS.parent
sys.path[:0] = [str(TOOLS), str(ROOT)]

from bench_monorepo import nfs, plain  # noqa: E402

_SCONSTRUCT = """\
from maestro_tool.scons import project

DefaultEnvironment(tools=[])
tools = [PyPackageDir("maestro_tool.scons.site_tools")]
project.declare(Environment(tools=["gcc", "gnulink", "ar"], toolpath=tools))
"""


@dataclass(frozen=True)
class Cost:
    """CPU and wall-clock seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Repository:
    """A folder with NFs; ``nics``: as nic= has them; ``jobs``: as -j has them."""

    folder: Path
    nics: str
    jobs: int

    def maestro(self, *words: str) -> Cost:
        """A build of this tool."""
        return run([sys.executable, "-m", "SCons", "-Q", f"-j{self.jobs}", f"nic={self.nics}", *words], self.folder)

    def scons(self, *words: str) -> Cost:
        """The same C steps by SCons alone."""
        return run([sys.executable, "-m", "SCons", "-Q", f"-j{self.jobs}", *words], self.folder / "plain")

    def ninja(self, *words: str) -> Cost:
        """The same C steps by ninja."""
        return run(["ninja", f"-j{self.jobs}", *words], self.folder / "plain")


def run(command: list[str], folder: Path) -> Cost:
    """What a command costs, with all that it starts; SystemExit with its output if it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAESTRO_", "SCONSFLAGS"))}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)}\n{done.stdout[-2000:]}")
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - start)


def alternating(times: int, ways: Mapping[str, Callable[[], Cost]]) -> dict[str, Cost]:
    """The median of each way, of runs that take turns."""
    taken: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            taken[name].append(way())
    return {
        name: Cost(statistics.median(c.cpu for c in costs), statistics.median(c.wall for c in costs))
        for name, costs in taken.items()
    }


def written(folder: Path, count: int, nics: str, jobs: int) -> Repository:
    """A repository in which nothing is built."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SConstruct").write_text(_SCONSTRUCT)
    nfs.write(folder / "nfs", count)
    return Repository(folder, nics, jobs)


def cold(repository: Repository, times: int) -> dict[str, Cost]:
    """From nothing: no analysis, no object.  Afterwards all is built, by this tool and by SCons alone."""

    def maestro() -> Cost:
        shutil.rmtree(repository.folder / "build", ignore_errors=True)
        cost = repository.maestro()
        shutil.rmtree(repository.folder / "plain", ignore_errors=True)
        plain.write(repository.folder)
        return cost

    return alternating(times, {"maestro": maestro, "scons": repository.scons})


def null(repository: Repository, times: int) -> dict[str, Cost]:
    """Nothing is to be done."""
    return alternating(
        times, {"maestro": repository.maestro, "scons": repository.scons, "ninja": _after_ninja(repository)}
    )


def one(repository: Repository, times: int) -> dict[str, Cost]:
    """The same of one NF of all."""
    name = nfs.variant(0).name
    return alternating(times, {
        "maestro": lambda: repository.maestro(f"nf={name}"),
        "scons": lambda: repository.scons(f"nf={name}"),
        "ninja": lambda: repository.ninja(name),
    })  # fmt: skip


def comment(repository: Repository, times: int) -> dict[str, Cost]:
    """A comment more in a file of one NF, and nothing; and what compiling that file takes."""
    name = nfs.variant(0).name
    source = repository.folder / "nfs" / name / f"{name}_main.c"
    text, count = source.read_text(), iter(range(1_000_000))

    def edited() -> Cost:
        source.write_text(f"{text}/* {next(count)} */\n")
        return repository.maestro(f"nf={name}")

    def compiled() -> Cost:
        known = json.loads((repository.folder / "plain/cells.json").read_text())["cells"][0]["units"]
        (unit,) = (u for u in known if u["source"].endswith(f"/{name}_main.c"))
        words = [*unit["flags"], *(f"-I{place}" for place in unit["folders"])]
        return run(["gcc", *words, "-c", unit["source"], "-o", "/dev/null"], repository.folder)

    ways = {"edited": edited, "null": lambda: repository.maestro(f"nf={name}"), "compiled": compiled}
    found = alternating(times, ways)
    source.write_text(text)
    return found


def _after_ninja(repository: Repository) -> Callable[[], Cost]:
    """Ninja builds over what SCons has built, under its own names for what it knows of them."""
    repository.ninja()
    return repository.ninja


def report(repository: Repository, count: int, times: int, cold_times: int) -> dict[str, object]:
    """All figures, as JSON has them."""
    cells = count * len(repository.nics.split(","))
    found: dict[str, dict[str, Cost]] = {"cold": cold(repository, cold_times)} if cold_times else {}
    found |= {"null": null(repository, times), "one": one(repository, times), "comment": comment(repository, times)}
    cpu = {kind: {way: cost.cpu for way, cost in ways.items()} for kind, ways in found.items()}
    edit = cpu["comment"]
    figures = {
        "null build of all, by SCons alone": cpu["null"]["maestro"] / cpu["null"]["scons"],
        "null build of one": cpu["one"]["maestro"],
        "comment, above a null build and CC": edit["edited"] - edit["null"] - edit["compiled"],
    }
    if cold_times:
        whole, steps = cpu["cold"]["maestro"], cpu["cold"]["scons"]
        figures |= {"phases, for each cell": (whole - steps) / cells, "phases, part of a cold build": 1 - steps / whole}
    return {
        "schema": "maestro-monorepo/1", "nfs": count, "nics": repository.nics, "jobs": repository.jobs, "times": times,
        "costs": {
            kind: {way: {"cpu": round(cost.cpu, 3), "wall": round(cost.wall, 3)} for way, cost in ways.items()}
            for kind, ways in found.items()
        },
        "figures": {name: round(value, 3) for name, value in figures.items()},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python tools/bench_monorepo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nfs", type=int, default=20)
    parser.add_argument("--nics", default="soft")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--cold", type=int, default=1)
    parser.add_argument("-j", "--j", type=int, default=1, dest="jobs")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/monorepo")
    parser.add_argument("-o", type=Path, dest="output", default=ROOT / "build/bench-monorepo.json")
    args = parser.parse_args()
    repository = written(args.folder.absolute(), args.nfs, args.nics, args.jobs)
    document = report(repository, args.nfs, args.times, args.cold)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2) + "\n"
    args.output.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
