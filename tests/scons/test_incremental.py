"""What a build after an edit leaves is what a fresh build makes: each case was wrong once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import monorepo
import pytest
from scons_tree import ROOT, Tree, make_tree

MAIN = "nfs/nop/nop_main.c"
#: Generated files and their objects: all but what is linked.
GEN = "build/soft/nop/gen"


def as_fresh(tree: Tree) -> None:
    """What stands in the tree is what would be made if nothing of it were there."""
    before = monorepo.built(tree.root)
    for folder in ("analysis", "soft", "cache"):
        shutil.rmtree(tree.root / "build" / folder, ignore_errors=True)
    tree.built(GEN)
    after = monorepo.built(tree.root)
    assert sorted(before) == sorted(after)
    assert [name for name in after if before[name] != after[name]] == []


# --------------------------------------------------------------------------- what is no longer declared


def test_a_header_that_no_longer_hides_another_is_not_compiled(tree: Tree) -> None:
    tree.edit("SConstruct", 'tools=["gcc", "gnulink", "ar"]', 'tools=["gcc", "gnulink", "ar"], CPPPATH=["common"]')
    tree.write("common/shared.h", "#define SWAP 1\n")
    tree.edit(MAIN, "return device ^ 1", "return device ^ SWAP")
    tree.edit(MAIN, "#include", '#include "shared.h"\n#include')
    tree.write("nfs/nop/shared.h", "#define SWAP 0\n")
    tree.built(GEN)
    assert (tree.root / "build/soft/nop/gen/shared.h").exists()
    (tree.root / "nfs/nop/shared.h").unlink()
    result = tree.built(GEN)
    assert "CC build/soft/nop/gen/nop_main.o" in result.steps
    assert not (tree.root / "build/soft/nop/gen/shared.h").exists()
    as_fresh(tree)


def test_files_of_a_deleted_source_go(tree: Tree) -> None:
    tree.write("nfs/nop/deep/more.c", "int nop_more(void) { return 1; }\n")
    tree.built(GEN)
    assert {"soft/nop/gen/deep/more.c", "soft/nop/gen/deep/more.o"} <= tree.targets()
    shutil.rmtree(tree.root / "nfs/nop/deep")
    tree.built(GEN)
    assert not (tree.root / "build/soft/nop/gen/deep").exists()
    as_fresh(tree)


def test_folders_hold_what_is_declared_also_when_nothing_is_to_be_done(tree: Tree, tmp_path: Path) -> None:
    tree.built(GEN)
    strays = ["soft/nop/gen/stray.h", "soft/nop/gen/.nop.c.x1y2", "soft/nop/report.json", "analysis/nop/more.json",
              "runtime/old.o"]  # fmt: skip
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("")
    (tree.root / "build/soft/nop/gen/elsewhere").symlink_to(tmp_path / "kept")
    for name in strays:
        tree.write(f"build/{name}", "")
    assert tree.built("-n", GEN).steps == [] and (tree.root / "build" / strays[0]).exists()  # -n removes nothing
    assert tree.built(GEN).steps == []
    assert not any((tree.root / "build" / name).exists() for name in strays)
    assert not (tree.root / "build/soft/nop/gen/elsewhere").is_symlink() and (tmp_path / "kept/file").exists()


def test_only_gen_is_swept_where_sources_are(tree: Tree) -> None:
    """A build folder may be the folder of everything."""
    tree.write(
        "SConstruct",
        'env = Environment(tools=["gcc", "gnulink", "ar", "maestro"], MAESTRO_BUILD=".")\nenv.Parallelize("nop")\n',
    )
    kept = [tree.write(name, "") for name in ("soft/nop/notes.txt", "runtime/mine.c", "analysis/nop/why.md")]
    stray = tree.write("soft/nop/gen/stray.h", "")
    tree.built("./analysis")
    assert all(path.exists() for path in kept) and not stray.exists()


def test_what_was_changed_by_hand_is_made_again(tree: Tree) -> None:
    tree.built("-j2")
    was = monorepo.built(tree.root)
    for name in ("soft/nop/gen/nop_main.c", "soft/nop/gen/nop_main.o", "soft/nop/nop", "soft/nop/plan.json",
                 "analysis/nop/analysis.json", "runtime/clock.o"):  # fmt: skip
        path = tree.root / "build" / name
        path.write_bytes(path.read_bytes()[:-1] + b"#")
    tree.built("-j2")
    assert monorepo.built(tree.root) == was


# --------------------------------------------------------------------------- what a build cannot know beforehand


@pytest.fixture
def reader(tree: Tree) -> Tree:
    """nop, with a set-up that reads a file if it is there."""
    tree.edit(MAIN, "return device ^ 1", "return device ^ flip")
    tree.edit(
        MAIN,
        "bool nf_init",
        "static int flip = 1;\nstatic void configure(void) {\n"
        '  FILE *f = fopen("flip.cfg", "r");\n  if (f == NULL) return;\n  flip = fgetc(f) - 48;\n  fclose(f);\n}\n'
        "bool nf_init",
    )
    text = (tree.root / MAIN).read_text()
    start = text.index("{", text.index("bool nf_init")) + 1
    tree.write(MAIN, f"#include <stdio.h>\n{text[:start]}\n  configure();\n{text[start:]}")
    return tree


def test_files_that_set_up_reads_if_they_exist(reader: Tree) -> None:
    assert reader.built(GEN).steps
    config = reader.write("flip.cfg", "1")
    assert "ANALYSE build/analysis/nop/analysis.json" in reader.scons("-n", GEN).steps
    assert "ANALYSE build/analysis/nop/analysis.json" in reader.built(GEN).steps
    assert reader.built(GEN).steps == []
    config.write_text("0")
    assert "CC build/soft/nop/gen/nop_parallel.o" in reader.built(GEN).steps
    config.unlink()
    assert "ANALYSE build/analysis/nop/analysis.json" in reader.built(GEN).steps
    as_fresh(reader)


def test_headers_whose_names_macros_make(tree: Tree) -> None:
    tree.write("common/shared.h", "#define SWAP 1\n")
    tree.edit(MAIN, "return device ^ 1", "return device ^ SWAP")
    tree.edit(MAIN, "#include", '#define SHARED "shared.h"\n#include SHARED\n#include')
    tree.edit("SConstruct", '"ar"]', '"ar"], CPPPATH=["first", "common"]')
    tree.built(GEN)
    assert tree.built(GEN).steps == []
    tree.write("common/shared.h", "// 1\n#define SWAP 1\n")
    moved = tree.built(GEN)
    assert {"ANALYSE build/analysis/nop/analysis.json", "CC build/soft/nop/gen/nop_main.o"} <= set(moved.steps)
    # A place that is searched before.
    tree.write("first/shared.h", "#define SWAP 0\n")
    assert "CC build/soft/nop/gen/nop_main.o" in tree.built(GEN).steps
    as_fresh(tree)
    shutil.rmtree(tree.root / "first")
    assert "CC build/soft/nop/gen/nop_main.o" in tree.built(GEN).steps


def test_sequential_programs_too(tree: Tree) -> None:
    tree.edit("SConstruct", '"ar"]', '"ar"], CPPPATH=["common"]')
    tree.write("common/shared.h", "#define SWAP 1\n")
    tree.edit(MAIN, "return device ^ 1", "return device ^ SWAP")
    tree.edit(MAIN, "#include", '#define SHARED "shared.h"\n#include SHARED\n#include')
    target = "build/sequential/nop/gen"
    tree.built(target)
    assert tree.built(target).steps == []
    tree.write("common/shared.h", "#define SWAP 0\n")
    stray = tree.write("build/sequential/nop/gen/stray.h", "")
    assert "CC build/sequential/nop/gen/nop_main.o" in tree.built(target).steps
    assert not stray.exists()


# --------------------------------------------------------------------------- compiler, DPDK and tool


@pytest.fixture
def dpdk(tmp_path: Path) -> Path:
    """A folder for PKG_CONFIG_PATH: the installed DPDK, with a header of its own in front."""
    header = tmp_path / "dpdk/include/rte_ether.h"
    header.parent.mkdir(parents=True)
    header.write_text("#include_next <rte_ether.h>\n")
    describe(tmp_path / "dpdk", "22.11.11")
    return tmp_path / "dpdk"


def describe(prefix: Path, version: str) -> None:
    from maestro_tool import dpdk

    found = dpdk.find()
    flags = [f"-I{prefix}/include", *(f"-I{d}" for d in found.include_dirs), *found.cflags]
    text = f"Name: DPDK\nDescription: d\nVersion: {version}\nCflags: {' '.join(flags)}\nLibs: {' '.join(found.libs)}\n"
    (prefix / "libdpdk.pc").write_text(text)


@pytest.mark.parametrize("how", ["version", "content", "new header"])
def test_a_macro_that_an_upgraded_dpdk_defines(tree: Tree, dpdk: Path, how: str) -> None:
    """A fresh build refuses; so must one that has all files of before, whether or not the version says something."""
    tree.edit(MAIN, "return device ^ 1", "\n#ifdef RTE_FANCY\n  return device;\n#else\n  return device ^ 1;\n#endif\n")
    text = (tree.root / MAIN).read_text().replace("#endif\n;", "#endif\n")
    tree.write(MAIN, text)
    tree.built("build/analysis", PKG_CONFIG_PATH=str(dpdk))
    if how == "new header":
        (dpdk / "include/rte_mbuf.h").write_text("#define RTE_FANCY 1\n#include_next <rte_mbuf.h>\n")
    else:
        (dpdk / "include/rte_ether.h").write_text("#define RTE_FANCY 1\n#include_next <rte_ether.h>\n")
    if how == "version":
        describe(dpdk, "22.11.12")
    result = tree.scons("build/analysis", PKG_CONFIG_PATH=str(dpdk))
    assert result.status == 2 and "a condition on 'RTE_FANCY' differs in the compiled program" in result.err


@pytest.mark.parametrize("place", ["elsewhere", "here"])
def test_a_compiler_in_the_same_place(tree: Tree, tmp_path: Path, place: str) -> None:
    """A wrapper's text changes, or a header that the compiler brings along: all is compiled again."""
    wrapper = (tmp_path if place == "elsewhere" else tree.root) / "cc"
    wrapper.write_text('#!/bin/sh\nexec gcc "$@"\n')
    wrapper.chmod(0o755)
    name = str(wrapper) if place == "elsewhere" else "./cc"
    tree.edit("SConstruct", '"ar"]', f'"ar"], CC="{name}"')
    tree.built("build/runtime/clock.o", "build/analysis")
    assert tree.built("build/runtime/clock.o", "build/analysis").steps == []
    wrapper.write_text('#!/bin/sh\n# another\nexec gcc "$@"\n')
    assert tree.built("build/runtime/clock.o", "build/analysis").verbs() == {"CC", "ANALYSE"}
    assert tree.built("build/runtime/clock.o", "build/analysis", SOURCE_DATE_EPOCH="1").steps == []  # not handed on


