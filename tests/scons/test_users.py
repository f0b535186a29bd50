"""What users of SCons expect: SConscripts, variant folders, clones, their own flags, Install, -u and -D, patterns.

Compilers are played by a script where it does not matter what they make.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from scons_tree import ROOT, Tree

from maestro_tool.scons import compilation

#: Makes empty objects and programs; else it is gcc.
COMPILER = """\
#!/bin/sh
case " $* " in
  *" -c "* | *" -r "* | *".a "*) while [ $# -gt 0 ]; do case $1 in -o) echo made > "$2"; exit ;; esac; shift; done ;;
esac
exec gcc "$@"
"""
ENVIRONMENT = """\
DefaultEnvironment(tools=[])
env = Environment(
    tools=["gcc", "gnulink", "ar", "maestro"], CC=File("#cc").abspath, OBJCOPY="true", MAESTRO_VERBOSE={verbose}
)
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A folder with a compiler that takes no time, and one NF; one for all tests here, which have an SConstruct each."""
    tree = Tree(tmp_path_factory.mktemp("repository"))
    shutil.copytree(ROOT / "site_scons", tree.root / "site_scons", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "nfs/nop", tree.root / "teams/b/nop")
    tree.write("cc", COMPILER).chmod(0o755)
    return tree


def sconstruct(tree: Tree, text: str, *, verbose: bool = False) -> None:
    tree.write("SConstruct", ENVIRONMENT.format(verbose=verbose) + text)


def commands(out: str, target: str) -> list[str]:
    """Command lines that compile to a file."""
    return [line for line in out.splitlines() if f" -o {target} -c " in line]


# --------------------------------------------------------------------------- SConscripts


def test_sconscripts_and_variant_folders(repository: Tree) -> None:
    """Names are relative to the SConscript; what is built lies in its variant folder; nothing is left to do then."""
    tree = repository
    sconstruct(
        tree,
        "Export('env')\n"
        "SConscript('teams/a/SConscript')\n"
        "for name, copies in (('one', False), ('two', True)):\n"
        "  SConscript('teams/b/SConscript', variant_dir=f'out/{name}', duplicate=copies,\n"
        "             exports={'env': env.Clone(CPPDEFINES=[name.upper()], CPPPATH=['inc'])})\n",
    )
    shutil.copytree(tree.root / "teams/b/nop", tree.root / "teams/a/nf")
    shutil.copy(ROOT / "configs/soft.yaml", tree.root / "teams/a/mine.yaml")
    tree.edit("teams/a/mine.yaml", "name: soft", "name: mine")
    tree.write("teams/a/SConscript",
               "Import('env')\nmade = env.Parallelize('gate', Glob('nf/*.c'), NIC='mine.yaml')\n"
               "Default(env.Install('#dist', made[0]))\n")  # fmt: skip
    tree.write("teams/b/SConscript",
               "Import('env')\n"
               "env.Parallelize('nop', 'out', NIC=['soft', File('#teams/a/mine.yaml')])\n")  # fmt: skip
    tree.write("teams/b/inc/port.h", "#ifdef ONE\n#define OUT 1\n#else\n#define OUT 0\n#endif\n")
    shutil.copytree(tree.root / "teams/b/nop", tree.root / "teams/b/out")
    tree.edit("teams/b/out/nop_main.c", "#include", "#include <port.h>\n#include")
    tree.edit("teams/b/out/nop_main.c", "return device ^ 1", "return OUT")
    result = tree.built(".", "-j2")
    programs = {"build/mine/gate/gate", *(f"out/{v}/{n}/nop/nop" for v in ("one", "two") for n in ("soft", "mine"))}
    assert {s.removeprefix("LINK ") for s in result.steps if s.startswith("LINK")} == programs
    assert (tree.root / "dist/gate").is_file() and not (tree.root / "build/soft").exists()
    verdicts = {v: _verdicts(tree, f"out/{v}/analysis/nop/analysis.json") for v in ("one", "two")}
    assert verdicts == {"one": {1, "drop"}, "two": {0, "drop"}}
    for name in ("one", "two"):
        mirrored = (tree.root / f"out/{name}/soft/nop/gen/nop_main.c").read_text()
        assert '#line 1 "teams/b/out/nop_main.c"' in mirrored
        cells = json.loads((tree.root / f"out/{name}/summary.json").read_text())["cells"]
        assert [(c["nic"], c["status"]) for c in cells] == [("soft", "built"), ("mine", "built")]
    assert tree.built(".").steps == []
    _entries_compile(tree, "out/one", "teams/b/out/nop_main.c", "out/one/soft/nop/gen/nop_parallel.c")
    # From a folder below.
    below = Tree(tree.root / "teams/a")
    tree.write("teams/a/nf/more.c", "int more = 1;\n")
    for option in ("-D", "-U"):
        assert "CC build/mine/gate/gen/more.o" in below.built("-n", option).steps, option
    assert below.scons("-n", "-u").steps == []  # as SCons has it: nothing is built there


def _verdicts(tree: Tree, analysis: str) -> set[Any]:
    paths = json.loads((tree.root / analysis).read_text())["value"][2]["paths"]
    return {path["verdict"] for path in paths}


def _entries_compile(tree: Tree, build: str, *files: str) -> None:
    """What editors are told of these files; kept in builds with nothing to do, written again where it is missing."""
    place = tree.root / build / "compile_commands.json"
    before, time = place.read_text(), place.stat().st_mtime_ns
    entries = {e["file"]: e for e in json.loads(before)}
    assert all((tree.root / file).is_file() for file in entries)
    for file in files:
        words = ["gcc", *entries[file]["arguments"][1:], "-fsyntax-only", "-Werror"]
        done = subprocess.run(words, cwd=entries[file]["directory"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    tree.built(build)
    assert place.stat().st_mtime_ns == time
    place.unlink()
    assert tree.built(build).steps == [] and place.read_text() == before


def test_a_folder_is_an_nf(repository: Tree) -> None:
    """With its nf.yaml; among files it is a mistake of one line."""
    repository.write("teams/b/nop/nf.yaml", "ports: 3\n")
    sconstruct(repository, "env.Parallelize('gate', 'teams/b/nop')\n", verbose=True)
    out = repository.built("-n").out
    assert "analyse --ports 3 " in out and " --name gate " in out and "teams/b/nop/nop_main.c" in out
    for sources in ("['teams/b/nop', 'x.c']", "[Dir('teams/b/nop'), 'x.c']"):
        sconstruct(repository, f"env.Parallelize('gate', {sources})\n")
        result = repository.scons("-n")
        assert result.status == 2 and "teams/b/nop is a folder: give one folder as the NF, or files" in result.err
        assert f'File "{repository.root}/SConstruct", line 5\n' in result.err


# --------------------------------------------------------------------------- environments


def test_environments_with_flags_of_their_own(repository: Tree) -> None:
    """Objects and a runtime for each set of flags, shared where flags are the same; the user's count."""
    sconstruct(
        repository,
        "for name, flags in (('a', '-O2'), ('b', ['-O1', '-march=native']), ('c', '-O2')):\n"
        "  env.Clone(CCFLAGS=flags, UNUSED=name).Parallelize(name, 'teams/b/nop')\n"
        "env.Parallelize('d', 'teams/b/nop')\n"
        "env.Append(CPPDEFINES=['LATER'])\n"
        "env.Parallelize('e', 'teams/b/nop')\n",
        verbose=True,
    )
    out = repository.built("-n").out
    said = {n: commands(out, f"build/soft/{n}/gen/nop_main.o")[0] for n in "abcde"}
    assert "-O3" in said["a"] and said["a"].index("-O3") < said["a"].index("-O2")
    assert said["b"].index("-march=corei7") < said["b"].index("-march=native")
    assert "-DLATER" not in said["d"] and "-DLATER" in said["e"]
    analysed = {
        n: line for n in "abcde" for line in out.splitlines() if f" -o build/analysis/{n}/analysis.json " in line
    }
    for name, flag in (("a", "-O2"), ("b", "-march=native"), ("c", "-O2"), ("e", "-DLATER")):
        assert f"--flag={flag}" in analysed[name] and analysed[name].count(flag) == 1
    runtimes = re.findall(r" -o (build/runtime\S*)/clock\.o -c (.*)", out)
    folders = {("-O2" in f, "-O1" in f, "-DLATER" in f): folder for folder, f in runtimes}
    assert len(runtimes) == len(set(folders.values())) == 4 and folders[True, False, False] == "build/runtime"
    for name, flag in (("a", "-O2"), ("b", "-O1"), ("c", "-O2"), ("d", ""), ("e", "-DLATER")):
        (line,) = [line for line in out.splitlines() if f" -o build/soft/{name}/{name} " in line]
        assert f" {folders[flag == '-O2', flag == '-O1', flag == '-DLATER']}/libmaestro.a" in line


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("CCFLAGS=['-DX']", "build/analysis/nop is asked for twice, with different flags or commands: give the other "
                            "environment a build folder of its own, as env.Clone(MAESTRO_BUILD='build/other')"),
        ("LINKFLAGS=['-s']", "build/soft/nop/plan.json is asked for twice, with different flags or commands"),
        ("CCFLAGS=['-DX'], MAESTRO_BUILD='build/other'", ""),
        ("UNUSED=1", ""),
    ],
)  # fmt: skip
def test_the_same_nf_and_nic_twice(repository: Tree, second: str, message: str) -> None:
    sconstruct(repository, f"for e in (env, env.Clone({second})):\n  e.Parallelize('nop', 'teams/b/nop')\n")
    result = repository.scons("-n")
    assert (result.status, message in result.err) == (2 if message else 0, True), result.err
    linked = [step for step in result.steps if step.startswith("LINK")]
    assert len(linked) == (0 if message else 2 if "BUILD" in second else 1)


