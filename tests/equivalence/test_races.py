"""ThreadSanitizer on generated programs whose workers share state: no data race; and one if an object is not guarded."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from maestro_tool import dpdk, nf, pipeline, profiles, runtime
from maestro_tool.cache import NoCache
from maestro_tool.canonical import write_files
from maestro_tool.nic import load_profile
from tests import compiling

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

#: The DPDK program around the workers, which is not needed.
_PROGRAM = {"main", "options", "ports", "workers", "placement", "replay", "captures", "statistics", "clock"}

#: Bursts look ahead, although the maps are small.
FLAGS = ("-std=gnu11", "-O1", "-g", "-w", "-fsanitize=thread", "-DMAESTRO_STAGE_ENTRIES(map)=1", *dpdk.RENAMES)


def generated(name: str, strategy: str, folder: Path) -> Path:
    function = nf.load(next(f for f in (ROOT / "nfs" / name, ROOT / "tests/foreign" / name) if f.exists()))
    request = pipeline.Request(function.sources, function.arguments, function.ports, (function.root,))
    watch = pipeline.Stopwatch()
    analysed = pipeline.analyse(request, NoCache(), watch)
    card = load_profile(profiles.resolve("soft"), profiles.folders())
    files = pipeline.generate(analysed, (card,), name, strategy, NoCache(), watch)
    write_files({folder / n: t.encode("utf-8", "surrogateescape") for n, t in files.items()})
    return folder


@pytest.fixture(scope="module")
def watched_runtime(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Objects of the runtime as it is without the DPDK program."""
    sources = [source for source in sorted(runtime.SOURCE.glob("*.c")) if source.stem not in _PROGRAM]
    return compiling.objects(sources, flags(), tmp_path_factory.mktemp("runtime"))


def flags(*folders: Path) -> list[str]:
    found = dpdk.find()
    include_dirs = [*folders, runtime.INCLUDE, runtime.SOURCE, *found.include_dirs]
    return [*FLAGS, *found.cflags, *(f"-I{path}" for path in include_dirs)]


def race(folder: Path, objects: list[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the NF in ``folder`` under ThreadSanitizer."""
    sources = [*sorted((folder / "gen").rglob("*.c")), HERE / "race_driver.c"]
    program = folder / "race"
    objects = [*compiling.objects(sources, flags(folder / "gen", folder), folder), *objects]
    linked = ["gcc", *FLAGS, *map(str, objects), *dpdk.find().libs, "-lm", "-lpthread", "-o", str(program)]
    subprocess.run(linked, check=True)
    environment = {**os.environ, "MAESTRO_TM": "off"}
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=300
    )


@pytest.mark.parametrize(
    ("name", "strategy", "arguments"),
    [
        pytest.param("fw", "locks", ["--expire", "50"], marks=pytest.mark.quick),
        ("fw", "tm", ["--expire", "50"]),
        ("pol", "locks", []),
        ("bridge", "locks", ["--expire", "50"]),
        ("lb", "hybrid", ["--expire", "50", "--backend-expire", "200"]),
        pytest.param("lb", "locks", ["--expire", "50", "--backend-expire", "200"], marks=pytest.mark.long),
        ("cl", "locks", []),
        pytest.param("nat", "locks", ["--expire", "50"], marks=pytest.mark.long),
        pytest.param("psd", "locks", ["--expire", "50"], marks=pytest.mark.long),
        pytest.param("hhh", "locks", [], marks=pytest.mark.long),
        pytest.param("bridge", "tm", ["--expire", "50"], marks=pytest.mark.long),
        ("pairs", "locks", ["--expire", "50"]),  # a double map and routes
        ("lb", "tm", ["--expire", "50", "--backend-expire", "200"]),
    ],
)
def test_no_data_races(
    name: str, strategy: str, arguments: list[str], watched_runtime: list[Path], tmp_path: Path
) -> None:
    done = race(generated(name, strategy, tmp_path), watched_runtime, *arguments)
    assert done.returncode == 0, done.stderr[:3000]
    write_locks, restarts = map(int, done.stdout.split()[-2:])
    assert write_locks >= restarts > 0


@pytest.mark.parametrize(("name", "kind"), [("fw", "DCHAIN"), ("bridge", "DCHAIN"), ("pairs", "LPM")])
def test_unguarded_objects_are_noticed(name: str, kind: str, watched_runtime: list[Path], tmp_path: Path) -> None:
    folder = generated(name, "locks", tmp_path)
    tables = folder / "gen" / f"{name}_parallel.c"
    text = tables.read_text()
    entries = [line for line in text.split("{ .name") if f"MAESTRO_{kind}" in line]
    assert entries
    for entry in entries:
        text = text.replace(entry, entry.replace(".guarded = true", ".guarded = false"))
    tables.write_text(text)
    done = race(folder, watched_runtime, "--expire", "50")
    assert done.returncode != 0
