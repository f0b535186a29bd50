"""Nothing runs in vain: after each kind of change, exactly these steps."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import monorepo
import pytest
from scons_tree import ROOT, Result, Tree

from maestro_tool import dpdk
from maestro_tool.scons import reuse
from tests import compiling
from tests.quick import others_long

MAIN, CONFIG = "nfs/nop/nop_main.c", "nfs/nop/nop_config.c"
#: Objects of nop; the first two have its name in them.
UNITS = ("nop_parallel", "main_nop", "nop_main", "nop_config")


@pytest.fixture(scope="module")
def once(template: Tree, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(shutil.copytree(template.root, tmp_path_factory.mktemp("vain") / "tree"))
    tree.built("nf=nop", "-j2")
    return tree


@pytest.fixture
def built(once: Tree, tmp_path: Path) -> Tree:
    return Tree(shutil.copytree(once.root, tmp_path / "tree", symlinks=True))


def steps(result: Result, nic: str = "soft", nf: str = "nop") -> dict[str, set[str]]:
    """Targets by verb, below the program's folder; of analyses and plans, "cached" or "new"."""
    found: dict[str, set[str]] = {}
    for line in result.out.splitlines():
        if match := re.match(r"(ANALYSE|GENERATE|COPY|CC|AR|RANLIB|LINK) +(\S+)(.*)", line):
            verb, target, said = match.groups()
            if said:
                target = "cached" if re.search(r"(symex|rss) [0-9]+ ms \(cached\)", said) else "new"
            found.setdefault(verb, set()).add(target.removeprefix(f"build/{nic}/{nf}/"))
    return found


def compiled(*units: str) -> set[str]:
    return {f"gen/{unit}.o" for unit in units}


#: What is changed: file, text, another, and the unit that is compiled.
ALIKE = {
    "comment": (MAIN, "return device", "/* ! */ return device", "nop_main"),
    "white space": (MAIN, "  return device", "\n\n    return device", "nop_main"),
    "log": (CONFIG, "forwards each frame", "passes on each frame", "nop_config"),
    "usage": (CONFIG, "takes no options", "has no options", "nop_config"),
}  # fmt: skip


@pytest.mark.parametrize("what", others_long(ALIKE, ["comment", "usage"]))
def test_what_means_the_same(built: Tree, what: str) -> None:
    """No symbolic execution, no solving; CC of that file, AR, LINK."""
    file, old, new, unit = ALIKE[what]
    built.edit(file, old, new)
    assert steps(built.built("nf=nop")) == {
        "ANALYSE": {"cached"}, "GENERATE": {"cached"}, "CC": compiled(unit), "AR": {"libnop.a"}, "LINK": {"nop"},
    }  # fmt: skip
    assert built.maestro("verify", "build/soft/nop/nop").status == 0


def test_texts_that_are_read(built: Tree) -> None:
    """Options' names, and what is printed if its length counts: the NF means something else."""
    built.edit(CONFIG, '""', '"ab:"')
    assert steps(built.built("nf=nop"))["ANALYSE"] == {"new"}


def test_another_card(built: Tree) -> None:
    assert steps(built.built("nf=nop", "nic=e810"), "e810") == {
        "GENERATE": {"new"}, "CC": compiled("nop_parallel"), "COPY": compiled(*UNITS[1:]), "AR": {"libnop.a"},
        "LINK": {"nop"},
    }  # fmt: skip
    # All at once, at the same time: no unit is compiled twice.
    for folder in ("soft", "e810", "cache"):
        shutil.rmtree(built.root / "build" / folder)
    out = built.built("nf=nop", "nic=soft,e810", "-j2").out
    units = re.findall(r"CC +build/\w+/nop/gen/(\w+)\.o", out)
    assert sorted(units) == sorted([*UNITS, "nop_parallel"])
    assert out.count("(cached)") == 0 and steps(built.built("nf=nop", "nic=soft,e810")) == {}


@pytest.mark.long
def test_copies_are_what_would_be_compiled(built: Tree) -> None:
    built.built("nf=nop", "nic=e810")
    copied = monorepo.built(built.root)
    for folder in ("soft", "e810", "cache"):
        shutil.rmtree(built.root / "build" / folder)
    assert "COPY" not in built.built("nf=nop", "nic=e810").out
    made = monorepo.built(built.root)
    assert {n: copied[n] for n in made} == made
    assert any(name.startswith("e810/nop/gen/") for name in made)


def test_another_name(built: Tree) -> None:
    """No analysis, no solving; CC of what has the name in it, which is the file with nf_process, too."""
    construct = built.root / "SConstruct"
    more = 'Environment(tools=["gcc", "gnulink", "ar", "maestro"]).Parallelize("pop", Glob("nfs/nop/*.c"))\n'
    construct.write_text(construct.read_text() + more)
    assert steps(built.built("build/soft/pop"), nf="pop") == {
        "ANALYSE": {"cached"}, "GENERATE": {"cached"}, "CC": compiled("pop_parallel", "main_pop", "nop_main"),
        "COPY": compiled("nop_config"), "AR": {"libpop.a"}, "LINK": {"pop"},
    }  # fmt: skip


