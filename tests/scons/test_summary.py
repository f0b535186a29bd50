"""build/summary.json: what became of each NF for each NIC, as other programs read it."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from scons_tree import Tree, make_tree

REUSED = {"analysis": "local", "solution": "local", "generated": "local", "objects": "local"}
NONE = {"analysis": "no", "solution": "no", "generated": "no", "objects": "no"}
UNREACHED = {"strategy": None, "reused": NONE, "seconds": 0.0, "relaxations": [], "program": None}


def summary(tree: Tree) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((tree.root / "build/summary.json").read_text())
    assert set(document) == {"schema", "cells", "steps"} and document["schema"] == "maestro-summary/1"
    return document


def cell(**changed: Any) -> dict[str, Any]:
    """The one of nop for soft, as it is where nothing is to be done."""
    usual = {"nf": "nop", "nic": "soft", "strategy": "shared-nothing", "status": "up-to-date", "reused": REUSED,
             "seconds": 0.0, "relaxations": [], "program": "build/soft/nop/nop", "error": None}  # fmt: skip
    return usual | changed


@pytest.mark.quick
def test_builds_as_they_go(tree: Tree) -> None:
    steps = tree.built("nf=nop").steps
    (found,) = summary(tree)["cells"]
    assert found == cell(status="built", reused=NONE, seconds=found["seconds"]) and found["seconds"] > 0
    made = [step for step in steps if not step.startswith("RANLIB")]  # one step with AR
    assert summary(tree)["steps"] == {"ran": len(made) + 1, "local": 0, "remote": 0}  # and the profile
    assert tree.built("nf=nop").steps == []
    assert summary(tree) == {
        "schema": "maestro-summary/1", "cells": [cell()], "steps": {"ran": 0, "local": 0, "remote": 0}
    }  # fmt: skip
    # A comment: the analysis and the solution come from the cache; the step of the analysis ran for nothing else.
    tree.edit("nfs/nop/nop_main.c", "return device ^ 1", "/* ! */ return device ^ 1")
    steps = tree.built("nf=nop").steps
    (found,) = summary(tree)["cells"]
    assert found["seconds"] > 0
    assert found == cell(
        status="built", seconds=found["seconds"],
        reused={"analysis": "local", "solution": "local", "generated": "no", "objects": "no"},
    )  # fmt: skip
    made = [step for step in steps if not step.startswith("RANLIB")]
    assert summary(tree)["steps"] == {"ran": len(made) - 1, "local": 1, "remote": 0}
    # An error, of a step and of the compiler.
    tree.edit("nfs/nop/nop_main.c", "return device ^ 1", "return device ^")
    failed = tree.scons("nf=nop")
    (found,) = summary(tree)["cells"]
    assert failed.status != 0 and "nop_main.c" in found["error"] and found["error"] in failed.err
    assert found == cell(**UNREACHED | {"status": "failed", "error": found["error"], "seconds": found["seconds"]})
    # What is wrong with the command line, or the SConstruct, is of no cell: those of before are not told again.
    tree.edit("nfs/nop/nop_main.c", "return device ^", "return device ^ 1")
    tree.edit("SConstruct", '"ar"]', '"ar"], CPPFLAGS=["-isystem", "nfs/nop"]')
    assert tree.scons("nf=nop").status != 0 and summary(tree)["cells"] == []
    assert not list((tree.root / "build").glob(".reports*"))


def test_cells_of_which_one_fails(tree: Tree) -> None:
    """The one that comes after it is not reached; with -k it is."""
    shutil.copytree(tree.root / "nfs/nop", tree.root / "nfs/also")
    tree.write("nfs/also/nop_main.c", "int nf_process(\n")
    tree.edit("nfs/nop/nop_main.c", "return device ^ 1", "return 1 - device")
    assert tree.scons("nf=also,nop").status != 0
    found = {c["nf"]: c["status"] for c in summary(tree)["cells"]}
    assert found == {"also": "failed", "nop": "not-reached"}
    assert tree.scons("-k", "nf=also,nop").status != 0
    found = {c["nf"]: c["status"] for c in summary(tree)["cells"]}
    assert found == {"also": "failed", "nop": "built"}


def test_what_writes_nothing_keeps_it(tree: Tree) -> None:
    tree.built("nf=nop")
    before = (tree.root / "build/summary.json").read_bytes()
    make_tree(tree.root, "fw")
    for words in (["-n"], ["-q"], ["-h"]):
        tree.scons(*words, "nf=fw")
        assert (tree.root / "build/summary.json").read_bytes() == before
    tree.built("-c", "nf=nop")
    assert not (tree.root / "build/summary.json").exists()
