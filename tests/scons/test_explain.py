"""`scons explain`, `maestro explain`: what is asked for, and what comes out."""

from __future__ import annotations

import json
import re

import pytest
from scons_tree import ROOT, Tree


def test_scons_explains_and_draws(tree: Tree) -> None:
    out = tree.built("explain", "nf=nop", "nic=e810").out
    assert "nop on e810: shared-nothing" in out
    assert "\x1b[" not in out
    folder = tree.root / "build" / "explain" / "e810" / "nop"
    assert {"nop-tree.dot", "nop-state.dot"} <= {p.name for p in folder.iterdir()}
    assert str(folder.relative_to(tree.root)) in out
    assert not (tree.root / "build" / "e810").exists()  # nothing is built for it


def test_colours_when_forced(tree: Tree) -> None:
    assert "\x1b[" in tree.scons("explain", "nf=nop", FORCE_COLOR="1").out


@pytest.mark.parametrize(
    "what", [["nfs/nop"], ["nop"], ["nfs/nop/nop_config.c", "nfs/nop/nop_main.c", "--name", "nop"]]
)
def test_what_a_user_may_type(tree: Tree, what: list[str]) -> None:
    result = tree.maestro("explain", *what)
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("nop on soft: shared-nothing")


def test_an_analysis_is_explained_with_its_arguments(firewall: Tree) -> None:
    result = firewall.maestro("explain", "build/analysis/fw/analysis.json", "--nic", "e810+x710")
    assert result.out.startswith("fw on e810+x710: shared-nothing")
    wrong = firewall.maestro("explain", "build/analysis/fw/analysis.json", "--ports", "3")
    assert wrong.status == 1 and "says by itself" in wrong.err


def test_arguments_change_what_is_explained(firewall: Tree) -> None:
    result = firewall.maestro("explain", "fw", "--arg=--wan", "--arg=0")
    assert "config.wan_device = 0" in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope"], "no NF 'nope'"),
        (["nop", "--nic", "x99"], "unknown NIC 'x99'"),
        (["nop", "--tree", "x.txt"], "x.txt: no format of graphs"),
        (["nop", "nop"], "expected one folder, or .c files"),
        (["nope.json"], "cannot read nope.json"),
    ],
)
def test_mistakes(tree: Tree, words: list[str], message: str) -> None:
    result = tree.maestro("explain", *words)
    assert (result.status, message in result.err, result.out) == (1, True, ""), result.err


def test_budgets_are_those_that_are_given(tree: Tree) -> None:
    few = tree.maestro("explain", str(ROOT / "nfs/bridge"), "--limit", "paths=1")
    assert few.status != 0 and "more than 1 call paths" in few.err
    assert "is not NAME=N" in tree.maestro("explain", "nop", "--limit", "lemons=1").err


def test_every_member_of_the_json_is_documented(firewall: Tree) -> None:
    documented = set(re.findall(r"`([\w]+)`", (ROOT / "docs/reports.md").read_text().split("## JSON")[1]))
    data = json.loads(firewall.maestro("explain", "fw", "--json").out)
    assert data["schema"] == "maestro-explain/1"

    def members(value: object) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(members, value))
        if not isinstance(value, dict):
            return set()
        keyed_by_data = {"fields", "index_bits", "balance"}
        return set(value) | set().union(*(members(v) for k, v in value.items() if k not in keyed_by_data))

    assert members(data) - documented == set()
