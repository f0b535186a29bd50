"""After a build that was stopped, and after edits were taken back, the next one makes what a fresh one makes."""

from __future__ import annotations

import os
import signal
import time

import monorepo
import pytest
from scons_tree import Tree
from test_lock import started

MAIN, TARGET = "nfs/nop/nop_main.c", "build/soft/nop/gen"


def kill(tree: Tree, number: int) -> None:
    """Stop a build when it has written some of what it makes."""
    made = tree.root / TARGET / "nop_main.c"
    before = made.read_bytes()
    build = started(tree, TARGET)
    while build.poll() is None and (not made.exists() or made.read_bytes() == before):
        time.sleep(0.002)
    os.killpg(build.pid, number)
    build.communicate(timeout=60)
    assert build.returncode != 0
    assert not made.exists() or made.read_bytes() != before


def fill_the_disk(tree: Tree, limit: int) -> None:
    """Stop a build by a limit of the size of files, in bytes."""
    # Python itself may leave half of a file of bytecode.
    build = started(tree, TARGET, limit=limit, PYTHONDONTWRITEBYTECODE="1")
    _, err = build.communicate(timeout=120)
    assert (build.returncode != 0 and "large" in err + _) or "limit" in err + _


@pytest.mark.parametrize("how", ["interrupted", "killed", "full", "all but full"])
def test_an_edit_that_was_taken_back(tree: Tree, how: str) -> None:
    """SCons notes what it built at its end: a build that has none leaves files that nobody knows of."""
    tree.built(TARGET)
    before = monorepo.built(tree.root)
    tree.edit(MAIN, "return device ^ 1", "return 1 - device")
    match how:
        case "interrupted":
            kill(tree, signal.SIGINT)
        case "killed":
            kill(tree, signal.SIGKILL)
        case "full":
            fill_the_disk(tree, 4096)
        case "all but full":
            fill_the_disk(tree, 24 * 1024)
    tree.edit(MAIN, "return 1 - device", "return device ^ 1")
    tree.built(TARGET)
    assert monorepo.built(tree.root) == before
