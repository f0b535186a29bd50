"""What a step can reach of the tool is in its signature: modules that it imports, files that it reads, packages."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_tool import fingerprint
from maestro_tool.fingerprint import ANALYSIS, PACKAGE, SOLUTION, STEPS

ROOT = PACKAGE.parent
ENTRIES = pytest.mark.parametrize("entries", [STEPS, ANALYSIS, SOLUTION], ids=["steps", "analysis", "solution"])

#: Prints the files that ``maestro ARGS`` opens or looks up, of those below the package, and what packages it imports.
TRACE = """
import sys
read = set()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        read.add(arguments[0])
sys.addaudithook(hook)
from maestro_tool.cli import main
assert main(sys.argv[1:]) == 0
read |= {m.__file__ for n, m in sys.modules.items() if n.startswith("maestro_tool") and m.__file__}
print("\\n".join(["", *sorted(read), *(f"module {n}" for n in sorted(sys.modules) if "." not in n)]))
"""


def parsed(path: Path) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """What a file imports by its syntax tree: level, module, names."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                yield from ((0, alias.name, ()) for alias in names)
            case ast.ImportFrom(module, names, level):
                yield level, module or "", tuple(alias.name for alias in names)


def test_patterns_find_what_the_parser_finds() -> None:
    for path in PACKAGE.rglob("*.py"):
        found = set(fingerprint._imported(path.read_bytes()))
        for level, module, names in parsed(path):
            assert level == 0, f"{path}: relative imports are not followed"
            assert {module, *(f"{module}.{name}" for name in names)} <= found, path
            top = module.partition(".")[0]
            known = {*sys.stdlib_module_names, PACKAGE.name, *fingerprint.DISTRIBUTIONS, *fingerprint.CARRIERS}
            assert top in known, f"add {top} to DISTRIBUTIONS"


def test_only_known_modules_import_by_computed_names() -> None:
    """The one of cli/__init__ cannot be followed: the commands of a build are entries themselves."""
    for path in PACKAGE.rglob("*.py"):
        calls = path.read_text().count("import_module(") + path.read_text().count("__import__(")
        followed = len(fingerprint._COMPUTED.findall(path.read_bytes()))
        assert calls == followed + (path == PACKAGE / "cli/__init__.py")
    semantics = PACKAGE / "operations/semantics"
    assert set(semantics.glob("*.py")) <= fingerprint.reach(["maestro_tool.operations.row"])[0]


@ENTRIES
def test_all_that_is_imported_is_reached(entries: tuple[str, ...]) -> None:
    modules, others = fingerprint.reach(entries)
    for path in modules:
        for _, module, names in parsed(path):
            for name in (module, *(f"{module}.{n}" for n in names)):
                assert set(fingerprint._modules(name)) <= modules
                assert name.partition(".")[0] not in fingerprint.DISTRIBUTIONS or name.partition(".")[0] in others


def test_a_step_reads_nothing_else_of_the_tool(tmp_path: Path) -> None:
    """Seen from outside: files that the commands open, and packages that they load."""
    modules, others = fingerprint.reach(STEPS)
    known = {str(f) for f in fingerprint.files(modules)}
    analysis, nf = tmp_path / "analysis.json", sorted(map(str, Path("nfs/fw").glob("*.c")))
    # No bytecode: then sources are opened.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "MAESTRO_CACHE": str(tmp_path / "cache")}
    for words in (
        ["analyse", *nf, "-I", "nfs/fw", "-o", str(analysis)],
        ["generate", str(analysis), "--nic", "e810", "--name", "fw", "-o", str(tmp_path / "fw")],
        ["sequential", *nf, "-I", "nfs/fw", "--name", "fw", "-o", str(tmp_path / "sequential")],
    ):
        done = subprocess.run(
            [sys.executable, "-c", TRACE, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        lines = done.stdout.splitlines()
        read = {os.path.abspath(ROOT / line) for line in lines if not line.startswith("module ")}
        ours = {f for f in read if f.startswith(f"{PACKAGE}{os.sep}") and not f.endswith(".pyc") and os.path.isfile(f)}
        assert ours and ours <= known, ours - known
        loaded = {line.removeprefix("module ") for line in lines if line.startswith("module ")}
        assert loaded & fingerprint.DISTRIBUTIONS.keys() <= others


def test_versions_are_those_of_the_packages() -> None:
    from importlib import metadata

    text = fingerprint._versions(["yaml", "z3", "pydantic"]).decode()
    assert f"PyYAML {metadata.version('PyYAML')}\n" in text and f"z3-solver {metadata.version('z3-solver')}\n" in text
    assert f"pydantic-core {metadata.version('pydantic-core')}\n" in text
    assert text.startswith("CPython 3.")
    assert fingerprint._versions_elsewhere(sys.executable, ["yaml", "z3", "pydantic"]).decode() == text
    assert fingerprint._versions_elsewhere("/nonexistent/python", ["yaml"]) == b""


def test_what_is_remembered_is_what_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = tmp_path / "tool.json"
    for _ in range(2):
        assert fingerprint.tool_remembered(STEPS, sys.executable, memory, remember=True) == fingerprint.tool(STEPS)
    expected = fingerprint.tool(STEPS)
    monkeypatch.setattr(fingerprint, "reach", None)  # nobody asks again
    assert fingerprint.tool_remembered(STEPS, sys.executable, memory, remember=True) == expected


def test_new_modules_and_files_are_noticed(tmp_path: Path) -> None:
    """Each place in which a name is looked up, or files are listed, is among those that are looked at."""
    memory = tmp_path / "tool.json"
    fingerprint.tool_remembered(STEPS, sys.executable, memory, remember=True)
    seen = json.loads(memory.read_text())["seen"]
    folders = {str(p) for p in PACKAGE.rglob("*") if p.is_dir() and p.name != "__pycache__"}
    assert {str(PACKAGE), *folders} <= seen.keys()
    assert {str(f) for f in fingerprint.files(fingerprint.reach(STEPS)[0])} <= seen.keys()
