"""The analysis preprocesses as the program is compiled: compiler, flags and their order, folders of headers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from SCons.Environment import Environment
from SCons.Errors import UserError
from scons_tree import Tree

from maestro_tool.frontend import Compilation, load_program
from maestro_tool.scons import compilation

NF = """\
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "key.h"

struct nf_config { int unused; };
struct nf_config config;
static struct Map *map;
static struct Vector *keys;
static struct DoubleChain *chain;

bool nf_init(void) {
  return map_allocate(Key_eq, Key_hash, 1024, &map) && dchain_allocate(1024, &chain) &&
         vector_allocate(sizeof(struct Key), 1024, Key_allocate, &keys);
}
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  expire_items_single_map(chain, keys, map, now - 1000000000);
  struct Key key = { .address = ADDRESS };
  int index;
  if (map_get(map, &key, &index)) return device;
  if (!dchain_allocate_new_index(chain, &index, now)) return device;
  struct Key *stored;
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(map, stored, index);
  vector_return(keys, index, stored);
  return 1 - device;
}
"""
KEY = """\
#pragma once
#include <stdint.h>
#include <stdbool.h>
struct Key { uint32_t address; };
bool Key_eq(void *a, void *b);
unsigned Key_hash(void *obj);
void Key_allocate(void *obj);
#if CONDITION
#define ADDRESS ip->dst_addr
#else
#define ADDRESS ip->src_addr
#endif
"""


def nf(tree: Tree, condition: str, environment: str, folder: str = "nfs/once") -> None:
    """An NF that lets each address send once: the destination's if ``condition`` holds, else the source's."""
    shutil.rmtree(tree.root / "nfs/nop", ignore_errors=True)
    tree.write(f"{folder}/once.c", NF)
    tree.write(f"{folder}/key.h", KEY.replace("CONDITION", condition))
    tree.write(
        "SConstruct",
        "from maestro_tool.scons import project\nDefaultEnvironment(tools=[])\n"
        f'env = Environment(tools=["gcc", "gnulink", "ar"], {environment})\n'
        'project.declare(env, nfs="nfs", configs="configs")\n',
    )


def sharded_by(tree: Tree) -> str:
    """The field by which the plan shards."""
    tree.built("build/soft/once/plan.json", "-j2")
    (constraint,) = json.loads((tree.root / "build/soft/once/plan.json").read_text())["constraints"]
    ((one, other),) = constraint["equal"]
    assert one == other
    return str(one)


BY_DST = "defined(BY_DST)"


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Whether the analysis sees a condition hold in a unit that an environment compiles."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("SCons.Node.FS.default_fs", None)  # whose top folder is where SCons was first
    for name in ("x.h", "nf/y.h", "inc/found.h"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("#define BY_DST\n", encoding="utf-8")

    def see(condition: str, **variables: Any) -> bool:
        (tmp_path / "nf/a.c").write_text(f"#if {condition}\nint it;\n#endif\n", encoding="utf-8")
        env = Environment(tools=["gcc"], **variables)
        env.Append(CCFLAGS=["-std=gnu11", "-O3"])
        folders = ["nf", *(str(d) for d in env.get("CPPPATH", []))]
        found = compilation.words(env, folders)
        return "it" in load_program([Path("nf/a.c")], (), (), Compilation(found.compiler, found.flags)).globals

    return see


BY_DST = "defined(BY_DST)"
SEEN: list[tuple[str, dict[str, Any]]] = [
    (BY_DST, {"CCFLAGS": ["-DBY_DST"]}),
    (BY_DST, {"CCFLAGS": "-DBY_DST -O2"}),
    (BY_DST, {"CFLAGS": ["-D", "BY_DST"]}),
    (BY_DST, {"CPPFLAGS": ["-DBY_DST"]}),
    (BY_DST, {"CPPDEFINES": ["BY_DST"]}),
    (BY_DST, {"CPPDEFINES": {"BY_DST": 1}, "CFLAGS": ["-UBY_DST"]}),  # $CFLAGS come first
    (BY_DST, {"CCFLAGS": ["-include", "x.h"]}),
    (BY_DST, {"CCFLAGS": ["-include", "nf/y.h"]}),
    (BY_DST, {"CCFLAGS": ["-imacros", "found.h"], "CPPPATH": ["inc"]}),
    (BY_DST, {"CCFLAGS": [("-include", "found.h")], "CPPPATH": ["inc"]}),
    (BY_DST, {"CPPDEFINES": [("TEXT", '\\"a b\\"'), "BY_DST"]}),
    (BY_DST, {"CPPDEFINES": ["BY_DST"], "CCFLAGS": ["'-DX(x)=x'"]}),
    (BY_DST, {"CCCOM": "$CC -o $TARGET -c -DBY_DST $CFLAGS $CCFLAGS $_CCCOMCOM $SOURCES"}),
    (BY_DST, {"CC": "gcc -DBY_DST"}),
    ("defined(__AVX2__)", {"CCFLAGS": ["-mavx2"]}),
    ("!defined(__AVX2__)", {"CCFLAGS": ["-mavx2", "-mno-avx2"]}),
    ("defined(NDEBUG)", {"CCFLAGS": ["-DNDEBUG"]}),
    ("__STDC_VERSION__ < 201112L", {"CPPFLAGS": ["-std=gnu99"]}),
    ("!defined(__OPTIMIZE__)", {"CPPFLAGS": ["-O0"]}),
    ("!defined(BY_DST)", {"CCFLAGS": ["-DBY_DST", "-UBY_DST"]}),
    ("!defined(BY_DST)", {}),
]


@pytest.mark.parametrize(("condition", "variables"), SEEN, ids=[f"{c} {v}" for c, v in SEEN])
def test_flags_reach_the_analysis(seen: Callable[..., bool], condition: str, variables: dict[str, Any]) -> None:
    assert seen(condition, **variables)
    assert not seen(f"!({condition})", **variables)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"CCFLAGS": ["-Iinc"]}, "folders of headers belong into CPPPATH"),
    ({"CPPFLAGS": ["-iquote", "inc"]}, "folders of headers belong into CPPPATH"),
    ({"CCFLAGS": ["-DX=$$(id)"]}, "is something else to a shell"),
    ({"CCFLAGS": ["-DX=`id`"]}, "is something else to a shell"),
    ({"CCFLAGS": ["-DX=1;id"]}, "is something else to a shell"),
    ({"CCFLAGS": ["-DX=1 2`id`"]}, "is something else to a shell"),
    ({"CCFLAGS": ["-DX='1"]}, "is something else to a shell"),
    ({"CCCOM": "cp $SOURCE $TARGET"}, "CCCOM is not as SCons has it"),
]


@pytest.mark.parametrize(("variables", "message"), REFUSED, ids=[str(v) for v, _ in REFUSED])
def test_what_cannot_be_followed_is_refused(seen: Callable[..., bool], variables: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        seen(BY_DST, **variables)


LINKED: list[tuple[dict[str, Any], str]] = [
    ({"LINKFLAGS": ["-Wl,--wrap=memcmp"]}, "not linked with --wrap=memcmp"),
    ({"LINKFLAGS": "-Wl,-z,now,--defsym,rte_log=0"}, "not linked with --defsym"),
    ({"LINKFLAGS": ["-Xlinker", "--defsym=a=b"]}, "not linked with --defsym=a=b"),
    ({"LIBS": ["m"], "LINKCOM": "$LINK -o $TARGET $SOURCES -Wl,-z,muldefs $_LIBFLAGS"}, "not linked with muldefs"),
    ({"LINKFLAGS": ["-Wl,-Tmy.ld"]}, "not linked with -Tmy.ld"),
    ({"LINKFLAGS": ["-Ofast"]}, "not linked with -Ofast"),
    ({"LINKFLAGS": ["-ffast-math"]}, "not linked with -ffast-math"),
    ({"LINKFLAGS": ["-mdaz-ftz"]}, "not linked with -mdaz-ftz"),
    ({"LINKFLAGS": ["-fplugin=x.so"]}, "not linked with -fplugin=x.so"),
    ({"LINKFLAGS": ["@more"]}, "not linked with @more"),
]


@pytest.mark.parametrize(("variables", "message"), LINKED, ids=[str(v) for v, _ in LINKED])
def test_flags_by_which_other_programs_are_linked_are_refused(variables: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compilation.check_link(Environment(tools=["gcc", "gnulink"], **variables))


def test_other_flags_of_linkers_are_not() -> None:
    flags = ["-Wl,-z,now,-z,relro,--as-needed,-Map=x.map,-rpath,/x", "-O2", "-flto", "-s", "-static-libgcc", "-pthread"]
    env = Environment(tools=["gcc", "gnulink"], LINKFLAGS=flags, LIBS=["m"], LIBPATH=["/x"], RPATH=["/x"])
    compilation.check_link(env)


def test_variables_that_edit_the_compilers_flags_are_refused(tree: Tree) -> None:
    nf(tree, BY_DST, 'ENV={"CCC_OVERRIDE_OPTIONS": "+-funsigned-char", "PATH": "/usr/bin:/bin"}')
    result = tree.scons("-n", "nf=once")
    assert result.status == 2 and "CCC_OVERRIDE_OPTIONS in ENV changes the compiler's flags unseen" in result.err


LINK_TIME: list[dict[str, Any]] = [
    *({name: ["-flto"]} for name in ("CCFLAGS", "CFLAGS", "CPPFLAGS")),
    *({name: "-flto=auto -ffat-lto-objects"} for name in ("CCFLAGS", "CFLAGS", "CPPFLAGS")),
    {"CC": "gcc -flto"},
    {"CC": "gcc", "CCFLAGS": ["$MORE"], "MORE": ["-fno-lto", "-flto"]},
    {"CCCOM": "$CC -o $TARGET -c -flto $CFLAGS $CCFLAGS $_CCCOMCOM $SOURCES"},
]


@pytest.mark.parametrize("variables", LINK_TIME, ids=map(str, LINK_TIME))
def test_objects_are_code_through_whichever_variable_flags_come(tmp_path: Path, variables: dict[str, Any]) -> None:
    """An object of link-time optimisation has no names of variables of functions."""
    env = Environment(tools=["gcc"], **variables)
    unit = tmp_path / "unit.c"
    unit.write_text("int next(void) { static int number; return number++; }\n")
    made = []
    for changed in ({}, compilation.apart(env)):
        command = env.Override(changed).subst("$CCCOM", target=[env.File("unit.o")], source=[env.File("unit.c")])
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)
        made.append(b".gnu.lto_" in (tmp_path / "unit.o").read_bytes())
    assert made == [True, False]


def test_flags_that_cannot_be_taken_back_are_refused() -> None:
    env = Environment(tools=["gcc"], CCCOM="$CC -o $TARGET -c $CFLAGS $CCFLAGS $_CCCOMCOM -flto $SOURCES")
    with pytest.raises(UserError, match="NFs are compiled without -flto"):
        compilation.apart(env)
    assert compilation.apart(Environment(tools=["gcc"], SHCCFLAGS=["-flto"], CCFLAGS=["-O2"])) == {}


def test_headers_of_others_are_inputs(tree: Tree) -> None:
    """Those below -isystem, which SCons does not scan: a header of another, and one that hides it."""
    nf(tree, BY_DST, 'CCFLAGS=["-isystem", "first", "-isystem", "others"]')
    tree.edit("nfs/once/key.h", "#pragma once\n", "#pragma once\n#include <vendor/settings.h>\n")
    tree.write("others/vendor/settings.h", '#include "more.h"\n')
    tree.write("others/vendor/more.h", "#define BY_DST\n")
    target = "build/soft/once/gen/once.o"
    tree.built(target)
    assert tree.built(target).steps == []
    tree.write("others/vendor/more.h", "// 1\n#define BY_DST\n")
    assert {"ANALYSE build/analysis/once/analysis.json", f"CC {target}"} <= set(tree.built(target).steps)
    tree.write("first/vendor/settings.h", "\n")
    assert f"CC {target}" in tree.built(target).steps
    assert sharded_by(tree) == "src_ip"


def test_headers_of_others_may_stand_for_the_systems(tree: Tree) -> None:
    """What the runtime includes may be found there as well."""
    nf(tree, BY_DST, 'CCFLAGS=["-isystem", "others"]')
    tree.write("others/rte_ring.h", "#include_next <rte_ring.h>\n")
    target = "build/runtime/clock.o"
    tree.built(target)
    assert tree.built(target).steps == []
    tree.write("others/rte_ring.h", "#include_next <rte_ring.h>\n#define MORE\n")
    assert tree.built(target).steps == [f"CC {target}"]
    tree.write("others/netinet/in.h", "#include_next <netinet/in.h>\n")
    assert tree.built(target).steps == [f"CC {target}"]


@pytest.mark.parametrize("flag", ["-isystem", "-idirafter"])
def test_own_headers_are_not_others(tree: Tree, flag: str) -> None:
    """The compiler would read them from where they are, while their copies are what is edited."""
    nf(tree, BY_DST, f'CPPFLAGS=["{flag}", "nfs/once/inc"]')
    result = tree.scons("-n", "nf=once")
    assert result.status == 2
    assert "nfs/once/inc: folders of the NF's own headers belong into CPPPATH, not behind -isystem" in result.err


def test_a_flag_that_selects_the_key(tree: Tree) -> None:
    nf(tree, BY_DST, 'CCFLAGS=["-DBY_DST"]')
    assert sharded_by(tree) == "dst_ip"
    nf(tree, BY_DST, 'CCFLAGS=["-UBY_DST"]')
    assert sharded_by(tree) == "src_ip"


def test_the_compiler_of_the_build_preprocesses(tree: Tree) -> None:
    clang = shutil.which("clang")
    if clang is None:
        pytest.skip("there is no clang here")
    nf(tree, "defined(__clang__)", 'CC="clang"')
    assert sharded_by(tree) == "dst_ip"


def test_the_compiler_and_an_included_header_are_inputs(tree: Tree) -> None:
    """Also a compiler of one's own, with arguments."""
    nf(tree, BY_DST, 'CC="./own-cc -DNOTHING", CCFLAGS=["-include", "x.h"]')
    compiler = tree.write("own-cc", '#!/bin/sh\nexec gcc -UBY_DST "$@"\n')
    compiler.chmod(0o755)
    tree.write("x.h", '#include "inc/further.h"\n')
    tree.write("inc/further.h", "#define BY_DST\n")
    assert sharded_by(tree) == "dst_ip"
    tree.write("inc/further.h", "\n")
    assert sharded_by(tree) == "src_ip"
    tree.write("own-cc", '#!/bin/sh\nexec gcc -DBY_DST "$@"\n')
    assert sharded_by(tree) == "dst_ip"


