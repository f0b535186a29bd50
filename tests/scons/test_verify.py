"""`maestro verify`: what a binary was made of; and objects of different builds, which do not link."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scons_tree import Tree

BINARY = "build/soft/nop/nop"


@pytest.fixture(scope="module")
def built(template: Tree, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(shutil.copytree(template.root, tmp_path_factory.mktemp("verify") / "tree"))
    tree.built("nf=nop", "sequential", "build", "-j2")
    return tree


@pytest.fixture
def copy(built: Tree, tmp_path: Path) -> Tree:
    return Tree(shutil.copytree(built.root, tmp_path / "tree"))


def test_what_a_build_is_made_of(built: Tree) -> None:
    """Program, library, and both stripped; plan.json and analysis.json say the same."""
    subprocess.run(["strip", BINARY, "-o", "build/soft/nop/stripped"], cwd=built.root, check=True)
    subprocess.run(
        ["strip", "-g", "build/soft/nop/libnop.a", "-o", "build/soft/nop/small.a"], cwd=built.root, check=True
    )
    plan = json.loads((built.root / "build/soft/nop/plan.json").read_text())
    said = []
    for name in ("nop", "libnop.a", "stripped", "small.a"):
        done = built.maestro("verify", f"build/soft/nop/{name}", "--json")
        document = json.loads(done.out)
        assert (done.status, document["schema"], document["matches"]) == (0, "maestro-verify/1", True), done.out
        said += document["made_of"]
    assert [s for s in said if s != said[0]] == []
    for member in ("digest", "program", "compiler", "target", "flags"):
        assert said[0][member] == plan["made_of"][member]
    assert plan["made_of"]["program"] in (built.root / "build/analysis/nop/analysis.json").read_text()
    assert "-O3" in said[0]["flags"] and not [f for f in said[0]["flags"] if f.startswith(("-I", "-W"))]
    shown = built.maestro("verify", BINARY)
    assert shown.status == 0 and "made of these sources and this plan" in shown.out and said[0]["digest"] in shown.out


def _without_plan(tree: Tree) -> None:
    (tree.root / "build/soft/nop/plan.json").unlink()


def _without_sources(tree: Tree) -> None:
    shutil.rmtree(tree.root / "nfs")


CHANGES: dict[str, tuple[Callable[[Tree], object], int, str]] = {
    "a comment": (lambda t: t.edit("nfs/nop/nop_main.c", "return device ^ 1", "/* ! */\n return device ^ 1"), 0, ""),
    "the program": (lambda t: t.edit("nfs/nop/nop_main.c", "return device ^ 1", "return 1 - device"), 1,
                    "the sources mean something else than when it was built"),
    "no program": (lambda t: t.edit("nfs/nop/nop_main.c", "return device ^ 1", "return ="), 1, "cannot be read as they"),
    "the plan": (lambda t: t.edit("build/soft/nop/plan.json", '"nop"', '"pop"'), 1, "is not the plan that it was built"),
    "no plan": (_without_plan, 1, "plan.json cannot be read"),
    "no sources": (_without_sources, 1, "is not there: verify where the build was run"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_changed_afterwards(copy: Tree, what: str) -> None:
    change, status, message = CHANGES[what]
    change(copy)
    done = copy.maestro("verify", BINARY)
    assert (done.status, message in done.out) == (status, True), done.out + done.err
    assert "nop for soft, shared-nothing, by Maestro" in done.out  # it shows what it was made of, anyway


def test_from_another_folder(built: Tree) -> None:
    """The sources are found above the plan."""
    elsewhere = Tree(built.root / "build")
    assert elsewhere.maestro("verify", "soft/nop/nop").status == 0


def test_what_it_cannot_read(built: Tree) -> None:
    assert built.maestro("verify").status == 2
    for name, message in (
        ("absent", "cannot read absent"), ("nfs/nop/nop_main.c", "neither an ELF file nor"),
        ("build/runtime/clock.o", "does not say what it was made of"),
    ):  # fmt: skip
        done = built.maestro("verify", name)
        assert done.status == 1 and message in done.err
    sequential = built.maestro("verify", "build/sequential/nop/nop")
    assert sequential.status == 1 and "it is the sequential program" in sequential.out


def test_objects_of_different_builds_do_not_link(copy: Tree) -> None:
    """Each object of the build before, put among those of the build after an edit."""
    gen = copy.root / "build/soft/nop/gen"
    before = {p.name: p.read_bytes() for p in gen.glob("*.o")}
    copy.edit("nfs/nop/nop_main.c", "return device ^ 1", "return 1 - device")
    copy.built("nf=nop", "-j2")
    after = {p.name: p.read_bytes() for p in gen.glob("*.o")}
    assert len(after) >= 4 and all(after[name] != before[name] for name in after)

    def linked() -> str:
        objects = sorted(gen.glob("*.o"))
        command = ["gcc", "-r", "-o", "whole.o", *objects]
        subprocess.run(command, cwd=copy.root, check=True, capture_output=True)
        done = subprocess.run(["nm", "-u", "whole.o"], cwd=copy.root, check=True, capture_output=True, text=True)
        return done.stdout

    assert "maestro_made_of_" not in linked()
    for name, content in before.items():
        (gen / name).write_bytes(content)
        assert "maestro_made_of_" in linked(), name
        (gen / name).write_bytes(after[name])
