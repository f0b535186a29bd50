"""The checker's table of operations says what the tool's does: they were made apart."""

from __future__ import annotations

from maestro_tool.certificate.read import OPERATIONS, touches
from maestro_tool.operations import OPERATIONS as ROWS
from maestro_tool.operations.row import Entries


def test_operations() -> None:
    named = {Entries.RANGE: "index"} | {e: e.value for e in Entries if e is not Entries.RANGE}
    said = {name: tuple((named[o.entries], o.writes) for o in row.objects) for name, row in ROWS.items()}
    assert {name: said[name] for name in OPERATIONS} == OPERATIONS


def test_operations_that_are_not_known_may_change_everything() -> None:
    assert touches({"op": "dchain_is_full", "objects": [4, 5]}) == (("any", True), ("any", True))
