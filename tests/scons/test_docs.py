"""What is documented is what there is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scons_tree import ROOT, Tree

from maestro_tool.scons import variables

#: Members whose keys are data: packet classes, fields, numbers of workers.
_KEYED_BY_DATA = {"hashed", "steering", "field_ranks", "uniform", "/16", "/24", "ports", "zipf", "before", "after"}


def _members(value: Any, section: str, sections: set[str]) -> Iterator[tuple[str, str]]:
    """(section of docs/plan-json.md, member) of all objects in ``value``."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        for name, member in item.items():
            yield section, name
            if name not in _KEYED_BY_DATA or isinstance(member, list):
                yield from _members(member, name if name in sections else section, sections)


def test_every_member_of_a_plan_is_documented(firewall: Tree, tmp_path: Path) -> None:
    text = (ROOT / "docs/plan-json.md").read_text()
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    documented = {part.split("\n", 1)[0]: set(re.findall(r"`([\w/]+)`", part)) for part in parts}
    documented["plan"] = set(re.findall(r"`([\w/]+)`", text.split("\n## ", 1)[0]))
    tree = Tree(shutil.copytree(firewall.root, tmp_path / "tree"))
    assert tree.maestro("traffic", "-o", "captures", "--flows", "20", "--packets", "100").status == 0
    words = ["build/analysis/fw/analysis.json", "--name", "fw", "--traffic", "captures"]
    found = set[tuple[str, str]]()
    for nic in ("soft", "e810", "ena"):
        made = tree.maestro("generate", *words, "--nic", nic, "-o", f"out/{nic}")
        assert made.status == 0, made.err
        plan = json.loads((tree.root / f"out/{nic}/plan.json").read_text())
        found |= set(_members(plan, "plan", set(documented)))
    assert {("plan", "n_ports"), ("constraints", "equal"), ("ports", "linear"), ("traffic", "heaviest")} <= found
    assert sorted(f for f in found if f[1] not in documented[f[0]]) == []


def test_options_of_commands_are_documented_and_exist(tree: Tree) -> None:
    """docs/build.md, "The commands": the options of each line are those that the command has."""
    lines = re.findall(r"^    maestro (\w+) (.*)$", (ROOT / "docs/build.md").read_text(), re.MULTILINE)
    assert {"analyse", "explain", "queue"} <= {name for name, _ in lines}
    for name, rest in lines:
        if "|" in rest and "--" not in rest.split("|")[1]:
            continue  # names of several commands
        there = set(re.findall(r"(--[a-z][\w-]*|(?<![\w-])-o)\b", tree.maestro(name, "--help").out))
        shown = set(re.findall(r"(--[a-z][\w-]*|(?<![\w-])-o)\b", rest))
        assert shown <= there, (name, shown - there)


def test_variables_and_strategies_are_documented(tree: Tree) -> None:
    text = (ROOT / "docs/build.md").read_text()
    shown = re.findall(r"^(\w+): ", tree.built("-h").out, re.MULTILINE)
    assert {"nf", "nic", "full_hash"} <= set(shown)
    assert [name for name in shown if f"| `{name}` |" not in text] == []
    assert [name for name in variables.STRATEGIES if f"`{name}`" not in text] == []
