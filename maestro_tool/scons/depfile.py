"""What a compiler has read for an object, as it says so itself (``-MD``), is what its build knows of.

SCons finds headers by their text, and an analysis notes those that it met.  A file that neither knows of would be
changed without the object being made again.  If it is below the top folder, that is an error; headers of others, which
a unit's own macros can bring in (``_FORTIFY_SOURCE``), are noted in the build folder with their contents: when one of
them changes, all is compiled again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from SCons.Node.FS import File

from maestro_tool import canonical, inputs, toolchain

#: Construction variables of objects that are looked at: what `WORDS` in a command becomes.
ASKED: Final = {"MAESTRO_READS": ["-MD", "-MF", "${TARGET}.d"]}
#: In commands, and no part of their signatures.
WORDS: Final = "$( $MAESTRO_READS $)"

_NAME = re.compile(r"(?:\\.|[^\s\\])+")


def check(target: Sequence[Any], source: Sequence[Any], env: Any) -> int | None:
    """An action after compiling: an error where the compiler has read what ``target`` does not depend on."""
    place = Path(f"{target[0].abspath}.d")
    try:
        text = place.read_text(encoding="utf-8", errors="surrogateescape")
        place.unlink()
    except FileNotFoundError:
        return None  # the compiler writes none
    children = [child for child in target[0].children() if isinstance(child, File)]
    known = {os.path.normpath(name) for name in _known(children, env)}
    paths = (os.path.normpath(os.path.abspath(name)) for name in names(text))
    unknown = [path for path in paths if path not in known]
    own = os.path.join(env.Dir("#").abspath, "")
    if ours := [path for path in unknown if path.startswith(own)]:
        print(
            f"error: {source[0]}: the compiler read {ours[0].removeprefix(own)}, of which the build does not know\n"
            "  hint: include it by its name, and name its folder in CPPPATH",
            file=sys.stderr,
        )
        Path(target[0].abspath).unlink(missing_ok=True)
        return 1
    if unknown:
        _read_more().add(str(target[0]))
        _note(Path(str(env["MAESTRO_MORE"])), unknown)
    return None


def has_read_more(target: Any) -> bool:
    """Whether ``target``, which this build compiled, depends on more than its build knew."""
    return str(target) in _read_more()


def changed(notes: Path) -> str:
    """What headers say now that were noted and say something else; "" if there are none."""
    known = _noted(notes)
    now = {name: _digest(name) for name in sorted(known)}
    others = [content for name, content in now.items() if content != known[name]]
    return canonical.digest(others) if others else ""


def _note(notes: Path, found: Iterable[str]) -> None:
    with _NOTING:
        known = _noted(notes)
        if more := {name: _digest(name) for name in found if name not in known}:
            canonical.write_files({notes: canonical.compact(known | more)})


def _noted(notes: Path) -> dict[str, str]:
    try:
        return dict(json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _digest(name: str) -> str:
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError:
        return ""


_NOTING: Final = threading.Lock()


@cache
def _read_more() -> set[str]:
    """Of this process, which is one build."""
    return set()


def names(text: str) -> list[str]:
    """The files that a rule of make's depends on, as compilers write it."""
    words = _NAME.findall(text.replace("\\\n", " ").partition(": ")[2])
    return [re.sub(r"\\(.)", r"\1", word).replace("$$", "$") for word in words]


def _known(children: Iterable[Any], env: Any) -> Iterator[str]:
    yield from _of_system(str(env["MAESTRO_MEMORY"]))
    for child in children:
        yield child.abspath
        if child.name == inputs.OUTSIDE:
            yield from map(os.path.abspath, json.loads(Path(child.abspath).read_text(encoding="utf-8")))


@cache
def _of_system(memory: str) -> frozenset[str]:
    """The headers of compiler, DPDK and system that this build knows of."""
    return toolchain.known(Path(memory))
