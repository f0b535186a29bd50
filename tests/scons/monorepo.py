"""A small repository with two NFs, and random edits of everything that a build may depend on.

A repository is values: the text of each file, and the command line.  So a state can be kept, and be written to any
folder.  Each state is also a branch of git, which goes back to it: files that differ get new times, no others.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scons_tree import ROOT

from maestro_tool import dpdk

#: Compiles nothing: an object is what the preprocessor makes of the unit, and the flags; those of the
#: runtime are its files, and what is linked lies in a row.  Headers of DPDK are our stubs
#: then; all else is gcc's.  As in its objects, the program's folder has no name.
_COMPILER = """\
#!/bin/sh
case " $* " in *" -c "* | *" -r "*) ;; *) exec gcc "$@" ;; esac
words="" output="" objects="" runtime=""
while [ $# -gt 0 ]; do
  case $1 in
    -o) output=$2; shift ;;
    -isystem | -include | -MF) shift ;;
    *.o) objects="$objects $1" ;;
    */runtime/src/*.c) runtime=$1 ;;
    -c | -MD | -W* | -std=* | -MAESTRO*) ;;
    -ffile-prefix-map=*) map=${1#*=} ;;
    -DMAESTRO_DPDK_VERSION*) ;;
    *) words="$words $1" ;;
  esac
  shift
done
if [ -n "$objects$runtime" ]; then exec cat $objects $runtime > "$output"; fi
echo "$words" | tr ' ' '\\n' | grep -v -e ^-I -e ^-isystem > "$output.flags"
gcc -E -fno-working-directory -I{stubs} $words -o "$output.text" || exit 1
cat "$output.flags" "$output.text" | sed "s|${map%=*}|${map#*=}|g" > "$output"
rm "$output.flags" "$output.text"
"""

_NF = """\
#include <stdio.h>
#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "table.h"
{include}

struct nf_config {{ int unused; }} config;
static int flip = 1;

void nf_config_init(int argc, char **argv) {{ (void)argc; (void)argv; }}
void nf_config_usage(void) {{}}
void nf_config_print(void) {{}}

bool nf_init(void) {{
  FILE *f = fopen("{name}.cfg", "r");
  if (f != NULL) {{
    flip = fgetc(f) - '0';
    fclose(f);
  }}
  return true;
}}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {{
  (void)buffer; (void)packet_length; (void)now; (void)mbuf;
#ifdef RTE_FANCY
  return device;
#endif
  return table(device) == SHARED ? device : device ^ (flip != OPTION);
}}
"""

_SCONSTRUCT = """\
from maestro_tool.scons import project

DefaultEnvironment(tools=[])
row = "cat $SOURCES > $TARGET"
env = Environment(
    tools=["gcc", "gnulink", "ar"], CC="./cc", ARCOM=row, RANLIBCOM="", LINKCOM=row, OBJCOPY="true", {flags}
)
project.declare(env)
"""

NFS = ("one", "two")
#: Files of the tool that change.
TOOL = (
    "frontend/key_functions.py", "own_files.py", "cli/build.py", "profiles.py", "codegen/templates/main.c.j2",
    "runtime/include/nf-util.h", "sharding/plan.py",
)  # fmt: skip
#: One of these is in an SConstruct.
FLAGS = (
    'CPPPATH=["common"], CPPDEFINES={"OPTION": 0}',
    'CPPPATH=["common"], CPPDEFINES={"OPTION": 2}',
    'CPPPATH=["first", "common"], CPPDEFINES={"OPTION": 0}',
    'CPPPATH=["common", "first"], CPPDEFINES=["OPTION=0", "MORE"], CCFLAGS=["-O2"]',
    'CPPPATH=["common"]',  # an error: OPTION is nowhere
)
WORDS = (
    ("nic=soft",),
    ("nic=mine",),
    ("nic=soft", "ports=3"),
    ("nic=mine", "strategy=locks"),
    ("nic=soft", "args=--x 1"),
)


@dataclass(frozen=True)
class State:
    """``files``: text by path; ``words``: the command line."""

    files: Mapping[str, str]
    words: tuple[str, ...]

    def having(self, path: str, text: str | None) -> State:
        files = {k: v for k, v in self.files.items() if k != path}
        return replace(self, files=files if text is None else files | {path: text})

    def edited(self, path: str, change: Callable[[str], str]) -> State:
        return self.having(path, change(self.files[path])) if path in self.files else self


def first_state() -> State:
    files = {
        "SConstruct": _SCONSTRUCT.format(flags=FLAGS[0]),
        "cc": _COMPILER.replace("{stubs}", "maestro_tool/frontend/headers"),
        "common/shared.h": '#ifndef SHARED_H\n#define SHARED_H\n#include "deep/more.h"\n#define SHARED (MORE_OF_IT + 2)\n#endif\n',
        "common/deep/more.h": "#define MORE_OF_IT 5\n",
        "configs/mine.yaml": "name: mine\nextends: base\n",
        "configs/base.yaml": (ROOT / "configs/soft.yaml").read_text().replace("name: soft", "name: base"),
        "dpdk/include/rte_ether.h": "#include_next <rte_ether.h>\n",
    }
    for name in NFS:
        include = '#include "shared.h"' if name == "one" else '#define FILE_OF_IT "shared.h"\n#include FILE_OF_IT'
        files[f"nfs/{name}/{name}.c"] = _NF.format(name=name, include=include)
        files[f"nfs/{name}/table.h"] = "int table(int device);\n"
        files[f"nfs/{name}/table.c"] = '#include "table.h"\nint table(int device) { return device + 1; }\n'
    files["dpdk/version"] = "22.11.11"
    files |= {f"maestro_tool/{path}": (ROOT / "maestro_tool" / path).read_text() for path in TOOL}
    return State(files, ("nic=soft",))


def write(state: State, folder: Path, written: Mapping[str, str]) -> None:
    """Make ``folder`` hold ``state``, where it holds ``written``: only files that differ are touched."""
    for path in written.keys() - state.files.keys():
        (folder / path).unlink()
    for path, text in state.files.items():
        if written.get(path) != text and not _says(folder / path, text):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    (folder / "cc").chmod(0o755)
    for path in sorted({str(Path(p).parent) for p in written}, key=len, reverse=True):
        if path != "." and not any((folder / path).iterdir()):
            (folder / path).rmdir()
    install_dpdk(state, folder)


def install_dpdk(state: State, folder: Path) -> None:
    """What pkg-config says of the DPDK of ``state``: it is of the machine, and on no branch."""
    found = dpdk.find()
    flags = [f"-I{folder}/dpdk/include", *(f"-I{d}" for d in found.include_dirs), *found.cflags]
    text = (
        f"Name: DPDK\nDescription: d\nVersion: {state.files['dpdk/version']}\n"
        f"Cflags: {' '.join(flags)}\nLibs: {' '.join(found.libs)}\n"
    )
    (folder / "dpdk/libdpdk.pc").write_text(text)


def start_history(folder: Path) -> None:
    """Make the folder a repository of git, of which only files of states are part."""
    _git(folder, "init")
    (folder / ".git/info/exclude").write_text("*\n")


def commit(state: State, folder: Path, branch: str) -> None:
    """Keep what stands in ``folder``, which is ``state``, as a branch."""
    _git(folder, "checkout", "-b", branch)
    _git(folder, "add", "--update")
    _git(folder, "add", "--force", "--", *sorted(state.files))
    _git(folder, "commit", "--allow-empty", "--message", branch)


def check_out(state: State, folder: Path, branch: str) -> None:
    """Have git bring ``folder`` to ``state``, which was kept as ``branch``."""
    _git(folder, "checkout", branch)
    held = {path: (folder / path).read_text() for path in state.files}
    assert held == state.files and not _git(folder, "status", "--porcelain", "--untracked-files=no")
    install_dpdk(state, folder)


def _git(folder: Path, *words: str) -> str:
    """Run git as nobody has configured it."""
    settings = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost", "-c", "core.autocrlf=false"]
    alone = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *settings, *words], cwd=folder, capture_output=True, text=True, check=False,
        env={**alone, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def _says(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


# --------------------------------------------------------------------------- edits


def _comment(state: State, random: random.Random) -> State:
    path = random.choice(
        sorted(p for p in state.files if p.endswith((".c", ".h")) and not p.startswith("maestro_tool"))
    )
    return state.edited(path, lambda text: f"/* {random.randrange(1000)}\n */\n{text}")


