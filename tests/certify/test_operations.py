"""The checker's table of operations says what the tool's does: they were made apart."""

from __future__ import annotations

from maestro_tool.certificate import read
from maestro_tool.certificate.read import Certificate, touches
from maestro_tool.certificate.shapes import ANNOUNCES, SHAPES
from maestro_tool.operations import OPERATIONS
from maestro_tool.operations.parts import EXPIRE_PAIRS
from maestro_tool.operations.row import Entries, Role

#: A certificate is about the parts of double maps, too.
ROWS = {**OPERATIONS, EXPIRE_PAIRS.name: EXPIRE_PAIRS}


def test_operations() -> None:
    named = {Entries.RANGE: "index"} | {e: e.value for e in Entries if e is not Entries.RANGE}
    said = {name: tuple((named[o.entries], o.writes) for o in row.objects) for name, row in ROWS.items()}
    assert {name: said[name] for name in read.OPERATIONS} == read.OPERATIONS


def test_operations_that_are_not_known_may_change_everything() -> None:
    assert touches({"op": "dchain_is_full", "objects": [4, 5]}) == (("any", True), ("any", True))


def test_what_operations_need_and_give() -> None:
    """Operands that events always have (a double map's key is bytes; what is written is bytes of something), and parts,
    where they answer only if that is yes."""
    more = {
        "vector_write": {"stored"},
        "global_write": {"stored"},
        "array_write": {"stored"},
        "dmap_put": {"stored"},
        "dmap_get_a": {"raw"},
    }
    more["dmap_get_b"] = more["dmap_get_a"]
    for name, (needs, gives) in SHAPES.items():
        row = ROWS[name]
        required = {m for m in row.required if row.operands.get(m) is not Role.PRODUCES}
        assert set(needs.split()) == required | more.get(name, set()), name
        assert {p.rstrip("?") for p in gives.split()} == set(row.produces), name
        assert all(p.endswith("?") == row.answers for p in gives.split()), name


def test_what_is_not_known_there_gives_anything() -> None:
    """A new operation needs no entry: no path of it is damaged, and nothing that it touches can be sharded."""
    entries = [["sym", 8, "map_min.0.value"], ["const", 8, 3], ["eq", 0, None, 0, 1]]
    event = {"op": "map_min", "objects": [], "location": "nf.c:1:1", "conditions": 0}
    path = {"port": 0, "location": "", "conditions": [2], "events": [0], "frame": [], "verdict": 1, "grown": 0}
    ports = [{"parts": [0]}]
    document = {
        "expressions": entries,
        "objects": [],
        "ports": ports,
        "events": [event],
        "paths": [path],
        "left_out": [],
    }
    assert Certificate(document).paths[0].conditions == (2,)


def test_who_becomes_the_writer() -> None:
    answers: dict[str, tuple[bool | None, ...]] = {"always": (None,), "if_yes": (True,), "never": ()}
    for name, row in ROWS.items():  # one that is not there makes nobody the writer
        either = (True, False) if row.answers and row.announces == "always" else ()
        assert ANNOUNCES.get(name, ()) == (*answers[row.announces], *either), name
