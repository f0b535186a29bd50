"""Hashes that say "the same question was asked before"; the only maker of cache keys.

A key covers all that can change an answer: the input by its meaning, the options, and the tool itself.  What of the
tool a step can reach is computed from the imports, so that no list can forget a file: all modules that its first ones
import, at whatever place; other files of their folders; the versions of Python and of packages.

Imports are found by pattern, which takes a tenth of what parsing does; and a build, which asks at each start, keeps the
answer with the files that it read (`remembered`).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from maestro_tool import canonical, remembered

PACKAGE = Path(__file__).parent

#: First modules of ...
#: ... the commands of a build: profile, analyse, generate, sequential.
STEPS = ("maestro_tool.__main__", "maestro_tool.cli.build", "maestro_tool.step_server")
#: ... what finds call paths, and writes them.
ANALYSIS = ("maestro_tool.call_paths", "maestro_tool.forms")
#: ... what solves RSS problems, and writes solutions.
SOLUTION = ("maestro_tool.rss", "maestro_tool.forms")

#: Modules of others -> the distributions that have them, and those that do these's work.
DISTRIBUTIONS = {
    "SCons": ("SCons",),
    "bitwuzla": ("bitwuzla",),
    "cvc5": ("cvc5",),
    "graphviz": ("graphviz",),
    "jinja2": ("Jinja2", "MarkupSafe"),
    "numpy": ("numpy",),
    "pycparser": ("pycparser",),
    "pydantic": ("pydantic", "pydantic-core"),
    "pydantic_core": ("pydantic-core",),
    "rich": ("rich",),
    "yaml": ("PyYAML",),
    "z3": ("z3-solver",),
}

#: Modules of others that only carry results from place to place: what comes is as it was sent, or is not used.
CARRIERS = ("distributed", "fsspec")

#: C that is compiled with NFs, and that no step reads.
_COMPILED = (PACKAGE / "runtime" / "src", PACKAGE / "runtime" / "bench")
#: With the end of the line before: that is found sooner than the start of a line.
_IMPORT = re.compile(rb"\n[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n]*))|import[ \t]+([\w.]+))")
#: ``import_module(f"a.b.{name}")`` may be any module of a.b.
_COMPUTED = re.compile(rb'import_module\(f"([\w.]+)\.\{\w+\}"\)')
_NAME = re.compile(r"\w+")
_DISTRIBUTION = re.compile(r"(.+?)-([^-]+)\.dist-info")


@cache
def tool(entries: tuple[str, ...], python: str = sys.executable) -> str:
    """SHA-256 (hex) of all of the tool that modules ``entries`` can reach; ``python``: what runs them."""
    content, others, _ = _reached(entries)
    return _with_versions(content, others, python)


def tool_remembered(entries: tuple[str, ...], python: str, memory: Path, *, remember: bool) -> str:
    """As `tool`, which it asks if ``memory`` does not know; ``remember``: whether that file may be written."""

    def ask() -> remembered.Found:
        content, others, read = _reached(entries)
        folders = [place for place, _, _ in os.walk(PACKAGE) if not place.endswith("__pycache__")]
        return remembered.Found(lambda _: [content, others], [*map(str, read), *folders])

    content, others = remembered.answer(memory, canonical.digest([str(PACKAGE), *entries]), ask, remember=remember)
    return _with_versions(content, others, python)


def _reached(entries: tuple[str, ...]) -> tuple[str, list[str], list[Path]]:
    """SHA-256 (hex) of the files, names of others' modules, and the files."""
    modules, others = reach(entries)
    read = files(modules)
    h = hashlib.sha256()
    for path in read:
        content = _content(path)
        h.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        h.update(content)
    return h.hexdigest(), sorted(others), read


def _with_versions(content: str, others: Iterable[str], python: str) -> str:
    versions = _versions(others) if python == sys.executable else _versions_elsewhere(python, others)
    return hashlib.sha256(content.encode() + versions).hexdigest()


