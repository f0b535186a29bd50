"""Trees to build in."""

from __future__ import annotations

from pathlib import Path

import pytest
from scons_tree import Tree, make_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """nop alone: the quickest to build."""
    return make_tree(tmp_path, "nop")


@pytest.fixture(scope="session")
def firewall(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """fw, built for soft; for tests that change nothing."""
    tree = make_tree(tmp_path_factory.mktemp("fw"), "fw")
    tree.built("nf=fw", "nic=soft", "-j2")
    return tree