def test_branches_and_back(built: Tree) -> None:
    """Nothing but copies and links."""
    before = monorepo.built(built.root)
    built.edit(MAIN, "return device ^ 1", "return 1 - device")
    built.write("nfs/nop/more.c", "int nop_more(void) { return 1; }\n")
    assert "nop_main" in str(steps(built.built("nf=nop"))["CC"])
    built.edit(MAIN, "return 1 - device", "return device ^ 1")
    (built.root / "nfs/nop/more.c").unlink()
    back = steps(built.built("nf=nop"))
    assert set(back) == {"COPY", "LINK"}
    assert back["COPY"] == {"build/analysis/nop/analysis.json", "plan.json", *compiled(*UNITS), "libnop.a"}
    assert monorepo.built(built.root) == before


def test_a_copy_is_not_taken_where_set_up_would_read_something_else(built: Tree) -> None:
    read = 'FILE *f = fopen("flip.cfg", "r");\n  if (f != NULL) { flip = fgetc(f) - 48; fclose(f); }\n'
    built.edit(MAIN, "bool nf_init(void) {", f"static int flip = 1;\n\nbool nf_init(void) {{\n  {read}")
    built.edit(MAIN, "#include", "#include <stdio.h>\n#include")
    built.edit(MAIN, "return device ^ 1", "return device ^ flip")
    built.built("nf=nop")
    config = built.write("flip.cfg", "1")
    built.edit(MAIN, "return device ^ flip", "return device ^ !!flip")
    built.built("nf=nop")
    built.edit(MAIN, "return device ^ !!flip", "return device ^ flip")
    back = steps(built.built("nf=nop"))
    assert back["ANALYSE"] == {"new"}
    config.unlink()
    assert "ANALYSE" in steps(built.built("nf=nop"))


#: Edits a file just before it is compiled, once.
LATE = """\
#!/bin/sh
case " $* " in
  *" -c "*nop_main.c*) [ -e once ] && rm once && echo "int zz_edited_late;" >> build/soft/nop/gen/nop_main.c ;;
esac
exec gcc "$@"
"""


@pytest.mark.long
def test_an_edit_during_a_build_is_not_kept(built: Tree) -> None:
    built.write("cc", LATE).chmod(0o755)
    built.write("once", "")
    built.edit("SConstruct", '"ar"]', '"ar"], CC="./cc"')
    built.built("build/soft/nop/gen")
    unit = built.root / "build/soft/nop/gen/nop_main.o"
    assert b"zz_edited_late" in unit.read_bytes()
    unit.unlink()
    assert (
        "gen/nop_main.o" in steps(built.built("build/soft/nop/gen"))["CC"]
        and b"zz_edited_late" not in unit.read_bytes()
    )


def test_equal_constraints_are_solved_once(built: Tree) -> None:
    """Also at the same time."""
    for name in ("one", "two"):
        shutil.copytree(built.root / "nfs/nop", built.root / "nfs" / name)
    shutil.rmtree(built.root / "build/cache")
    targets = [f"build/soft/{name}/plan.json" for name in ("one", "two")]
    out = built.built("nf=one,two", "nic=soft", "-j2", *targets).out
    for phase in ("symex", "rss"):
        assert len(re.findall(rf"{phase} [0-9]+ ms", out)) == 2
        assert len(re.findall(rf"{phase} [0-9]+ ms \(cached\)", out)) == 1


@pytest.mark.parametrize("flag", ["-save-temps=obj", "--coverage", "-gsplit-dwarf", "-MMD"])
def test_flags_that_make_other_files_make_no_copies(flag: str) -> None:
    assert not reuse.are_plain([flag]) and not reuse.are_plain(["-O2", flag, "-g"])
    assert reuse.are_plain(["-std=gnu11", "-O3", "-g", "-Wall", "-DX", "-include", "x.h", "-march=corei7", "-fPIC"])


TWO = """
#include <stdio.h>
#include <string.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include "nop.h"
#include "same.h"
#include "twin.h"

static unsigned verdict(const struct maestro_nf *nf, struct rte_mbuf *packet)
{
  char *arguments[] = {"nf", NULL}, error[256];
  struct maestro_instance *instance;
  uint16_t verdict;
  if (maestro_create(nf, 1, 1, arguments, &instance, error, sizeof(error)) != 0)
    return 99;
  maestro_process_burst(instance, 0, &packet, 1, 1, &verdict);
  maestro_destroy(instance);
  return verdict;
}

int main(void)
{
  char *eal[] = {"two", "--no-huge", "--no-shconf", "--no-pci", "-m", "64", "--log-level=1", NULL};
  if (rte_eal_init(7, eal) < 0)
    return 1;
  struct rte_mempool *pool = rte_pktmbuf_pool_create("pool", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
  memset(rte_pktmbuf_append(packet, 60), 0, 60);
  packet->port = 0;
  printf("%u %u %u\\n", verdict(&nop_nf, packet), verdict(&same_nf, packet), verdict(&twin_nf, packet));
  return 0;
}
"""


