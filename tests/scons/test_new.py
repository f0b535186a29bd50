"""`maestro new`, `scons new`: an NF to start from, in this repository and in an empty folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scons_tree import ROOT, Tree

from tests import compiling


def test_an_empty_folder_becomes_a_repository(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    result = tree.maestro("new", "limiter")
    assert result.status == 0 and "scons nf=limiter" in result.out
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()} == {
        "SConstruct", "nfs/limiter/limiter.c", "nfs/limiter/test_limiter.py",
    }  # fmt: skip
    assert "limiter" in tree.built("-h").out


def test_its_own_test_passes_and_can_fail(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    assert tree.maestro("new", "limiter").status == 0
    done = own_test(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "limiter: all well" in done.stdout
    assert "equal:" in done.stdout
    # A limiter that lets one frame more pass is caught.
    tree.edit("nfs/limiter/limiter.c", "second->frames < config.limit", "second->frames < config.limit + 30")
    assert own_test(tree).returncode != 0


def own_test(tree: Tree) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "nfs/limiter/test_limiter.py"],
        cwd=tree.root, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **compiling.for_scons(precompiled=True)},
        capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_in_a_repository_of_maestro(tree: Tree) -> None:
    before = (tree.root / "SConstruct").read_text()
    assert "nfs/limiter/limiter.c" in tree.built("new", "nf=limiter").out
    assert (tree.root / "SConstruct").read_text() == before
    assert "src_ip found in indices" in tree.built("explain", "nf=limiter").out


def test_nothing_is_overwritten(tree: Tree) -> None:
    tree.write("nfs/mine/notes.txt", "keep me")
    result = tree.scons("new", "nf=mine")
    assert result.status != 0 and "nfs/mine exists; nothing is overwritten" in result.err
    assert [p.name for p in (tree.root / "nfs/mine").iterdir()] == ["notes.txt"]


def test_a_foreign_sconstruct_is_left_alone(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.write("SConstruct", "Program('a.c')\n")
    result = tree.maestro("new", "limiter", "src")
    assert result.status == 0 and 'env.Parallelize("limiter", Glob("src/limiter/*.c")' in result.out
    assert (tmp_path / "SConstruct").read_text() == "Program('a.c')\n"


@pytest.mark.parametrize("name", ["a-b", "1st", "", "../x", "a b"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    result = Tree(tmp_path).maestro("new", name)
    assert result.status == 1 and "cannot name an NF" in result.err
    assert list(tmp_path.iterdir()) == []


def test_scons_new_by_itself_and_with_a_name(tree: Tree) -> None:
    for words, message in (
        (("new",), "new needs a name"),
        (("new", "nf=a-b"), "cannot name an NF"),
        (("new", "explain", "nf=x"), "a target by itself"),
    ):
        result = tree.scons(*words)
        assert result.status == 2 and message in result.err
