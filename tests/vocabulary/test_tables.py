"""C and documentation say what the tool's tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tables import ROOT, with_section, written

from maestro_tool.packet.classes import CLASSES


@pytest.mark.parametrize("path", written(), ids=str)
def test_what_is_written_from_tables_is_up_to_date(path: Path) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert text == written()[path], "run: python tests/vocabulary/tables.py"


def test_a_section_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no section"):
        with_section("# Page\n", "views", "text")


def test_no_other_file_of_the_runtime_or_the_tool_lists_classes() -> None:
    """A list of class names beside the table is one that somebody forgets: two names in a line are the sign.

    The checker of certificates has its own, on purpose, and tests/certify/test_frames.py compares it with the table."""
    folder = ROOT / "maestro_tool"
    lists = (folder / "packet" / "classes.py", folder / "smtlib" / "frames.py")
    names = "|".join(sorted(CLASSES, key=len, reverse=True))
    pattern = re.compile(rf"""["'](?:{names})["'][^\n]*["'](?:{names})["']""")
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.j2")))
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line) and path not in lists
    ]
    assert found == []
