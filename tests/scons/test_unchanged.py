"""Programs of which nothing has changed are not declared again; whatever changes is for SCons."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scons_tree import Result, Tree

PROGRAM = "build/soft/nop/nop"
#: Prints, after all is read, how many nodes SCons has of the program's folder.
COUNTED = """
try:
    print("nodes:", len(Dir("#/build/soft/nop", create=False).entries))
except Exception:
    print("nodes: 0")
"""


@pytest.fixture
def built(tree: Tree) -> Tree:
    """nop, built by an SConstruct that says whether it was declared."""
    (tree.root / "SConstruct").write_text((tree.root / "SConstruct").read_text() + COUNTED)
    declared(tree.built("nf=nop"), True)
    tree.built("nf=nop")  # files that were copied just before the build are looked at once more
    declared(tree.built("nf=nop"), False)
    return tree


def declared(result: Result, expected: bool) -> None:
    assert ("nodes: 0" not in result.out) == expected, result.out


def edit(tree: Tree, name: str) -> None:
    path = tree.root / name
    path.write_bytes(path.read_bytes() + b"\n")


EDITS: dict[str, Callable[[Tree], object]] = {
    "source": lambda t: edit(t, "nfs/nop/nop_main.c"),
    "header": lambda t: edit(t, "nfs/nop/nop_config.h"),
    "generated": lambda t: edit(t, "build/soft/nop/gen/nop_main.c"),
    "object": lambda t: edit(t, "build/soft/nop/gen/nop_main.o"),
    "program": lambda t: (t.root / PROGRAM).unlink(),
    "plan": lambda t: edit(t, "build/soft/nop/plan.json"),
    "analysis": lambda t: edit(t, "build/analysis/nop/analysis.json"),
    "record": lambda t: edit(t, "build/analysis/nop/inputs.json"),
    "runtime": lambda t: edit(t, "build/runtime/libmaestro.a"),
    "runtime's object": lambda t: (t.root / "build/runtime/clock.o").unlink(),
    "profile": lambda t: edit(t, "configs/soft.yaml"),
    "stray": lambda t: t.write("build/soft/nop/gen/nf.h", ""),
    "description": lambda t: t.write("nfs/nop/nf.yaml", "ports: 2\n"),
    "new source": lambda t: t.write("nfs/nop/more/new.c", "int more_of_it;\n"),
    "new header": lambda t: t.write("nfs/nop/nf-util.h", "#include_next <nf-util.h>\n"),
    "environment": lambda t: t.edit(
        "SConstruct", 'tools=["gcc", "gnulink", "ar"]', 'CCFLAGS=["-O1"], tools=["gcc", "gnulink", "ar"]'
    ),
    "memory": lambda t: t.write("build/.unchanged.json", "{"),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_changed_is_looked_at(built: Tree, what: str) -> None:
    EDITS[what](built)
    result = built.built("nf=nop")
    declared(result, True)
    assert (built.root / PROGRAM).exists() and not (built.root / "build/soft/nop/gen/nf.h").exists()
    assert built.built("nf=nop").steps == []
    after = built.built("nf=nop")
    declared(after, False)
    assert after.steps == []


def test_contents_count_and_times_do_not(built: Tree) -> None:
    source = built.root / "nfs/nop/nop_main.c"
    before = source.stat()
    os.utime(source, (1, 1))
    result = built.built("nf=nop")
    declared(result, False)
    text = source.read_text()
    source.write_text(text.replace("int", "INT", 1))
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert built.scons("nf=nop").status != 0 or text == source.read_text()
    source.write_text(text)
    built.built("nf=nop")


def test_where_more_is_asked_for_scons_looks(built: Tree) -> None:
    for words in (
        ["verbose=1"],
        ["trace=t.json"],
        [PROGRAM],
        ["--tree=all"],
        ["explain=rebuild"],
        ["nic=soft", "strategy=locks"],
    ):
        declared(built.scons("nf=nop", *words), True)


def test_what_an_sconstruct_says_of_files_counts(built: Tree) -> None:
    """After the programs are declared, and before."""
    whole = (built.root / "SConstruct").read_text()
    built.write("more.txt", "1")
    said = f'Depends("{PROGRAM}", "more.txt")\n'
    (built.root / "SConstruct").write_text(whole + said)
    assert f"LINK {PROGRAM}" in built.built("nf=nop").steps
    assert built.built("nf=nop").steps == []
    built.write("more.txt", "2")
    assert f"LINK {PROGRAM}" in built.built("nf=nop").steps
    (built.root / "SConstruct").write_text("DefaultEnvironment(tools=[])\n" + said + whole)
    built.built("nf=nop")
    built.write("more.txt", "3")
    assert f"LINK {PROGRAM}" in built.built("nf=nop").steps


def test_all_is_said_as_ever(built: Tree) -> None:
    quick = built.built("nf=nop")
    summary = (built.root / "build/summary.json").read_text()
    (built.root / "build/.unchanged.json").unlink()
    slow = built.built("nf=nop")
    lines = [[line for line in r.out.splitlines() if "nodes:" not in line] for r in (quick, slow)]
    assert lines[0] == lines[1]
    assert (built.root / "build/summary.json").read_text() == summary


def test_another_folder_is_another_build(built: Tree, tmp_path: Path) -> None:
    """With the same contents and other times, nothing is to be done there either."""
    moved = Tree(shutil.copytree(built.root, tmp_path / "moved"))
    result = moved.built("nf=nop")
    assert result.steps == []
    edit(moved, "nfs/nop/nop_main.c")
    assert moved.built("nf=nop").steps != []
