"""The checker's table of operations says what the tool's does: they were made apart, and a new operation needs both."""

from __future__ import annotations

from maestro_tool.certificate.read import OPERATIONS
from maestro_tool.operations import OPERATIONS as ROWS
from maestro_tool.operations.row import Entries


def test_operations() -> None:
    named = {Entries.RANGE: "index"} | {e: e.value for e in Entries if e is not Entries.RANGE}
    assert {
        name: tuple((named[o.entries], o.writes) for o in row.objects) for name, row in ROWS.items()
    } == OPERATIONS  # fmt: skip