def reach(entries: Iterable[str]) -> tuple[frozenset[Path], frozenset[str]]:
    """Files of all modules of this package that ``entries`` import, at whatever place, and names of others' modules."""
    work = [module for entry in entries for module in _modules(entry)]
    found, others = set(work), set()
    while work:
        for name in _imports(work.pop()):
            own = _modules(name)
            work += [m for m in own if m not in found]
            found.update(own)
            if not own and (top := name.partition(".")[0]) in DISTRIBUTIONS:
                others.add(top)
    return frozenset(found), frozenset(others)


def files(modules: Iterable[Path]) -> list[Path]:
    """``modules``, and the other files of their folders: headers, templates."""
    result = set(modules)
    work = [str(m.parent) for m in result if m.name == "__init__.py"]
    while work:
        for entry in os.scandir(work.pop()):
            if entry.is_dir(follow_symlinks=False):
                place = Path(entry.path)
                if entry.name != "__pycache__" and place not in _COMPILED and not (place / "__init__.py").exists():
                    work.append(entry.path)
            elif not entry.name.endswith((".py", ".pyc", "~")) and not entry.name.startswith("."):
                result.add(Path(entry.path))
    return sorted(result)


def analysis_key(program: str, arguments: tuple[str, ...], ports: int, limits: str) -> str:
    """Key of an analysis; ``program`` is ``frontend.fingerprint``: no comments, layout or locations in it."""
    return "analysis-" + canonical.digest(
        {
            "tool": tool(ANALYSIS),
            "program": program,
            "arguments": list(arguments),
            "ports": ports,
            "limits": limits,
        }
    )


def solution_key(problem: str) -> str:
    """Key of an RSS solution; ``problem`` is ``rss.Problem.digest``: constraints and what the NIC can hash."""
    return "rss-" + canonical.digest({"tool": tool(SOLUTION), "problem": problem})


# --------------------------------------------------------------------------- imports


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()


@cache
def _imports(module: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_imported(_content(module))))


def _imported(content: bytes) -> Iterator[str]:
    """Names that may be modules: ``a.b``, and ``a.b.c`` of ``from a.b import c``."""
    for found in _IMPORT.finditer(b"\n" + content):
        origin, listed, line, plain = (part.decode() if part else "" for part in found.groups())
        yield origin or plain
        yield from (f"{origin}.{name}" for name in _NAME.findall(listed or line))
    for found in _COMPUTED.finditer(content):
        folder = found[1].decode()
        yield from (f"{folder}.{m.stem}" for m in PACKAGE.parent.joinpath(*folder.split(".")).glob("*.py"))


@cache
def _modules(name: str) -> tuple[Path, ...]:
    """The files that importing ``name`` runs: its own, and of the packages that it is in; () if it is not ours."""
    top, *parts = name.split(".")
    if top != PACKAGE.name:
        return ()
    place = os.path.join(PACKAGE, *parts)
    own = next((f for f in (f"{place}/__init__.py", f"{place}.py") if os.path.isfile(f)), None)
    return (*_modules(name.rpartition(".")[0]), Path(own)) if own else ()


# --------------------------------------------------------------------------- versions


def _versions(others: Iterable[str]) -> bytes:
    installed = _installed()
    names = sorted({distribution for module in others for distribution in DISTRIBUTIONS[module]})
    lines = [f"{name} {installed.get(_plain(name)) or _asked(name)}\n" for name in names]
    return "".join([f"{platform.python_implementation()} {platform.python_version()}\n", *lines]).encode()


def _versions_elsewhere(python: str, others: Iterable[str]) -> bytes:
    """Of another interpreter, which has other packages; nothing where it cannot be asked: steps will say why."""
    command = [python, "-P", "-m", __name__, *sorted(others)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    try:
        return subprocess.run(command, capture_output=True, env=environment, check=False).stdout
    except OSError:
        return b""


def _installed() -> dict[str, str]:
    """Versions by the names of folders, which saves reading a file for each."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for match in filter(None, map(_DISTRIBUTION.fullmatch, names)):
            found.setdefault(_plain(match[1]), match[2])
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _asked(name: str) -> str:
    from importlib import metadata  # takes long to import, and is rarely needed

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    sys.stdout.buffer.write(_versions(sys.argv[1:]))