def test_a_runtime_of_flags_that_are_gone(repository: Tree) -> None:
    """Goes, too; what is there is what a fresh build would make."""
    both = "for d in {}:\n  env.Clone(CPPDEFINES=[d]).Parallelize('nf' + d, 'teams/b/nop')\n"
    sconstruct(repository, both.format("'AB'"))
    repository.built("build/soft", "-j2")
    assert len(list((repository.root / "build").glob("runtime-*"))) == 1
    sconstruct(repository, both.format("'A'"))
    assert repository.built("build/soft").steps == []
    assert not list((repository.root / "build").glob("runtime-*"))


def test_native_is_the_cpu_of_here() -> None:
    """Objects of another machine are not taken for it."""
    assert compilation.this_cpu(("-O2", "-march=x86-64-v3")) == ""
    here = compilation.this_cpu(("-O2", "-march=native"))
    assert here == compilation.this_cpu(("-mtune=native",)) and len(here) > 64


# --------------------------------------------------------------------------- the command line


def test_patterns_and_flags_on_the_command_line(tree: Tree) -> None:
    for name in ("fw_one", "fw-two", "other"):
        shutil.copytree(tree.root / "nfs/nop", tree.root / "nfs" / name)
    shutil.copytree(tree.root / "nfs/nop", tree.root / "teams/a/gate")

    def programs(*words: str) -> list[str]:
        return sorted(s.removeprefix("LINK build/") for s in tree.built("-n", *words).steps if s.startswith("LINK"))

    assert programs("nf=fw*", "nic=e81?,soft") == [
        f"{nic}/{nf}/{nf}" for nic in ("e810", "soft") for nf in ("fw_one", "fw_two")
    ]
    assert programs("nf=teams/*/*") == ["soft/gate/gate"]
    assert programs("nf=nop", "nic=e81?+s*t,x710") == ["e810+soft/nop/nop", "x710/nop/nop"]
    for word, message in (
        ("nf=x*", "nf=x* fits nothing; known: fw_one, fw_two, nop, other, all"),
        ("nic=x9*", "nic=x9* fits nothing; known: "),
        ("nf=t*/b*", "nf=t*/b* fits no folder with C sources"),
        ("cpu=-O2", "cpu=-O2: expected a CPU as -march= takes it"),
        ("CFLAGS=-DX=$(id)", "the compiler's flag -DX=$(id) is something else to a shell"),
    ):
        result = tree.scons("-n", word)
        assert result.status == 2 and message in result.err, result.err
    out = tree.built("-n", "verbose=1", "nf=nop", "CC=gcc -DCOMPILER", "CFLAGS=-O1 -DFLAG", "cpu=x86-64-v3").out
    for line in (*commands(out, "build/soft/nop/gen/nop_main.o"), *commands(out, "build/runtime/clock.o")):
        assert line.startswith("gcc -DCOMPILER ") and line.index("-O3") < line.index("-O1 -DFLAG")
        assert line.index("-march=corei7") < line.index("-march=x86-64-v3")
    assert "--cc=gcc --flag=-DCOMPILER --flag=-std=gnu11" in out and "--flag=-O1 --flag=-DFLAG" in out


