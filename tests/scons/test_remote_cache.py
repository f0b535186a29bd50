"""``cache=``: what one of a team has made, another takes; what anybody else says, or no answer, changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import monorepo
import pytest
from SCons.Node.FS import FS
from scons_tree import Tree

from maestro_tool.scons import reuse
from tests.remote_server import serving

TEAM = {"MAESTRO_CACHE_KEY": "0123456789abcdef0123456789abcdef"}


def fresh(template: Tree, folder: Path) -> Tree:
    """A checkout of nop in which only the runtime is built."""
    return Tree(shutil.copytree(template.root, folder))


def of_cell(tree: Tree) -> tuple[dict[str, str], dict[str, int]]:
    """What the one program reused, and how many steps there were."""
    said = json.loads((tree.root / "build/summary.json").read_text())
    return said["cells"][0]["reused"], said["steps"]


@pytest.mark.quick
def test_a_team_builds_once(template: Tree, tmp_path: Path) -> None:
    with serving() as server:
        words = ("nf=nop", f"cache={server.url}")
        first, second = fresh(template, tmp_path / "one"), fresh(template, tmp_path / "quite/another")
        made = first.built(*words, **TEAM)
        assert {"ANALYSE", "GENERATE", "CC", "AR", "LINK"} <= made.verbs() and made.err == ""
        kept = len(server.entries)
        server.asked.clear()
        taken = second.built(*words, "cache_mode=read-only", **TEAM)
        assert taken.verbs() == {"COPY", "LINK"} and taken.err == ""  # linking is faster than fetching a program
        assert taken.out.count("(remote)") == kept - 2  # all but what the copied steps had asked for themselves
        assert {method for method, _ in server.asked} == {"GET"} and len(server.entries) == kept
        reused, steps = of_cell(second)
        assert reused == {"analysis": "remote", "solution": "remote", "generated": "remote", "objects": "remote"}
        assert (steps["ran"], steps["local"]) == (1, 0) and steps["remote"] > 0
        assert monorepo.built(first.root) == monorepo.built(second.root)
        assert os.access(second.root / "build/soft/nop/nop", os.X_OK)
        # Nothing is asked where nothing is to be done, nor for what is here by now.
        server.asked.clear()
        assert second.built(*words, **TEAM).steps == []
        shutil.rmtree(second.root / "build/soft")
        again = second.built(*words, **TEAM)
        assert again.verbs() == {"COPY", "LINK"} and "(remote)" not in again.out and server.asked == []
        # A dry run takes nothing.
        shutil.rmtree(second.root / "build/soft")
        assert "CC" in second.built(*words, "-n", **TEAM).verbs() and server.asked == []
        assert not list((second.root / "build").glob(".waiting-*"))


def test_forged_files_are_made_again(template: Tree, tmp_path: Path) -> None:
    """Of somebody who may write there, and has not the key: as if nothing were there, with one line."""
    with serving() as server:
        words = ("nf=nop", f"cache={server.url}")
        first, second = fresh(template, tmp_path / "one"), fresh(template, tmp_path / "two")
        first.built(*words, **TEAM)
        honest = dict(server.entries)
        content = list(honest.values())
        for path, other in zip(honest, [*content[1:], content[0]], strict=True):
            server.entries[path] = other
        made = second.built(*words, **TEAM)
        assert {"ANALYSE", "GENERATE", "CC", "AR", "LINK"} <= made.verbs()
        assert (
            made.err.count("warning: ") == 1 and "an entry is not used, and made again: its tag is not by" in made.err
        )
        assert monorepo.built(first.root) == monorepo.built(second.root) and server.entries == honest


def test_a_remote_that_is_gone_costs_one_line(tree: Tree) -> None:
    with socket.socket() as taken:  # a port that nobody else gets, and where nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = tree.built("nf=nop", "-j2", f"cache={url}", **TEAM)
    assert result.err == (f"warning: {url}: the remote cache is not asked any more in this build: Connection refused\n")


def test_files_stay_here_and_below_a_limit(tree: Tree) -> None:
    """What was made once is made no more, until it is pruned."""
    main = "nfs/nop/nop_main.c"
    text = (tree.root / main).read_text()
    tree.built("nf=nop")
    tree.write(main, text.replace("device ^ 1", "device"))
    assert "CC" in tree.built("nf=nop").verbs()
    tree.write(main, text)
    back = tree.built("nf=nop")
    assert back.verbs() == {"COPY", "LINK"}
    held = json.loads(tree.maestro("cache", "--json").out)["kinds"]
    assert held["step"]["bytes"] > 100_000
    pruned = json.loads(tree.maestro("cache", "--json", "--prune", "--limit", "100K").out)
    assert sum(k["bytes"] for k in pruned["kinds"].values()) <= 80 * 1024 < pruned["removed"]["bytes"]
    tree.write(main, text.replace("device ^ 1", "device ? 0 : 1"))
    tree.built("nf=nop", MAESTRO_CACHE_LIMIT="50K")
    assert sum(k["bytes"] for k in json.loads(tree.maestro("cache", "--json").out)["kinds"].values()) <= 50 * 1024


@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (["cache=http://127.0.0.1:1"], {}, "entries of others need a team's key (MAESTRO_CACHE_KEY"),
        (["cache=http:///x"], TEAM, "cache=http:///x: the URL names no host"),
        (["cache=shared", "cache_mode=write"], TEAM, "Invalid value for enum variable 'cache_mode': 'write'"),
        (["cluster=host:8786"], {}, "cluster=host:8786: expected the address of a Dask scheduler"),
        ([], {"MAESTRO_CACHE_LIMIT": "5 gigabytes"}, "MAESTRO_CACHE_LIMIT: '5 gigabytes' is no size"),
    ],
)
def test_caches_that_cannot_be(tree: Tree, words: list[str], variables: dict[str, str], message: str) -> None:
    result = tree.scons("nf=nop", *words, **variables)
    assert result.status == 2 and message in result.err and result.steps == []


def test_what_changed_meanwhile_is_not_kept(tmp_path: Path) -> None:
    """An edit while a compiler runs: the object is not one of what its key says."""
    files = FS(str(tmp_path))
    for name in ("edited", "removed", "made", "same"):
        if name != "made":
            (tmp_path / name).write_text("before")
        child = files.File(name)
        child.get_csig()
        assert reuse._is_unchanged(child) == (name != "made")
        if name == "removed":
            (tmp_path / name).unlink()
        elif name != "same":
            (tmp_path / name).write_text("after!")
        assert reuse._is_unchanged(child) == (name == "same"), name
