"""After a build that was stopped, and after edits were taken back, the next one makes what a fresh one makes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import monorepo
import pytest
from scons_tree import ROOT, Tree
from test_lock import started

from tests import compiling
from tests.quick import others_long

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


def limit_files(tree: Tree, limit: int) -> None:
    """Stop a build by a limit of the size of files, in bytes."""
    # Python itself may leave half of a file of bytecode.
    build = started(tree, TARGET, limit=limit, PYTHONDONTWRITEBYTECODE="1")
    out, err = build.communicate(timeout=600)
    assert build.returncode != 0 and "File too large" in err and "Traceback" not in out + err


@pytest.mark.parametrize(
    "how", others_long(["interrupted", "killed", "small files", "all but large files"], ["killed", "small files"])
)
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
        case "small files":
            limit_files(tree, 4096)
        case "all but large files":
            limit_files(tree, 24 * 1024)
    tree.edit(MAIN, "return 1 - device", "return device ^ 1")
    tree.built(TARGET)
    assert monorepo.built(tree.root) == before


#: Builds on a disk with so many kB more than the files of build.before need; then, as soon as it has more space.
FULL = """\
mount -t tmpfs -o size=200m tmpfs build && cp -a build.before/. build/ || exit 77
mount -o remount,size=$(($(df -k --output=used build | tail -1) + $1))k build || exit 77
shift
"$@" > out.full 2> err.full
echo $? > status.full
cp -a build build.full
mount -o remount,size=200m build
"$@" > out 2> err || exit 1
cp -a build build.after
"""
SIGNATURES = "scons: *** build/.sconsign.dblite: No space left on device: what was built is not noted"


@pytest.mark.parametrize(
    ("after_another", "space", "stopped"),
    [
        (True, 4, SIGNATURES),
        pytest.param(False, 4, "error: build/analysis/", marks=pytest.mark.long),
        pytest.param(False, 100, "error: build/soft/", marks=pytest.mark.long),
        pytest.param(False, 200, "No space left on device", marks=pytest.mark.long),  # what the assembler says
    ],
)
def test_a_full_disk(tree: Tree, after_another: bool, space: int, stopped: str) -> None:
    """The first build ends in one line and leaves no half of a file; the next makes what a fresh one makes."""
    tree.edit(MAIN, "return device ^ 1", "return 1 - device")
    shutil.rmtree(tree.root / "build")
    tree.built(TARGET)
    fresh = monorepo.built(tree.root)
    shutil.rmtree(tree.root / "build")
    if after_another:
        tree.edit(MAIN, "return 1 - device", "return device ^ 1")
        tree.built(TARGET)
        tree.edit(MAIN, "return device ^ 1", "return 1 - device")
        (tree.root / "build").rename(tree.root / "build.before")
    else:
        (tree.root / "build.before").mkdir()
    (tree.root / "build").mkdir()
    tree.write("full.sh", FULL)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAESTRO_")}
    environment = {**kept, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT)}
    words = ["unshare", "--mount", "sh", "full.sh", str(space), sys.executable, "-m", "SCons", "-Q", TARGET]
    done = subprocess.run(words, cwd=tree.root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"a file system of its own needs root: {done.stderr.strip()}")
    assert done.returncode == 0, (tree.root / "err").read_text()
    err = (tree.root / "err.full").read_text()
    assert (tree.root / "status.full").read_text() == "2\n" and stopped in err, err
    assert err.count(SIGNATURES) == 1 and "Traceback" not in err and "Exception" not in err
    before, full, after = (monorepo.built(tree.root, name) for name in ("build.before", "build.full", "build.after"))
    assert after == fresh
    assert [name for name, content in full.items() if content not in (before.get(name), fresh.get(name))] == []
    assert not list((tree.root / "build.full").glob("**/.*.tmp"))


def test_standard_output_on_a_full_disk(tree: Tree) -> None:
    with open("/dev/full", "w") as full:
        build = started(tree, "build/analysis", out=full)
        _, err = build.communicate(timeout=600)
    assert build.returncode != 0 and "error: standard output: No space left on device\n" in err
    assert "Traceback" not in err