def test_a_whole_build(tree: Tree) -> None:
    """What is compiled gets the flags and files, too; and nothing is left to do afterwards."""
    nf(tree, BY_DST, 'CCFLAGS=["-include", "nfs/once/x.h"], CPPPATH=["nfs/once/inc", "inc"]')
    tree.edit(
        "nfs/once/once.c", '#include "key.h"', "#include <other.h>\n#include <key.h>\n#ifndef BELOW\n#error\n#endif"
    )
    tree.write("nfs/once/x.h", "#define BY_DST\n")
    tree.write("nfs/once/inc/other.h", "#define BELOW\nextern struct Map *shown;\n")
    tree.write("inc/other.h", "#error this one is not meant\n")
    with (tree.root / "nfs/once/once.c").open("a") as f:
        f.write("struct Map *shown;\n")
    tree.built("nf=once", "-j2")
    assert sharded_by(tree) == "dst_ip"
    assert (tree.root / "build/soft/once/gen/inc/other.h").is_file()
    assert tree.built("nf=once").steps == []


def test_a_header_of_the_library_is_the_nfs_own_if_that_comes_first(tree: Tree) -> None:
    """As in every C compiler: folders of -I come before the library's."""
    nf(tree, BY_DST, 'CPPPATH=["own"]')
    tree.write("own/nf-util.h", "#define BY_DST\n#include_next <nf-util.h>\n")
    tree.built("nf=once", "-j2")
    assert sharded_by(tree) == "dst_ip"


