"""Trees to build in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scons_tree import Tree, make_tree


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree in which only the runtime is built, which takes longest and changes in no test."""
    tree = make_tree(tmp_path_factory.mktemp("template"), "nop")
    tree.built("nf=nop", "build/runtime", "-j2")
    return tree


@pytest.fixture
def tree(template: Tree, tmp_path: Path) -> Tree:
    """nop alone: the quickest to build."""
    return Tree(shutil.copytree(template.root, tmp_path / "tree"))


@pytest.fixture(scope="session")
def firewall(template: Tree, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """fw, built for soft; for tests that change nothing."""
    tree = Tree(shutil.copytree(template.root, tmp_path_factory.mktemp("fw") / "tree"))
    make_tree(tree.root, "fw")
    tree.built("nf=fw", "nic=soft", "-j2")
    return tree
