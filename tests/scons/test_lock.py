"""Builds that meet, and builds that are stopped."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from scons_tree import ROOT, Tree

from tests import compiling

PLAN = "build/soft/nop/plan.json"


def started(
    tree: Tree, *words: str, limit: int | None = None, out: IO[str] | int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    """A build that runs; ``limit``: no file may be longer, in bytes."""

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAESTRO_")}
    return subprocess.Popen(
        [sys.executable, "-m", "SCons", "-Q", *words],
        cwd=tree.root, env={**kept, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT), **environment}, text=True,
        preexec_fn=restrict,
        stdout=out, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


#: An SConstruct, to which more can be added.
PROJECT = """\
from maestro_tool.scons import project
DefaultEnvironment(tools=[])
env = Environment(tools=["gcc", "gnulink", "ar"])
project.declare(env)
"""


def wait_for(path: Path) -> str:
    """What is in the file, as soon as there is something."""
    for _ in range(6000):
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{path} did not come")


@pytest.fixture
def slow(tree: Tree) -> Tree:
    """A tree whose build stops at a pipe, until somebody writes to it, and then goes on for half a second."""
    os.mkfifo(tree.root / "gate")
    tree.write("slow.sh", "#!/bin/sh\necho $$ > $1.pid\ncat gate > $1.part\nsleep 0.5\nmv $1.part $1\n")
    tree.write(
        "SConstruct",
        PROJECT + 'env.Command("build/slow", "slow.sh", "sh slow.sh $TARGET")\n',
    )
    return tree


def opened(tree: Tree) -> None:
    with (tree.root / "gate").open("w") as gate:
        gate.write("x")


@pytest.mark.quick
def test_the_second_build_waits_for_the_first(slow: Tree) -> None:
    first = started(slow, "build/slow", PLAN)
    wait_for(slow.root / "build/slow.pid")
    second = started(slow, "build/slow", PLAN)
    assert second.stderr is not None
    assert second.stderr.readline() == f"scons: waiting for process {first.pid}, which builds in build/\n"
    # Neither of these waits.
    assert slow.scons("-n", PLAN).status == 0 and slow.scons("-h").status == 0
    opened(slow)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    out, err = second.communicate(timeout=60)
    assert (second.returncode, err) == (0, "")
    assert "is up to date" in out and "GENERATE" not in out


def test_a_build_that_was_killed(slow: Tree) -> None:
    """Nobody has to remove anything; but what it started is waited for."""
    first = started(slow, "build/slow", PLAN)
    child = int(wait_for(slow.root / "build/slow.pid"))
    os.kill(first.pid, signal.SIGKILL)
    first.wait(timeout=60)  # its pipes are open as long as the child is
    second = started(slow, "build/slow", PLAN)
    assert second.stderr is not None
    line = second.stderr.readline()
    assert line == (f"scons: waiting for what process {first.pid} has left running: it builds in build/\n")
    assert Path(f"/proc/{child}").exists()
    opened(slow)
    wait_for(slow.root / "build/slow")
    opened(slow)  # the second build makes the file itself
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    third = slow.built("build/slow", PLAN)
    assert third.err == "" and third.steps == []


def test_dry_runs_write_nothing(tree: Tree) -> None:
    shutil.rmtree(tree.root / "build")
    for words in (["-n", "nf=nop", "nic=soft"], ["-h"], ["-q"], ["-n", "sequential"], ["-n", "run"]):
        tree.scons(*words)
        assert not (tree.root / "build").exists(), words
        assert not [p for top in (tree.root, ROOT / "maestro_tool") for p in top.rglob(".scons*")], words


def test_dry_runs_write_nothing_where_something_is(tree: Tree) -> None:
    tree.built(PLAN)
    before = {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in (tree.root / "build").rglob("*")}
    tree.edit("nfs/nop/nop_main.c", "return device ^ 1", "return 1 - device")
    assert "GENERATE" in tree.built("-n").verbs()
    after = {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in (tree.root / "build").rglob("*")}
    assert before == after


def test_a_build_inside_of_a_build_does_not_wait_for_it(tree: Tree) -> None:
    tree.write(
        "SConstruct",
        PROJECT + f'env.Command("build/inner", [], "PYTHONPATH={ROOT} {sys.executable} -m SCons -Q nf=nop")\n',
    )
    result = tree.scons("build/inner")
    assert result.status == 2 and "build: the build that runs this one builds there" in result.err