def test_a_library_above_the_nf_is_not_meant(tree: Tree) -> None:
    """../nf-util.h is the library's, to the compiler and so to the analysis, even if a copy of it lies there."""
    nf(tree, BY_DST, "")
    tree.edit("nfs/once/once.c", '#include "nf-util.h"', '#include "../nf-util.h"')
    tree.write("nfs/nf-util.h", "#define BY_DST\n")
    assert sharded_by(tree) == "src_ip"


def test_refused_flags_end_the_build(tree: Tree) -> None:
    flag = "-funsigned-char"
    nf(tree, BY_DST, f'CCFLAGS=["{flag}"]')
    result = tree.scons("build/soft/once/plan.json")
    assert result.status != 0 and f"error: the compiler's flag '{flag}' is not " in result.err


def test_the_command_line_takes_flags_as_well(tree: Tree) -> None:
    nf(tree, BY_DST, "")
    words = ("--cc=gcc", "--flag=-include", "--flag=x.h", "--flag=-std=gnu11", "-DBY_DST")
    tree.write("x.h", "#ifdef BY_DST\n#undef BY_DST\n#endif\n")
    assert "src_ip" not in tree.maestro("explain", "nfs/once/once.c", "-DBY_DST").out
    assert "dst_ip" not in tree.maestro("explain", "nfs/once/once.c", *words).out