@pytest.fixture(scope="module")
def own_tool(template: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A tree with a copy of the tool, built."""
    folder = tmp_path_factory.mktemp("tool")
    tree = make_tree(folder, "nop")
    shutil.copytree(ROOT / "maestro_tool", folder / "maestro_tool")
    tree.built("build/soft/nop/plan.json", PYTHONPATH=str(folder))
    yield tree


def test_files_of_the_tool(own_tool: Tree) -> None:
    """Of some of each kind; which files a step can reach is tested by itself (tests/unit/test_fingerprint.py)."""
    environment = {"PYTHONPATH": str(own_tool.root)}
    for name in (
        "frontend/key_functions.py", "own_files.py", "cli/build.py", "profiles.py", "codegen/templates/main.c.j2",
        "frontend/headers/stdlib.h", "runtime/include/nf-util.h",
    ):  # fmt: skip
        path = own_tool.root / "maestro_tool" / name
        before = path.read_text()
        path.write_text(before + {".py": "# edited\n", ".j2": "{# edited #}\n", ".h": "/* edited */\n"}[path.suffix])
        dry = own_tool.scons("-n", "build/soft/nop/plan.json", **environment)
        assert dry.verbs() == {"ANALYSE", "GENERATE"}, (name, dry.out)
        path.write_text(before)
    assert own_tool.scons("-n", "build/soft/nop/plan.json", **environment).steps == []


def test_contents_cut_off_what_follows_an_edit_of_the_tool(own_tool: Tree) -> None:
    environment = {"PYTHONPATH": str(own_tool.root)}
    own_tool.built("build/soft/nop/gen", **environment)
    path = own_tool.root / "maestro_tool/profiles.py"
    path.write_text(path.read_text() + "# edited\n")
    assert own_tool.built("build/soft/nop/gen", **environment).verbs() == {"ANALYSE", "GENERATE"}


#: What the tool says to the compiler, and to its own commands: text in it, and another.
OPTIONS = (
    ("scons/environment.py", '"-ffile-prefix-map="', '"-fdebug-prefix-map="', "CC"),
    ("scons/environment.py", '("-isystem", words', '("-idirafter", words', "CC"),
    ("scons/environment.py", "cc.Dir(str(runtime.INCLUDE)), cc.Dir(str(runtime.INCLUDE / \"lib\"))",
     "cc.Dir(str(runtime.INCLUDE / \"lib\")), cc.Dir(str(runtime.INCLUDE))", "CC"),
    ("scons/environment.py", '"-O3", ', '"-O2", ', "CC"),
    ("scons/builders.py", " -P -m maestro_tool", " -B -P -m maestro_tool", "ANALYSE"),
    ("scons/parallelize.py", '"--headers"', '"--header"', "ANALYSE"),
    ("scons/parallelize.py", 'places("--nic"', 'places("--nics"', "GENERATE"),
)  # fmt: skip


def test_options_of_the_tool_count(own_tool: Tree) -> None:
    """Also those that name a place, which does not count itself."""
    # Python takes a compiled file for that of a text with the same size, of the same second.
    environment = {"PYTHONPATH": str(own_tool.root), "PYTHONDONTWRITEBYTECODE": "1"}
    targets = ("build/runtime/clock.o", "build/soft/nop/plan.json")
    own_tool.built(*targets, **environment)
    for name, old, new, verb in OPTIONS:
        path = own_tool.root / "maestro_tool" / name
        before = path.read_text()
        assert before.count(old) == 1, old
        path.write_text(before.replace(old, new))
        assert verb in own_tool.scons("-n", *targets, **environment).verbs(), (name, new)
        path.write_text(before)
    assert own_tool.scons("-n", *targets, **environment).steps == []


def test_only_what_runs_and_what_is_read_is_unsigned() -> None:
    """Between $( and $), SCons sees nothing: options that stand there could change, and nothing would be made again."""
    texts = [path.read_text() for path in (ROOT / "maestro_tool/scons").glob("*.py")]
    found = {name for text in texts for name in re.findall(r"\$\( (.*?) \$\)", text)}
    assert found == {"$MAESTRO_PYTHON", "$MAESTRO_READS", "$SOURCES", "..."}  # the last is of a comment
