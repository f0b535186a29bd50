"""The SCons tool in a repository of somebody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from SCons.Node import executed, no_state
from scons_tree import Tree, make_tree

from maestro_tool.scons import cells, summary

HEAD = """\
DefaultEnvironment(tools=[])
SConsignFile("build/.sconsign")
env = Environment(tools=["gcc", "gnulink", "ar", "maestro"])
"""


def sconstruct(tree: Tree, *lines: str) -> None:
    tree.write("SConstruct", HEAD + "".join(f"{line}\n" for line in lines))


def test_programs_and_runs_in_one_sconstruct(tree: Tree) -> None:
    sconstruct(
        tree,
        'Default(env.Parallelize("nop"))',
        'env.Parallelize("nop", NIC="e810")',
        'Alias("run", [env.Replay("nop", WORKERS=2), env.Replay("nop", TRAFFIC="")])',
        'env.SequentialNF("nop")',
        'env.SequentialNF("nop")',
    )
    dry = tree.built("-n", "build", "run")
    assert dry.err == "" and dry.steps.count("ANALYSE build/analysis/nop/analysis.json") == 1
    result = tree.built("-j2")
    assert result.err == "" and "\nnop for soft: shared-nothing\n" in result.out
    assert "nop for e810" not in result.out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('Parallelize("lb", [])', "the NF lb has no sources"),
        ('Parallelize("lb", Glob("lb/*.c"))', "the NF lb has no sources"),
        ('SequentialNF("lb", [])', "the NF lb has no sources"),
        ('Parallelize("nop", PORTS="two")', "PORTS=two: expected a number from 1 to 32"),
        ('SequentialNF("nop", PORTS=0)', "PORTS=0: expected a number"),
        ('Parallelize("nop", STRATEGY="zz")', "unknown strategy=zz; known: auto, shared-nothing"),
        ('Replay("nop", STRATEGY="zz")', "unknown strategy=zz"),
        ('Parallelize("nop", PORT=3)', "unknown argument for the NF nop: PORT"),
        ('Parallelize("nop") + env.Parallelize("nop", PORTS=3)', "asked for twice, with different sources or arg"),
        ('Parallelize("nop") + env.Parallelize("nop", FULL_HASH=True)', "build/soft/nop/plan.json is asked for twice"),
        ('Parallelize("nop") + env.Parallelize("nop", OPTIMISE="none")', "build/soft/nop/plan.json is asked for twice"),
        ('SequentialNF("nop", OPTIMISE="much")', "unknown optimise=much; known: full, none"),
    ],
)
def test_mistakes_name_the_line_of_the_sconstruct(tree: Tree, call: str, message: str) -> None:
    sconstruct(tree, f"env.{call}")
    result = tree.scons()
    assert result.status == 2 and message in result.err
    assert f'File "{tree.root}/SConstruct", line 4\n' in result.err and "maestro_tool" not in result.err


class _Node:
    """What the summary asks of a node."""

    def __init__(self, path: Path, state: int) -> None:
        self.path, self.state = path, state

    def __str__(self) -> str:
        return str(self.path)

    def get_state(self) -> int:
        return self.state


def test_notes_are_shown(tmp_path: Path) -> None:
    notes = [{"location": f"fw.c:{n}", "text": "sum of two keys"} for n in range(1, 8)]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"constraints": [], "strategy": "shared-nothing", "notes": notes}))

    def lines(state: int) -> list[str]:
        product = cells.Product("fw", "soft", _Node(plan, state), _Node(tmp_path / "fw", state))
        return list(summary._describe(product, {}))

    assert [line for line in lines(executed) if "note:" in line] == [
        *(f"  note: fw.c:{n}: sum of two keys" for n in range(1, 6)),
        f"  note: 2 more in {plan}",
    ]
    assert lines(no_state) == []


#: Packages that take long to import: steps need them, reading an SConstruct and finding that nothing is to be done do not.
LARGE = {
    "z3",
    "pydantic",
    "pydantic_core",
    "jinja2",
    "pycparser",
    "numpy",
    "rich",
    "dpkt",
    "distributed",
    "fsspec",
    "yaml",
}


@pytest.mark.parametrize("built", [False, True])
def test_a_start_imports_nothing_large(tree: Tree, firewall: Tree, built: bool) -> None:
    words = ("nf=fw", "nic=soft" if built else "nic=e810")
    where = firewall if built else make_tree(tree.root, "fw")
    result = where.built("-n", *words, PYTHONPROFILEIMPORTTIME="1")
    assert bool(result.steps) == (not built)
    imported = {line.rpartition("|")[2].strip() for line in result.err.splitlines() if line.startswith("import time:")}
    assert {"SCons.Script", "maestro_tool.scons.parallelize"} <= imported
    assert {name for name in imported if name.partition(".")[0] in LARGE} == set()
