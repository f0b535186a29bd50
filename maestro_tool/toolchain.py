"""What compiles NFs, besides this tool and the user's files, as one digest: compiler, DPDK, system headers, libraries.

A build asks this at each start, but preprocesses hundreds of headers only once: `digest` keeps in a file what it found
(`remembered`).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from maestro_tool import canonical, inputs, remembered, runtime
from maestro_tool.dpdk import Dpdk

#: Variables that say where compilers and linkers look: what they find there counts.
SEARCHED = ("PATH", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LD_LIBRARY_PATH")
#: Variables that count as they are.
SETTINGS = ("SOURCE_DATE_EPOCH", "LD_RUN_PATH", "GNUTARGET", "LDEMULATION")
#: Variables by which compilers get other flags than their command has.
EDITS = ("CCC_OVERRIDE_OPTIONS", "CCC_ADD_ARGS", "QA_OVERRIDE_GCC3_OPTIONS", "GCC_COMPARE_DEBUG")

_STUBS = Path(__file__).parent / "frontend" / "headers"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_NONE_THERE = re.compile(r'^ignoring nonexistent directory "(.*)"$', re.MULTILINE)
#: gcc reads this beside its own files, if it is there: it says what the compiler's parts are given.
_SPECS = "specs"
#: Programs that a compiler runs.
_PARTS = ("cc1", "as", "collect2", "ld")


def digest(
    compiler: Sequence[str],
    dpdk: Dpdk,
    environment: Mapping[str, str],
    memory: Path,
    *,
    flags: Sequence[str] = (),
    remember: bool = True,
) -> str:
    """SHA-256 (hex) of all that compiling and linking for ``dpdk`` reads outside of the repository; no paths are in it.

    ``compiler``: a command, as ``("ccache", "gcc")``.  ``flags``: those that say where else headers are.  ``memory``: a
    file for what was found, if ``remember``.
    """
    visible = {name: environment[name] for name in (*SEARCHED, *SETTINGS) if name in environment}
    how = Path(__file__).read_text(encoding="utf-8")  # another version of this may look at more
    question = canonical.digest([list(compiler), list(flags), repr(dpdk), visible, how])
    contents = remembered.answer(memory, question, lambda: _ask(compiler, flags, dpdk, environment), remember=remember)
    settings: dict[str, object] = {name: visible[name] for name in SETTINGS if name in visible}
    # Below them are headers that NFs may include, in this order.
    settings |= {name: _below(visible[name]) for name in inputs.FOLDER_VARIABLES if name in visible}
    words = [w for w in (*dpdk.cflags, *dpdk.libs) if not w.startswith("-L")]
    return canonical.digest([Path(compiler[0]).name, *compiler[1:], dpdk.version, words, settings, contents])


def _below(folders: str) -> list[str]:
    """Those folders, by their names from here on where they are below."""
    here = os.path.join(os.getcwd(), "")
    names = map(os.path.abspath, folders.split(os.pathsep))  # an empty one is this folder
    return [os.path.relpath(name) if f"{name}/".startswith(here) else name for name in names]


def known(memory: Path) -> frozenset[str]:
    """Files and folders that `digest` has noted in ``memory``; none if there is no such file."""
    return remembered.names(memory)


def _ask(compiler: Sequence[str], flags: Sequence[str], dpdk: Dpdk, environment: Mapping[str, str]) -> remembered.Found:
    """One hash of the contents of all files that count; no paths are in it."""
    folders = [word for folder in dpdk.include_dirs for word in ("-isystem", folder)]
    command = [*compiler, "-x", "c", "-std=gnu11", "-O3", *flags, *dpdk.cflags, *folders]
    names = [_run([*compiler, *flags, f"-print-prog-name={part}"], environment, "").stdout.strip() for part in _PARTS]
    specs = _specs(compiler, flags, environment)
    headers, searched = _headers([*command, "-v", "-M", "-"], environment)
    # With all that the C library has, as units of the runtime ask for.
    headers = sorted({*headers, *_headers([*command, "-D_GNU_SOURCE", "-v", "-M", "-"], environment)[0]})
    libraries = _libraries([*command, "-", "-o", os.devnull, "-Wl,--trace", *dpdk.libs, "-lm"], environment)
    # All on the path, also what is not there yet: the first may be one that looks for the next, as ccache does.
    path = environment.get("PATH", os.defpath).split(os.pathsep)
    programs = [word if os.sep in word else os.path.join(d, word) for word in (*compiler, *names) if word for d in path]
    below = {os.path.dirname(os.path.relpath(h, d)) for d in searched for h in headers if h.startswith(f"{d}/")}
    places = {os.path.join(d, b) for d in searched for b in below} | {os.path.dirname(f) for f in libraries}
    places |= {word[2:] for word in dpdk.libs if word.startswith("-L")}
    said = _run([*compiler, *flags, "-print-search-dirs"], environment, "").stdout.partition("libraries: =")[2]
    places |= {os.path.normpath(d) for d in said.strip().split(os.pathsep) if d}
    files = sorted({f for f in (*programs, *specs, *headers, *libraries) if os.path.isfile(f)})
    return remembered.Found(
        lambda contents: canonical.digest(sorted([os.path.basename(f), contents[f]] for f in files)),
        [*files, *programs, *specs, *_asking(), *places],
    )


def _specs(compiler: Sequence[str], flags: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Where gcc looks for `_SPECS`, whether or not it is there; nothing of compilers that have none."""
    said = _run([*compiler, *flags, "-print-search-dirs"], environment, "").stdout
    folders = (line.partition(": ")[2].strip().removeprefix("=") for line in said.splitlines())
    found = (d for line in folders for d in line.split(os.pathsep) if d)
    return sorted({os.path.normpath(os.path.join(d, _SPECS)) for d in found})


def _asking() -> list[str]:
    """Files and folders that `_probe` is made of."""
    return [str(p) for top in (_STUBS, runtime.INCLUDE, runtime.SOURCE) for p in (top, *top.rglob("*"))
            if p.name != "__pycache__"]  # fmt: skip


def _probe() -> str:
    """A C file with all headers that an NF or the runtime may include, as far as they exist."""
    names = {p.relative_to(_STUBS).as_posix() for p in _STUBS.rglob("*.h")}
    for folder in (runtime.INCLUDE, runtime.SOURCE):
        for path in folder.rglob("*.[ch]"):
            names.update(_INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")))
    return "".join(f"#if __has_include(<{n}>)\n#include <{n}>\n#endif\n" for n in sorted(names)) + "int main(void);\n"


def _headers(command: Sequence[str], environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Files that preprocessing `_probe` reads, and folders in which it looks for them, also such as do not exist."""
    done = _run(command, environment, _probe())
    words = [re.sub(r"\\(.)", r"\1", w) for w in _WORD.findall(done.stdout.replace("\\\n", " "))]
    search = done.stderr.partition("search starts here:")[2].partition("End of search list")[0]
    folders = [d.strip() for d in search.split("\n") if d.startswith(" ")]
    return [w for w in words if os.path.isfile(w)], [*folders, *_NONE_THERE.findall(done.stderr)]


def _libraries(command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Files that a linker opens for a program."""
    done = _run(command, environment, "int main(void) { return 0; }\n")
    return sorted({line for line in done.stdout.split("\n") if os.path.isabs(line) and os.path.isfile(line)})


def _run(command: Sequence[str], environment: Mapping[str, str], text: str) -> subprocess.CompletedProcess[str]:
    visible = {**environment, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command, input=text, env=visible, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:  # what cannot be run is told by the step that needs it
        return subprocess.CompletedProcess(command, 127, "", "")
