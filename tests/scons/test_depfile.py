"""What a compiler reads is what its build knows of, or is noted, or is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from scons_tree import Tree

from maestro_tool.scons import depfile

UNIT = "build/soft/nop/gen/nop_main.o"


def test_names_in_rules_of_make() -> None:
    assert depfile.names("a.o: a.c b\\ c.h \\\n d$$.h\\\n /e.h\n") == ["a.c", "b c.h", "d$.h", "/e.h"]
    assert depfile.names("a.o:\n") == []


@pytest.fixture
def compiler(tree: Tree, tmp_path: Path) -> Path:
    """In place of gcc: it reads, for one unit, a header that stands nowhere in it, whose name is in ``more``."""
    script = tmp_path / "gcc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *" -c "*nop_main.c*) exec gcc -include "$(cat {tmp_path}/more)" "$@" ;; esac\nexec gcc "$@"\n'
    )
    script.chmod(0o755)
    tree.edit("SConstruct", '"ar"]', f'"ar"], CC="{script}"')
    return tmp_path


def build(tree: Tree) -> list[str]:
    result = tree.built("nf=nop", UNIT, CCACHE_HEADERS="")
    return [step for step in result.steps if UNIT in step]


def test_a_header_of_others_counts_when_it_was_read(tree: Tree, compiler: Path) -> None:
    header = compiler / "other.h"
    header.write_text("#define OTHER 1\n")
    (compiler / "more").write_text(str(header))
    assert build(tree) == [f"CC {UNIT}"]
    assert build(tree) == []
    header.write_text("#define OTHER 2\n")
    assert build(tree) == [f"CC {UNIT}"]
    assert build(tree) == []
    header.write_text("#define OTHER 1\n")
    assert build(tree) == [f"CC {UNIT}"]  # no copy: whoever has other headers must not get it


def test_a_header_below_the_top_that_nobody_named_is_an_error(tree: Tree, compiler: Path) -> None:
    header = tree.write("hidden/own.h", "#define OWN 1\n")
    (compiler / "more").write_text(str(header))
    result = tree.scons("nf=nop", UNIT, CCACHE_HEADERS="")
    assert result.status == 2 and "nop_main.c: the compiler read hidden/own.h, of which" in result.err
    assert not (tree.root / UNIT).exists()
    assert not list(tree.root.rglob("*.o.d"))


def test_what_units_read_is_known(tree: Tree) -> None:
    """All units of the runtime and of an NF, compiled as users do."""
    tree.built("nf=nop", "-c", "build/runtime")
    tree.built("nf=nop", "build/runtime", UNIT, CCACHE_HEADERS="", MAESTRO_CACHE=str(tree.root / "none"))
    assert not (tree.root / "build/.headers.json").exists()
