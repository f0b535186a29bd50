"""A cache's key covers all sources that can change the answer: what phases import is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from maestro_tool import fingerprint
from maestro_tool.fingerprint import PACKAGE

#: Imported, but no answer depends on them: texts of errors, where headers of DPDK and of the runtime are, what users call.
HARMLESS = {"__init__.py", "diagnostics.py", "dpdk.py", "located_yaml.py", "runtime/__init__.py", "traffic/capture.py"}


def sources(phases: Iterable[str]) -> set[Path]:
    return {f for p in phases for f in ([PACKAGE / p] if (PACKAGE / p).is_file() else (PACKAGE / p).rglob("*.py"))}


def imported(path: Path) -> Iterator[Path]:
    """The package's own modules that a file imports, at whatever place."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(str(module), names, 0):
                modules = [module, *(f"{module}.{alias.name}" for alias in names)]
            case _:
                continue
        for module in modules:
            place = PACKAGE.parent.joinpath(*module.split("."))
            yield from (
                f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_relative_to(PACKAGE) and f.exists()
            )


@pytest.mark.parametrize("phases", [fingerprint.ANALYSIS_PHASES, fingerprint.RSS_PHASES], ids=["analysis", "solution"])
def test_all_that_phases_import_is_in_the_key(phases: tuple[str, ...]) -> None:
    work = list(known := sources(phases))
    while work:
        new = set(imported(work.pop())) - known
        known |= new
        work += new
    assert {f.relative_to(PACKAGE).as_posix() for f in known - sources(phases)} <= HARMLESS
