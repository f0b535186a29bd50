"""Cards: a profile of the user's, different cards on the ports, hand-off, tables for a capture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scons_tree import Tree

from maestro_tool.scons import mistakes

MINE = """\
extends: e810
name: mine
description: a card that this repository does not know
rss:
  tables: {default: 128, choices: [128]}
"""


def plan(tree: Tree, nic: str, nf: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((tree.root / "build" / nic / nf / "plan.json").read_text())
    return value


@pytest.fixture
def own(firewall: Tree, tmp_path: Path) -> Tree:
    return Tree(shutil.copytree(firewall.root, tmp_path / "tree"))


def test_a_card_is_one_file_outside_the_repository(tree: Tree, tmp_path: Path) -> None:
    card = tmp_path / "cards" / "mine.yaml"
    card.parent.mkdir()
    card.write_text(MINE)
    result = tree.built("nf=nop", f"nic={card}")
    assert "nop for mine: shared-nothing" in result.out and (tree.root / "build/mine/nop/nop").is_file()
    found = plan(tree, "mine", "nop")
    assert (found["nic"], found["ports"][0]["table_size"]) == ("mine", 128)
    card.write_text(MINE.replace("128", "64"))
    assert "GENERATE" in tree.built("nf=nop", f"nic={card}").verbs()
    assert plan(tree, "mine", "nop")["ports"][0]["table_size"] == 64
    card.write_text(MINE.replace("tables", "tabels"))
    wrong = tree.scons("nf=nop", f"nic={card}")
    assert wrong.status != 0 and "mine.yaml:5:" in wrong.err and "did you mean tables?" in wrong.err
    missing = tree.scons("nf=nop", "nic=absent.yaml")
    assert missing.status != 0 and "nic=absent.yaml: no such file" in missing.err


def test_different_cards_on_the_ports_and_hand_off(own: Tree) -> None:
    result = own.built("nf=fw", "nic=xl710+x540,ena", "-j2")  # aliases: the folder has the names
    ports = plan(own, "x710+82599", "fw")["ports"]
    assert [(p["nic"], p["key_length"], p["table_size"]) for p in ports] == [("x710", 52, 128), ("82599", 40, 128)]
    assert "fw for ena: handoff" in result.out and "ena does not always take a key of ours" in result.out
    for nic, message in (("x710+nothing", "unknown nic=nothing"), ("soft+soft+soft", "names 3 cards")):
        wrong = own.scons("nf=fw", f"nic={nic}")
        assert wrong.status != 0 and message in wrong.err + wrong.out
    refused = own.scons("nf=fw", "nic=ena", "strategy=shared-nothing")
    assert refused.status != 0 and "strategy=shared-nothing is not possible" in refused.err


def test_tables_for_a_capture(own: Tree) -> None:
    options = ("--flows", "200", "--packets", "3000", "--distribution", "zipf")
    assert own.maestro("traffic", "-o", "mine", *options).status == 0
    assert plan(own, "soft", "fw")["traffic"] is None
    result = own.built("nf=fw", "nic=soft", "traffic=mine")
    assert "tables for mine (3000 packets), max/mean load" in result.out
    traffic = plan(own, "soft", "fw")["traffic"]
    assert traffic["packets"] == 3000 and traffic["after"]["8"] < traffic["before"]["8"]
    ran = own.built("nf=fw", "nic=soft", "traffic=mine", "workers=3", "run")
    assert "GENERATE" not in ran.verbs()
    # The program that runs has the table that the tool shows.
    shown = json.loads(own.maestro("table", "build/soft/fw/plan.json", "--workers", "3", "--json").out)
    table = shown["ports"][0]["table"]
    owned = [sum(w for w, owner in zip(traffic["weights"], table, strict=True) if owner == n) for n in range(3)]
    words = ("run", "build/soft/fw/fw", "--in", "mine", "--out", "sent", "--workers", "3", "--json")
    counters = json.loads(own.maestro(*words).out)
    assert [w["processed"] for w in counters["workers"]] == owned
    assert own.maestro("traffic", "-o", "mine", *options, "--seed", "5").status == 0
    assert "GENERATE" in own.built("nf=fw", "nic=soft", "traffic=mine").verbs()
    wrong = own.scons("nf=fw", "traffic=absent")
    assert wrong.status != 0 and "traffic=absent: no such capture or folder" in wrong.err


def test_a_wrong_profile_is_told_before_anything_is_analysed(tree: Tree) -> None:
    tree.write("configs/wrong.yaml", MINE.replace("mine", "wrong").replace("default: 128", "default: few"))
    failed = tree.scons("nf=nop", "nic=soft,wrong")
    assert failed.status == 2 and "ANALYSE" not in failed.verbs()
    assert "configs/wrong.yaml:5:" in failed.err and failed.err.count("error:") == 1
    assert "  build/profiles/wrong.json: maestro profile failed; its message is above" in failed.out
    cells = {c["nic"]: c for c in json.loads((tree.root / "build/summary.json").read_text())["cells"]}
    assert cells["wrong"]["status"] == "failed" and "configs/wrong.yaml:5:" in cells["wrong"]["error"]
    # Others go on with -k.
    assert tree.scons("-k", "nf=nop", "nic=soft,wrong").status == 2
    cells = {c["nic"]: c["status"] for c in json.loads((tree.root / "build/summary.json").read_text())["cells"]}
    assert cells == {"soft": "built", "wrong": "failed"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (-9, "maestro analyse was ended by SIGKILL: is there enough memory? fewer steps at once need less: -j"),
        (137, "maestro analyse was ended by SIGKILL: is there enough memory? fewer steps at once need less: -j"),
        (-11, "maestro analyse was ended by SIGSEGV"),
        (1, "maestro analyse failed; its message is above"),
    ],
)
def test_steps_that_a_signal_ended(status: int, said: str) -> None:
    words = ["python", "-P", "-m", "maestro_tool analyse", "x.c"]
    assert mistakes.reason(SimpleNamespace(command=words, status=status, errstr=f"Error {status}")) == said
