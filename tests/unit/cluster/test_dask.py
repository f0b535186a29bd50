"""A real scheduler and workers on loopback: what they make, who is refused, and one that dies over its job."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from maestro_tool import pipeline
from maestro_tool.cache import NoCache
from maestro_tool.fingerprint import PACKAGE

ROOT = PACKAGE.parent
pytestmark = pytest.mark.long


@contextlib.contextmanager
def started(*words: str, tool: Path = ROOT) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process of Dask's, which ends with its children; and what it says."""
    log = Path(f"{words[0]}-{time.monotonic_ns()}.log")
    command = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}", *words[1:], "--no-dashboard"]
    environment = {**os.environ, "PYTHONPATH": str(tool)}
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, start_new_session=True)
    try:
        yield process, log
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(log: Path, what: str, seconds: float = 120) -> str:
    """Wait until the log has the words, and return the line."""
    until(lambda: what in log.read_text(), seconds)
    return next(line for line in log.read_text().splitlines() if what in line)


@contextlib.contextmanager
def scheduler() -> Iterator[tuple[str, Path]]:
    with started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show") as (_, log):
        yield said(log, "Scheduler at:").split()[-1], log


@contextlib.contextmanager
def worker(address: str, tool: Path = ROOT) -> Iterator[None]:
    with started("worker", address, "--nthreads", "1", "--local-directory", "spool", tool=tool) as (_, log):
        said(log, "Registered to:")
        yield


@contextlib.contextmanager
def broker(address: str) -> Iterator[tuple[str, str]]:
    """Its socket, and what it says first."""
    place = str(Path("broker").absolute())
    command = [sys.executable, "-P", "-m", "maestro_tool.cluster.broker", place, address]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        yield place, process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        Path(place).unlink(missing_ok=True)


def analysed(place: str) -> pipeline.Analysed:
    from maestro_tool.cluster import ask

    sources = tuple(sorted((ROOT / "nfs/nop").glob("*.c")))
    return pipeline.analyse(pipeline.Request(sources), NoCache(), pipeline.Stopwatch(), find=ask.finder(place))


def test_two_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources = tuple(sorted((ROOT / "nfs/nop").glob("*.c")))
    own = pipeline.analyse(pipeline.Request(sources), NoCache(), pipeline.Stopwatch()).text()
    other = tmp_path / "other"
    shutil.copytree(PACKAGE, other / "maestro_tool", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "maestro_tool/symex/limits.py").open("a") as file:
        file.write("# another tool\n")
    with broker("tcp://127.0.0.1:1") as (_, refused):
        assert "OSError" in refused and "\n" not in refused
    with scheduler() as (address, log), broker(address) as (place, ready):
        assert ready == "ready"
        with worker(address, tool=other):
            # Nobody who would do it otherwise is asked to.
            with pytest.raises(pipeline.ToolError, match="no worker of the cluster has this tool"):
                analysed(place)
            with worker(address), worker(address):
                assert analysed(place).text() == own
                # One dies over its job: the other does it, or the one that its nanny starts in its place.
                (stuck,) = job_processes()
                os.kill(stuck, signal.SIGSTOP)
                with ThreadPoolExecutor(3) as steps:
                    asked = [steps.submit(analysed, place) for _ in range(3)]
                    wait(asked, timeout=300, return_when=FIRST_COMPLETED)
                    until(lambda: sum(f.done() for f in asked) == 2)
                    os.kill(parent(stuck), signal.SIGKILL)
                    os.kill(stuck, signal.SIGKILL)
                    assert [f.result(300).text() for f in asked] == [own] * 3
                said(log, "Remove worker")


def job_processes() -> list[int]:
    """Those that wait for jobs of this test's workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"maestro_tool.cluster.job" in words and (folder / "cwd").resolve() == Path.cwd():
                found.append(int(folder.name))
    return found


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
