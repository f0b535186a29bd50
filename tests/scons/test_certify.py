"""`scons certify`, and certificate.json as a file of the build."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scons_tree import Tree, make_tree


def test_certify_compiles_nothing(tree: Tree) -> None:
    make_tree(tree.root, "fw")
    result = tree.built("certify", "nf=nop,fw", "nic=e810,soft")
    for card in ("e810", "soft"):
        assert f"build/{card}/nop: 0 obligations proved" in result.out
        assert f"build/{card}/fw: 6 obligations proved" in result.out
        folder = tree.root / "build" / card / "fw"
        assert {"certificate.json", "plan.json"} <= {p.name for p in folder.iterdir()}
        assert not (folder / "fw").exists()
    again = tree.built("certify", "nf=fw", "nic=e810")
    assert "GENERATE" not in again.verbs() and "6 obligations proved" in again.out
    tree.built("-c", "nf=nop,fw", "nic=e810,soft")
    assert not list(tree.root.glob("build/*/fw/certificate.json"))


def test_a_changed_key_fails_the_target(firewall: Tree, tmp_path: Path) -> None:
    tree = Tree(shutil.copytree(firewall.root, tmp_path / "tree"))
    before = (tree.root / "build/soft/fw/certificate.json").read_bytes()
    program = tree.root / "build/soft/fw/gen/fw_parallel.c"
    program.write_text(program.read_text().replace("0x", "0x0", 1).replace("0x00", "0x0", 1) + "\n")
    result = tree.maestro("certify", "build/soft/fw")
    assert (result.status, result.err) == (1, "")
    assert "mismatch: gen/fw_parallel.c is not the one that was certified" in result.out
    assert (tree.root / "build/soft/fw/certificate.json").read_bytes() == before


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--solver", "none", "build/soft/fw"]])
def test_usage(firewall: Tree, words: list[str]) -> None:
    assert firewall.maestro("certify", *words).status == 2