def test_from_a_folder_below(tree: Tree) -> None:
    """-u: the NFs there; -D: all; names of files and folders are relative to it."""
    for name in ("one", "two"):
        shutil.copytree(tree.root / "nfs/nop", tree.root / "nfs" / name)
    shutil.copy(tree.root / "configs/soft.yaml", tree.root / "nfs/one/mine.yaml")

    def programs(where: str, *words: str) -> list[str]:
        steps = Tree(tree.root / where).built("-n", *words).steps
        return sorted(s.removeprefix("LINK build/") for s in steps if s.startswith("LINK"))

    assert programs("nfs/one", "-u") == ["soft/one/one"]
    assert programs("nfs/one", "-U", "nf=two") == ["soft/two/two"]
    assert programs("nfs", "-u") == programs("configs", "-D") == [f"soft/{n}/{n}" for n in ("nop", "one", "two")]
    assert programs("nfs/one", "-D", "nf=.,../two", "nic=mine.yaml") == ["mine/one/one", "mine/two/two"]
    assert programs("nfs/one", "-u", "../../build/soft/two/two", "nf=one") == ["soft/two/two"]
    result = Tree(tree.root / "configs").scons("-n", "-u")
    assert result.status == 2 and "no network function is in configs or around it; scons -D builds all" in result.err


def test_a_trace_from_a_folder_below(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is relative to that folder, too; without trace=, none is written anywhere."""
    monkeypatch.setenv("MAESTRO_TEST_COLD", "1")  # steps run where SCons went to
    below, analysis = Tree(tree.root / "nfs/nop"), "../../build/analysis/nop/analysis.json"
    assert "trace" not in below.built("-u", analysis).err
    below.built("-u", analysis, "trace=times.json")
    assert (below.root / "times.json").is_file()


def test_folders_of_nfs_anywhere(tree: Tree) -> None:
    shutil.copytree(tree.root / "nfs/nop", tree.root / "teams/a/nfs/gate")
    tree.edit("SConstruct", 'nfs="nfs"', 'nfs=["nfs", "teams/*/nfs"]')
    assert {"LINK build/soft/gate/gate", "LINK build/soft/nop/nop"} <= set(tree.built("-n").steps)
    shutil.copytree(tree.root / "nfs/nop", tree.root / "teams/b/nfs/gate")
    result = tree.scons("-n")
    assert result.status == 2 and "teams/a/nfs/gate and teams/b/nfs/gate would both be called gate" in result.err
