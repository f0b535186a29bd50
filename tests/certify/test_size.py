"""The checker is small enough to be read; docs/certificate.md says how large it is, all that decides counted."""

from __future__ import annotations

import re

from builds import ROOT


def _lines(*folders: str) -> int:
    files = [f for folder in folders for f in (ROOT / "maestro_tool" / folder).rglob("*.py") if f.name != "write.py"]
    return sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files)


def test_lines_of_the_checker() -> None:
    """Obligations; and with what they stand on: reading and binding the file, claims as SMT-LIB, solvers."""
    assert _lines("certify") <= 500
    assert _lines("certify", "certificate", "smtlib") <= 2760


def test_the_document_says_how_many() -> None:
    text = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
    [said] = re.findall(r"together about (\d),(\d\d\d) lines", text)
    assert abs(int("".join(said)) - _lines("certify", "certificate", "smtlib")) <= 50
