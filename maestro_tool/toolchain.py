"""What compiles NFs, besides this tool and the user's files, as one digest: compiler, DPDK, system headers, libraries.

A build asks this at each start, but preprocesses hundreds of headers only once: `digest` keeps in a file what it found,
with each file's size and time, and looks into files again whose time has changed.  Folders that are searched count
as well: a header that is new may hide another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro_tool import canonical, runtime
from maestro_tool.dpdk import Dpdk

#: Variables that say where compilers and linkers look: what they find there counts.
SEARCHED = ("PATH", "CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "LD_LIBRARY_PATH")
#: Variables that count as they are.
SETTINGS = ("SOURCE_DATE_EPOCH", "LD_RUN_PATH", "GNUTARGET", "LDEMULATION")

_STUBS = Path(__file__).parent / "frontend" / "headers"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
_WORD = re.compile(r"(?:\\.|[^\s\\])+")
#: Programs that a compiler runs.
_PARTS = ("cc1", "as", "collect2", "ld")
#: A file that changed so shortly before it was read may change again without another time.
_RACY_NS = 2_000_000_000


def digest(
    compiler: Sequence[str], dpdk: Dpdk, environment: Mapping[str, str], memory: Path, *, remember: bool = True
) -> str:
    """SHA-256 (hex) of all that compiling and linking for ``dpdk`` reads outside of the repository; no paths are in it.

    ``compiler``: a command, as ``("ccache", "gcc")``.  ``memory``: a file for what was found, if ``remember``.
    """
    visible = {name: environment[name] for name in (*SEARCHED, *SETTINGS) if name in environment}
    question = canonical.digest([list(compiler), repr(dpdk), visible, _probe()])
    known = _remembered(memory, question)
    if known is None:
        known = _ask(compiler, dpdk, environment)
        if remember:
            with contextlib.suppress(OSError):
                canonical.write_files({memory: canonical.dumps({**known, "question": question})})
    settings = {name: visible[name] for name in SETTINGS if name in visible}
    words = [w for w in (*dpdk.cflags, *dpdk.libs) if not w.startswith("-L")]
    contents = sorted([Path(name).name, found[2]] for name, found in known["files"].items())
    return canonical.digest([Path(compiler[0]).name, *compiler[1:], dpdk.version, words, settings, contents])


def _remembered(memory: Path, question: str) -> dict[str, Any] | None:
    """What `_ask` found, if that is so still."""
    try:
        known: dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
        if known["question"] != question:
            return None
        before = known["asked"] - _RACY_NS
        for name, modified in known["folders"].items():
            if os.stat(name).st_mtime_ns != modified or modified > before:
                return None
        for name, (size, modified, content) in known["files"].items():
            now = os.stat(name)
            same = (now.st_size, now.st_mtime_ns) == (size, modified) and modified <= before
            if not same and _content(name) != content:
                return None
        return known
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _ask(compiler: Sequence[str], dpdk: Dpdk, environment: Mapping[str, str]) -> dict[str, Any]:
    asked = time.time_ns()
    folders = [word for folder in dpdk.include_dirs for word in ("-isystem", folder)]
    command = [*compiler, "-x", "c", "-std=gnu11", "-O3", *dpdk.cflags, *folders]
    parts = [_run([*compiler, f"-print-prog-name={part}"], environment, "").stdout.strip() for part in _PARTS]
    headers, searched = _headers([*command, "-v", "-M", "-"], environment)
    libraries = _libraries([*command, "-", "-o", os.devnull, "-Wl,--trace", *dpdk.libs, "-lm"], environment)
    # Of the compiler itself all on the path: the first may be one that looks for the next, as ccache does.
    path = environment.get("PATH", os.defpath)
    programs = [os.path.join(d, word) for word in compiler if os.sep not in word for d in path.split(os.pathsep)]
    programs += [word for word in compiler if os.sep in word]
    programs += [found for part in parts if (found := shutil.which(part, path=path))]
    files = sorted({f for f in (*programs, *headers, *libraries) if os.path.isfile(f)})
    below = {os.path.dirname(os.path.relpath(h, d)) for d in searched for h in headers if h.startswith(f"{d}/")}
    places = {os.path.join(d, b) for d in searched for b in below} | {os.path.dirname(f) for f in libraries}
    places |= {word[2:] for word in dpdk.libs if word.startswith("-L")}
    return {
        "asked": asked,
        "files": {f: [os.stat(f).st_size, os.stat(f).st_mtime_ns, _content(f)] for f in files},
        "folders": {d: os.stat(d).st_mtime_ns for d in sorted(places) if os.path.isdir(d)},
    }


def _probe() -> str:
    """A C file with all headers that an NF or the runtime may include, as far as they exist."""
    names = {p.relative_to(_STUBS).as_posix() for p in _STUBS.rglob("*.h")}
    for folder in (runtime.INCLUDE, runtime.SOURCE):
        for path in folder.rglob("*.[ch]"):
            names.update(_INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")))
    return "".join(f"#if __has_include(<{n}>)\n#include <{n}>\n#endif\n" for n in sorted(names)) + "int main(void);\n"


def _headers(command: Sequence[str], environment: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Files that preprocessing `_probe` reads, and the folders in which it looks for them."""
    done = _run(command, environment, _probe())
    words = [re.sub(r"\\(.)", r"\1", w) for w in _WORD.findall(done.stdout.replace("\\\n", " "))]
    search = done.stderr.partition("search starts here:")[2].partition("End of search list")[0]
    return [w for w in words if os.path.isabs(w)], [d.strip() for d in search.split("\n") if d.startswith(" ")]


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


def _content(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()
