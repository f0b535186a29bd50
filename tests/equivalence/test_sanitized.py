"""Generated programs of all strategies, compiled with AddressSanitizer and UBSan, send the same and report nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cases import PARALLEL
from conftest import STRATEGIES
from nf_runs import Case, Results, converse, run, sequential
from programs import Build
from programs import driver as driver_of
from test_bursts import OPTIONS, bursts

from maestro_tool import dpdk, runtime
from maestro_tool.traffic.compare import compare
from maestro_tool.traffic.renaming import renamed_by
from tests import compiling
from tests.quick import others_long

#: Bursts look ahead, although the maps are small.
FLAGS = (
    "-std=gnu11", "-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
    "-DMAESTRO_STAGE_ENTRIES(map)=1",
)  # fmt: skip

#: Each NF as `auto` has it (shared-nothing, hybrid, locks), and the other ways to share.
PROGRAMS = [(strategy, nf) for strategy, nfs in STRATEGIES.items() for nf in nfs if nf in PARALLEL]
#: What is shared by locks or transactions, of which all is generated alike: two NFs stand for them in the gate.
KEPT = [(strategy, nf) for strategy, nf in PROGRAMS if strategy == "auto" or nf in ("fw", "lb")]


@pytest.fixture(scope="module")
def sanitized_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    flags = [*FLAGS, *dpdk.find().cflags, *includes()]
    objects = compiling.objects(sorted(runtime.SOURCE.glob("*.c")), flags, folder)
    subprocess.run(["ar", "rcs", "libruntime.a", *(path.name for path in objects)], cwd=folder, check=True)
    return folder / "libruntime.a"


def includes(*folders: Path) -> list[str]:
    return [f"-I{folder}" for folder in (*folders, runtime.INCLUDE, *dpdk.find().include_dirs)]


def sanitized(generated: Path, nf: str, library: Path, folder: Path, *more: Path) -> Path:
    """The program, or with ``more`` sources one that has another main function."""
    found = dpdk.find()
    flags = [*FLAGS, *found.cflags, *dpdk.RENAMES, *includes(generated / "gen", generated)]
    objects = compiling.objects([*sorted((generated / "gen").rglob("*.c")), *more], flags, folder)
    linked = ["gcc", *FLAGS, *map(str, objects), str(library), *found.libs, "-lm", "-lpthread", "-o", str(folder / nf)]
    subprocess.run(linked, check=True)
    return folder / nf


@pytest.fixture(scope="module")
def sequential_results() -> Results:
    return {}


@pytest.mark.parametrize(("strategy", "nf"), others_long(PROGRAMS, KEPT, ("auto", "fw")), ids=lambda value: value)
def test_sanitizers_report_nothing(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sanitized_runtime: Path,
    sequential_results: Results, strategy: str, nf: str,
) -> None:  # fmt: skip
    # Programs end without freeing what EAL keeps; tests/drivers.py is loaded first.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0")
    case: Case = PARALLEL[nf][0]
    program = sanitized(build.parallel(nf, strategy).parent, nf, sanitized_runtime, tmp_path)
    captures, expected = sequential(build, case, tmp_path / "sequential", sequential_results)
    renamed = renamed_by(build.plan(nf, strategy))
    if renamed:
        _, sent, _ = converse(program, case.traffic, tmp_path / "out", case.arguments, 3)
    else:
        sent, _ = run(program, captures, tmp_path / "out", case.arguments, 3)
    assert compare(expected, sent, renamed).equal


@pytest.mark.parametrize("nf", [pytest.param(nf, marks=pytest.mark.long) for nf in OPTIONS])
def test_bursts_of_all_sizes(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sanitized_runtime: Path, nf: str
) -> None:
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0")
    driver = Path(__file__).parent / "burst_driver.c"
    program = sanitized(build.sequential(nf).parent, nf, sanitized_runtime, tmp_path, driver)
    *expected, _ = bursts(driver_of(build.reference(nf)), nf, 3)
    *found, looked = bursts(program, nf, 3)
    assert found == expected
    assert int(looked.split()[2]) > 100