def _content(state: State, random: random.Random) -> State:
    name = random.choice(NFS)
    number = random.randrange(4)
    return random.choice(
        [
            state.having(
                f"nfs/{name}/table.c", f'#include "table.h"\nint table(int device) {{ return device + {number}; }}\n'
            ),
            state.having("common/deep/more.h", f"#define MORE_OF_IT {number}\n"),
            state.having(f"nfs/{name}/table.h", f"enum {{ NUMBER = {number} }};\nint table(int device);\n"),
            state.edited(f"nfs/{name}/{name}.c", lambda text: text.replace("flip", "turn")),  # another name, no more
            state.having(f"nfs/{name}/table.c", "int table(int device { return 0; }\n"),  # a syntax error
        ]
    )


def _files(state: State, random: random.Random) -> State:
    name = random.choice(NFS)
    new = f"nfs/{name}/{random.choice(['new', 'deep/new', 'table_new'])}.c"
    moved = state.files.get(f"nfs/{name}/table.c")
    return random.choice(
        [
            state.having(new, None if new in state.files else f"int new_{name}(void) {{ return 1; }}\n"),
            state.having(f"nfs/{name}/table.c", None).having(f"nfs/{name}/renamed.c", moved),
            state.having(f"nfs/{name}/renamed.c", None).having(
                f"nfs/{name}/table.c", moved or state.files.get(f"nfs/{name}/renamed.c")
            ),
        ]
    )