def test_folders_of_headers_in_the_environment_are_inputs(tree: Tree) -> None:
    """CPATH: a header in a folder before the one where it was, and other folders."""
    nf(tree, "HERE", 'ENV={**__import__("os").environ, "CPATH": "first:second"}')
    tree.edit("nfs/once/key.h", "#pragma once\n", '#pragma once\n#include "settings.h"\n')
    tree.write("second/settings.h", "#define HERE 1\n")
    tree.write("third/settings.h", "#define HERE 0\n")
    assert sharded_by(tree) == "dst_ip"
    hidden = tree.write("first/settings.h", "#define HERE 0\n")
    assert sharded_by(tree) == "src_ip"
    hidden.unlink()
    assert sharded_by(tree) == "dst_ip"
    tree.edit("SConstruct", "first:second", "first:third")
    assert sharded_by(tree) == "src_ip"


def test_contents_decide_whatever_the_environment_says(tree: Tree) -> None:
    """A file that is older than what was made of it, too."""
    nf(tree, BY_DST, "")
    tree.edit("SConstruct", "project.declare", 'env.Decider("timestamp-newer")\nproject.declare')
    plan = "build/mine/once/plan.json"
    own = tree.write("configs/mine.yaml", "extends: e810\nname: mine\n")
    tree.built(plan)
    before = (tree.root / plan).read_text()
    own.write_text("extends: x710\nname: mine\n")
    os.utime(own, (1e9, 1e9))
    tree.built(plan)
    assert (tree.root / plan).read_text() != before
