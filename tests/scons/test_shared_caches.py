"""Two checkouts in different folders share $MAESTRO_CACHE and SCons' CacheDir: what one made is what the other would."""

from __future__ import annotations

import shutil
from pathlib import Path

import monorepo
from scons_tree import ROOT, Result, Tree, make_tree


def checkout(folder: Path, cache: Path) -> Tree:
    """nop, with a tool of its own as from a virtual environment of its own."""
    tree = make_tree(folder, "nop")
    tool = folder.with_name(f"{folder.name}-venv") / "maestro_tool"
    shutil.copytree(ROOT / "maestro_tool", tool)
    shutil.rmtree(tree.root / "site_scons")
    tree.edit("SConstruct", "DefaultEnvironment(", f'CacheDir("{cache}")\nDefaultEnvironment(')
    tree.edit("SConstruct", '"ar"]', '"ar"], toolpath=[PyPackageDir("maestro_tool.scons.site_tools")]')
    return tree


def build(tree: Tree, cache: Path, *words: str) -> Result:
    tool = tree.root.with_name(f"{tree.root.name}-venv")
    return tree.built("-j2", *words, PYTHONPATH=str(tool), MAESTRO_CACHE=str(cache / "maestro"))


def test_equal_bytes_whoever_made_them(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second = checkout(tmp_path / "one", cache), checkout(tmp_path / "quite/another", cache)
    made = build(first, cache)
    taken = build(second, cache)
    assert "CC build/soft/nop/gen/nop_main.o" in made.steps
    # Nothing is compiled or linked twice; the analysis comes out of the cache of its own.
    assert {step.split()[1] for step in taken.steps} <= {"build/analysis/nop/analysis.json", "build/profiles/soft.json"}
    assert "(cached)" in taken.out or "COPY" in taken.verbs()
    assert monorepo.built(first.root) == monorepo.built(second.root)
    assert build(second, cache).steps == []
    own = tmp_path / "own"
    shutil.rmtree(second.root / "build")
    again = build(second, own, "--cache-disable")
    assert "CC build/soft/nop/gen/nop_main.o" in again.steps and "(cached)" not in again.out
    assert monorepo.built(first.root) == monorepo.built(second.root)
    for name, content in monorepo.built(second.root).items():
        assert str(tmp_path).encode() not in content, name


def test_what_another_made_leaves_nothing_behind(tmp_path: Path) -> None:
    """A cache is asked for what is declared; files of before go, too."""
    cache = tmp_path / "cache"
    tree = checkout(tmp_path / "one", cache)
    target = "build/soft/nop/gen/nop_main.c"
    build(tree, cache, target)
    tree.write("nfs/nop/more.c", "int more(void) { return 0; }\n")
    build(tree, cache, target)
    assert (tree.root / "build/soft/nop/gen/more.c").exists()
    (tree.root / "nfs/nop/more.c").unlink()
    result = build(tree, cache, target)
    assert "GENERATE" not in result.verbs()  # from the cache
    assert not (tree.root / "build/soft/nop/gen/more.c").exists()
