"""After any edits, a build leaves what a fresh build makes, or refuses as it does."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import monorepo
import pytest
from scons_tree import ROOT, Result, Tree

#: Edits after which all was refused, before one starts from what was built last.
MOST_REFUSED = 6


def repository(folder: Path) -> Tree:
    """With a tool of its own; bytecode is copied and no more is written, as edits within a second might not replace it."""
    folder.mkdir()
    shutil.copytree(ROOT / "maestro_tool", folder / "maestro_tool")
    shutil.copytree(ROOT / "site_scons", folder / "site_scons", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "maestro_tool/configs").mkdir()  # where a wheel has them
    shutil.copy(ROOT / "configs/soft.yaml", folder / "maestro_tool/configs")
    return Tree(folder)


def build(tree: Tree, state: monorepo.State, target: str) -> Result:
    """Of NF `one` and `two`, as far as ``target`` says; if that is "", their programs."""
    nic = state.words[0].removeprefix("nic=")
    targets = [f"build/{nic}/{nf}/{target}" for nf in monorepo.NFS if target]
    environment = {
        "PYTHONPATH": str(tree.root),
        "PKG_CONFIG_PATH": str(tree.root / "dpdk"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return tree.scons("-k", *state.words, *targets, **environment)


def errors(result: Result) -> list[str]:
    """What was refused and why; files in the order of no importance."""
    return sorted(line for line in (result.err + result.out).splitlines() if "error" in line.lower() or "***" in line)


@dataclass(frozen=True)
class Outcome:
    """What a build said and left; ``made`` is empty where it refused."""

    status: int
    errors: list[str]
    made: dict[str, bytes]


def outcome(tree: Tree, state: monorepo.State, target: str) -> Outcome:
    result = build(tree, state, target)
    nic = state.words[0].removeprefix("nic=")
    made = monorepo.built(tree.root) if result.status == 0 else {}
    # Folders of what is not asked for stay as they are.
    asked = {name: content for name, content in made.items() if name.startswith((f"{nic}/", "analysis/"))}
    return Outcome(result.status, errors(result), asked)


def compare(tmp_path: Path, seed: int, edits: int, target: str) -> None:
    """Build after each of random edits, and in a new folder."""
    chance = random.Random(seed)
    tree, fresh = repository(tmp_path / "incremental"), tmp_path / "fresh"
    states = [monorepo.first_state()]
    monorepo.start_history(tree.root)
    known: list[tuple[monorepo.State, Outcome]] = []
    written: dict[str, str] = {}
    good, refused = states[0], 0
    for number in range(edits):
        # What is refused for long is undone, as people do: builds that make something tell more.
        last = good if refused >= MOST_REFUSED else states[-1]
        state = states[-1] if number == 0 else monorepo.edit(states, last, chance)
        before, written = written, dict(state.files)
        if (branch := next((i for i, s in enumerate(states[1:]) if s is state), None)) is not None:
            monorepo.check_out(state, tree.root, f"edit-{branch}")
        else:
            monorepo.write(state, tree.root, before)
        monorepo.commit(state, tree.root, f"edit-{number}")
        states.append(state)
        found = outcome(tree, state, target)
        if not target and found.status == 0:
            assert build(tree, state, target).steps == []
        expected = next((o for s, o in known if s == state), None)
        if expected is None:
            other = repository(fresh)
            monorepo.write(state, other.root, {})
            expected = outcome(other, state, target)
            known.append((state, expected))
            shutil.rmtree(fresh)
        told = f"seed {seed}, edit {number}: {changes(before, written)} {state.words}"
        assert (found.status, found.errors) == (expected.status, expected.errors), told
        assert sorted(found.made) == sorted(expected.made), told
        assert [n for n in found.made if found.made[n] != expected.made[n]] == [], told
        good, refused = (state, 0) if found.status == 0 else (good, refused + 1)
    assert known[0][1].status == 0 and sum(o.status == 0 for _, o in known) >= len(known) // 5


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(p for p in {*before, *after} if before.get(p) != after.get(p))


def test_random_edits(tmp_path: Path) -> None:
    compare(tmp_path, seed=11, edits=5, target="gen")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_many_random_edits(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, edits=60, target="gen")


def test_random_edits_where_all_may_be_up_to_date(tmp_path: Path) -> None:
    """Without targets, a build does not look at what it knows to be unchanged."""
    compare(tmp_path, seed=5, edits=5, target="")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 106))
def test_many_random_edits_where_all_may_be_up_to_date(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, edits=60, target="")
