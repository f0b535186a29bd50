"""The checker is small enough to be read."""

from __future__ import annotations

from builds import ROOT


def test_lines_of_the_checker() -> None:
    """Obligations and what their names rest on; the reader of the file and the text for solvers are imported."""
    files = sorted((ROOT / "maestro_tool" / "certify").rglob("*.py"))
    assert sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files) <= 500
