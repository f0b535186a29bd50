"""The checker's table of operations says what the tool's does: they were made apart."""

from __future__ import annotations

from maestro_tool.certificate.read import OPERATIONS, touches
from maestro_tool.certificate.shapes import ANNOUNCES, SHAPES
from maestro_tool.operations import OPERATIONS as ROWS
from maestro_tool.operations.row import Entries, Role


def test_operations() -> None:
    named = {Entries.RANGE: "index"} | {e: e.value for e in Entries if e is not Entries.RANGE}
    said = {name: tuple((named[o.entries], o.writes) for o in row.objects) for name, row in ROWS.items()}
    assert {name: said[name] for name in OPERATIONS} == OPERATIONS


def test_operations_that_are_not_known_may_change_everything() -> None:
    assert touches({"op": "dchain_is_full", "objects": [4, 5]}) == (("any", True), ("any", True))


def test_what_operations_need_and_give() -> None:
    """Operands that events always have (a double map's key is bytes; what is written is bytes of something), and parts,
    where they answer only if that is yes."""
    more = {"vector_write": {"stored"}, "global_write": {"stored"}, "dmap_put": {"stored"}, "dmap_get_a": {"raw"}}
    more["dmap_get_b"] = more["dmap_get_a"]
    assert SHAPES.keys() == ROWS.keys()
    for name, row in ROWS.items():
        needs, gives = SHAPES[name]
        required = {m for m in row.required if row.operands.get(m) is not Role.PRODUCES}
        assert set(needs.split()) == required | more.get(name, set()), name
        assert {p.rstrip("?") for p in gives.split()} == set(row.produces), name
        assert all(p.endswith("?") == row.answers for p in gives.split()), name


def test_who_becomes_the_writer() -> None:
    answers: dict[str, tuple[bool | None, ...]] = {"always": (None,), "if yes": (True,), "never": ()}
    for name, row in ROWS.items():
        either = (True, False) if row.answers and row.announces == "always" else ()
        assert ANNOUNCES.get(name, ()) == (*answers[row.announces], *either), name
