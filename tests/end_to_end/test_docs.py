"""The commands that README.md, docs/reports.md and docs/performance.md show, run in their order; links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from scons_tree import ROOT, Tree, make_tree

#: Only shown what they would do: the whole matrix and the benchmark take minutes.
LONG = ("nic=all", "bench")


def commands_of(page: str) -> list[str]:
    text = (ROOT / page).read_text().replace("\\\n", " ")
    lines = re.findall(r"^    ((?:scons|python -m maestro_tool) .*)$", text, re.M)
    return [re.sub(r"\s+", " ", line.split("#")[0]).strip() for line in lines]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return make_tree(tmp_path_factory.mktemp("docs"), "fw", "nop", "pol")


def test_there_are_commands() -> None:
    assert len(commands_of("README.md")) >= 8 and len(commands_of("docs/reports.md")) >= 5
    assert len(commands_of("docs/performance.md")) == 3


def test_readme_commands_in_order(tree: Tree) -> None:
    assert tree.maestro("traffic", "-o", "captures", "--flows", "100", "--packets", "1000").status == 0
    (tree.root / "captures" / "port0.pcap").rename(tree.root / "capture.pcap")  # the user's own
    run_all("README.md", tree)


def test_commands_of_reports(tree: Tree) -> None:
    run_all("docs/reports.md", tree)
    assert (tree.root / "fw-tree.dot").read_text().startswith("digraph")


def test_commands_of_performance(tree: Tree) -> None:
    assert tree.scons("nf=fw").status == 0
    run_all("docs/performance.md", tree)


def run_all(page: str, tree: Tree) -> None:
    for command in commands_of(page):
        words = shlex.split(command)
        if words[0] == "scons":
            dry = ["-n"] if any(w in LONG for w in words) else []
            result = tree.scons(*words[1:], *dry)
        else:
            result = tree.run(*words[2:])
        assert result.status == 0, f"{command}\n{result.out}\n{result.err}"


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name)
def test_named_files_exist(page: Path) -> None:
    for name in re.findall(r"`((?:maestro_tool|nfs|configs|tests|docs)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists(), name