def _shadow(state: State, random: random.Random) -> State:
    """A header before another of its name, or no longer."""
    path = random.choice(
        ["nfs/one/shared.h", "nfs/two/shared.h", "first/shared.h", "first/deep/more.h", "common/more.h", "nfs/one/deep/more.h",
         "nfs/two/nf-util.h"]
    )  # fmt: skip
    text = (
        "#define MORE_OF_IT 1\n"
        if path.endswith("more.h")
        else "#include_next <nf-util.h>\n"
        if "util" in path
        else "#define SHARED 3\n"
    )
    return state.having(path, None if path in state.files else text)


def _config(state: State, random: random.Random) -> State:
    path = f"{random.choice(NFS)}.cfg"
    return state.having(path, random.choice([None, "0", "1", "2"]))


def _description(state: State, random: random.Random) -> State:
    path = f"nfs/{random.choice(NFS)}/nf.yaml"
    return state.having(
        path, random.choice([None, "ports: 3\n", "limits: {unroll: 9}\n", "arguments: [--y]\n", "prots: 2\n"])
    )


def _profile(state: State, random: random.Random) -> State:
    mine = [
        "name: mine\nextends: base\n",
        '"extends": base\nname: mine\n',
        "{name: mine, extends: other}\n",
        "name: mine\n",
    ]
    return random.choice(
        [
            state.having("configs/mine.yaml", random.choice(mine)),
            state.edited("configs/base.yaml", lambda text: f"# {random.randrange(1000)}\n{text}"),
            state.having("configs/other.yaml", None if "configs/other.yaml" in state.files else "name: other\nextends: base\n"),
            state.having("configs/soft.yaml", None if "configs/soft.yaml" in state.files else
                         state.files["configs/base.yaml"].replace("name: base", "name: soft")),
        ]
    )  # fmt: skip


def _command(state: State, random: random.Random) -> State:
    if random.random() < 0.5:
        return replace(state, words=random.choice(WORDS))
    return state.having("SConstruct", _SCONSTRUCT.format(flags=random.choice(FLAGS)))


def _dpdk(state: State, random: random.Random) -> State:
    fancy = "#include_next <rte_ether.h>\n" + random.choice(["", "#define RTE_FANCY 1\n", "#define RTE_OTHER 1\n"])
    return random.choice(
        [
            state.having("dpdk/version", f"22.11.{random.randrange(11, 14)}"),
            state.having("dpdk/include/rte_ether.h", fancy),
        ]
    )


def _tool(state: State, random: random.Random) -> State:
    """Other texts of the tool, which `write` puts over its copy."""
    path = random.choice(TOOL)
    kept = (ROOT / "maestro_tool" / path).read_text()
    more = {"py": "# {}\n", "j2": "/* {} */\n", "h": "/* {} */\n"}[path.rpartition(".")[2]].format(
        random.randrange(1000)
    )
    return state.having(f"maestro_tool/{path}", random.choice([kept, kept + more]))


EDITS = (_comment, _content, _files, _shadow, _config, _description, _profile, _command, _dpdk, _tool)


def edit(states: list[State], last: State, random: random.Random) -> State:
    """One to three edits of the ``last`` state; or a state of before: that one itself, whose branch is gone back to."""
    if len(states) > 2 and random.random() < 0.15:
        return random.choice(states[:-1])
    state = last
    for _ in range(random.choice([1, 1, 2, 3])):
        state = random.choice(EDITS)(state, random)
    return state


def built(folder: Path, name: str = "build") -> dict[str, bytes]:
    """What a build made, by path; without what it remembers for the next."""
    build = folder / name
    kept = (
        p
        for p in build.rglob("*")
        if p.is_file()
        and not p.relative_to(build).parts[0].startswith((".", "cache", "summary.json", "compile_commands.json"))
    )
    return {os.path.relpath(p, build): p.read_bytes() for p in sorted(kept)}