def test_several_nfs_in_one_program(built: Tree) -> None:
    """All have `config`, `nf_init` and so on; each keeps its own."""
    shutil.copytree(built.root / "nfs/nop", built.root / "nfs/same")
    built.edit("nfs/same/nop_main.c", "return device ^ 1", "return config.unused")
    built.edit("nfs/same/nop_main.c", "struct nf_config config;", "struct nf_config config = {7};")
    shutil.copytree(built.root / "nfs/nop", built.root / "nfs/twin")
    built.built("nf=nop,same,twin", "-j2")
    (built.root / "two.c").write_text(TWO)
    found = dpdk.find()
    command = ["gcc", "two.c", "-Ibuild/soft/nop", "-Ibuild/soft/same", "-Ibuild/soft/twin", f"-I{ROOT}/maestro_tool/runtime/include",
               *(f"-I{d}" for d in found.include_dirs), *found.cflags, "build/soft/nop/libnop.a",
               "build/soft/same/libsame.a", "build/soft/twin/libtwin.a", "build/runtime/libmaestro.a", *found.libs, "-o", "two"]  # fmt: skip
    subprocess.run(command, cwd=built.root, check=True)
    done = subprocess.run(["./two"], cwd=built.root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1 7 1"
    # With a runtime of other headers or flags they do not link.
    (built.root / "build/other.a").write_bytes((built.root / "build/runtime/libmaestro.a").read_bytes())
    subprocess.run(["ar", "d", "build/other.a", "made_of.o"], cwd=built.root, check=True)
    other = ["build/other.a" if "libmaestro" in word else word for word in command]
    failed = subprocess.run(other, cwd=built.root, capture_output=True, text=True, check=False)
    assert failed.returncode != 0 and "undefined reference to `maestro_runtime_" in failed.stderr
    # The runtime is in its own library, once.
    names = subprocess.run(["nm", "-g", "--defined-only", "build/soft/nop/libnop.a"], cwd=built.root,
                           capture_output=True, text=True, check=True).stdout  # fmt: skip
    found_names = sorted(re.sub(r"_[0-9a-f]{32}$", "", line.split()[-1]) for line in names.splitlines() if " " in line)
    assert found_names == ["maestro_made_of", "nop_nf"]


# --------------------------------------------------------------------------- and what runs says why


def why(result: Result) -> dict[str, str]:
    lines = re.findall(r"^WHY +(\S+): (.*)$", result.out, re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return dict(lines)


def test_what_changed_is_told(built: Tree) -> None:
    """Of each step that runs, once, before it."""
    built.edit(MAIN, "return device", "/* ! */ return device")
    result = built.built("nf=nop", "explain=rebuild")
    gen = "build/soft/nop"
    assert why(result) == {
        "build/analysis/nop/analysis.json": "nfs/nop/nop_main.c changed",
        f"{gen}/plan.json": "build/analysis/nop/inputs.json changed; nfs/nop/nop_main.c changed",
        f"{gen}/gen/nop_main.o": f"{gen}/gen/nop_main.c changed",
        f"{gen}/libnop.a": f"{gen}/gen/nop_main.o changed",
        f"{gen}/nop": f"{gen}/libnop.a changed",
    }
    assert why(built.built("nf=nop", "explain=rebuild")) == {}
    # By hand; a flag; what is not there.
    (built.root / gen / "plan.json").write_text("{}")
    told = why(built.built("nf=nop", "explain=rebuild", "CFLAGS=-DMORE", "-n"))
    assert told[f"{gen}/plan.json"].startswith(f"{gen}/plan.json is not what was built")
    assert told[f"{gen}/gen/nop_config.o"] == "its command, or a flag in it, changed"
    told = why(built.built("nf=nop", "nic=e810", "explain=rebuild", "-n"))
    assert told["build/e810/nop/nop"] == "it was not built before"
    failed = built.scons("nf=nop", "explain=all")
    assert failed.status == 2 and "explain=all: expected explain=rebuild" in failed.err


def test_how_far_it_is_on_a_terminal(built: Tree) -> None:
    built.edit(MAIN, "return device", "/* ! */ return device")
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "SCons", "-Q", "nf=nop"]
    environment = {**os.environ, **compiling.for_scons(precompiled=True), "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    child = subprocess.Popen(words, cwd=built.root, stdout=theirs, stdin=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # at its end
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    assert child.wait() == 0
    shown = re.findall(r"\r\x1b\[K\[(\d+)/(\d+)\] (\w+) (\S+)\r", said.decode())
    counts, total = [int(count) for count, *_ in shown], {int(n) for _, n, *_ in shown}
    assert counts == sorted(counts) and len(total) == 1 and counts[-1] <= total.pop()
    assert ("compile", "build/soft/nop/gen/nop_main.o") in [s[2:] for s in shown]
    assert {"analyse", "generate", "compile", "archive", "link"} <= {phase for _, _, phase, _ in shown}
    # Lines of steps begin where the terminal's do, as elsewhere.
    assert b"\x1b[KCC        build/soft/nop/gen/nop_main.o\r\n" in said
    assert "\x1b" not in built.built("nf=nop").out
