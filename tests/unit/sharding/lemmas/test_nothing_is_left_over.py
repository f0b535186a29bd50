"""What is read of an entry was written since its index was allocated: what the lemma says by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_table import EXPIRE, FREE, GET_OTHER, START, TWIN, TWINS, table
from small_nfs import question_of, said_by
from test_blocks import ERASE, NF
from test_blocks import FINE as BLOCK_FINE
from test_blocks import PRELUDE as BLOCKS
from test_found_by_a_sceptic import SIBLING
from test_interchange import FINE, nat

from maestro_tool.sharding.lemmas.nothing_is_left_over import obstacles
from maestro_tool.sharding.plan import Code

ENTRY = "{{ uint32_t *v; vector_borrow(values, {0}, (void **)&v); {1} vector_return(values, {0}, v); }}"


def write(index: str, entry: str = ENTRY) -> str:
    return entry.format(index, "*v = 1;")


def half(index: str) -> str:
    return ENTRY.format(index, "*(uint16_t *)v = 1;")


def read(index: str) -> str:
    return ENTRY.format(index, "if (*v > 9) return 3;")


def look(index: str) -> str:
    return ENTRY.format(index, "ip->time_to_live = (uint8_t)*v;")


#: Two events before the destination's index is found, and one of its allocator after that.
FOUND = EXPIRE + "if (!map_get(ip_table.map, &o, &q)) return 3; dchain_rejuvenate_index(ip_table.chain, q, now);"
ERASE_OTHER = "map_erase(ip_table.map, &o, (void **)&t);"
LEFT = {(Code.BYTE_LEFT_OVER, frozenset({"ip_table.chain"}))}
EARLY = {(Code.READ_BEFORE_WRITTEN, frozenset({"ip_table.chain"}))}
CASES = {
    "written before": (table(read("i"), put=write("j")), set()),
    "written before, and another table": (TWIN + table(read("i"), put=write("j")), set()),
    "written, then read at once": (table(put=write("j") + read("j")), set()),
    "never read": (table(write("i")), set()),
    "never written": (table(read("i")), LEFT),
    "written in part": (table(read("i"), put=half("j")), LEFT),
    "what was written of it is read": (table(read("i").replace("*v >", "*(uint16_t *)v >"), put=half("j")), set()),
    "written elsewhere": (table(read("i"), put=write("j", ENTRY.replace("values", "counters"))), LEFT),
    "written sometimes": (table(read("i"), put="if (ip->next_proto_id == 6) " + write("j")), LEFT),
    "written at another's index": (TWIN.replace("*t = k;", "*t = k;" + write("q")) + table(read("i")), LEFT),
    "written at another's index only": (
        "if (!dchain_allocate_new_index(mac_table.chain, &q, now)) return 3;" + write("q") + table(read("i")), LEFT,
    ),
    "read before": (table(put=read("j") + write("j")), EARLY),
    "read of packets' entries": (table(put=write("j")) + read("ip->time_to_live").replace("values", "counters"), set()),
    "read of any entry": (table(put=half("j")) + read("now & 7"), set()),
    # An index that was found before another was allocated is that other only if it was freed between.
    "found again, and read before it is written": (table(put=GET_OTHER + look("q") + write("j")), LEFT),
    "found again, and written": (table(read("i"), put=GET_OTHER + write("q") + write("j")), set()),
    "another is found, and read before": (FOUND + table(put=look("q") + write("j")), set()),
    "another is written": (FOUND + table(read("i"), put=write("q")), LEFT),
    "another was freed": (FOUND + ERASE_OTHER + FREE.format("q") + table(put=look("q") + write("j")), LEFT),
    "another was freed of another table": (
        FOUND + "dchain_free_index(mac_table.chain, q);" + table(put=look("q") + write("j")), set(),
    ),
    "there may be no room for another": (
        table("dchain_rejuvenate_index(ip_table.chain, i, now);", put="dchain_allocate_new_index(ip_table.chain, &q, now);"),
        set(),
    ),
    "no room": (
        "if (map_get(ip_table.map, &k, &i)) {" + read("i") + " return 1; }"
        "if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return device;"
        "vector_borrow(ip_table.keys, j, (void **)&s); *s = k; map_put(ip_table.map, s, j);" + write("j"), set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_over(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    assert said_by(obstacles, question_of(tmp_path, START + body, prelude=TWINS)) == expected


CHAIN = frozenset({"ip_table.chain"})
IN_BLOCK = "vector_borrow(counters, i * 4 + 1, (void **)&v); {}"
OWN = ERASE.format("i * 4", "i * 4 + (int)n")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"known": IN_BLOCK.format("*v = 1;")}, set()),
        ({"known": IN_BLOCK.format("*v = *v + 1;")}, {(Code.BLOCK_ENTRY_READ, frozenset({"counters"}))}),
        # What was left decides which keys of the own block are erased: nothing else.
        ({"clean": "if (*v > 2) " + ERASE.format("i * 4", "i * 4 + 4")}, EARLY),
        ({"clean": "int n = *v > 2 ? 4 : 0;" + OWN}, set()),
        ({"clean": "int n; if (*v > 2) n = 4; else n = 2;" + OWN}, set()),
        (
            {"clean": "int n; if (*v > 2) n = 4; else { n = 2; if (ip->next_proto_id == 6) return 1; }" + OWN},
            EARLY | LEFT,
        ),
        ({"clean": "int n; if (*v > 2) n = 4; else { n = 2; total = 7; }" + OWN}, EARLY),
        ({"clean": "int n; if (*v > 2) n = 4; else { n = 2; ip->time_to_live = 7; }" + OWN}, EARLY),
        # However many conditions that takes.
        ({"clean": "int n = 4; if (*v > 2 && ip->next_proto_id == 6) n = 2;" + OWN}, set()),
        ({"clean": "int n = *v < 2 ? 2 : *v < 4 ? (int)*v : 4;" + OWN}, set()),
        ({"clean": "ip->packet_id = (uint16_t)*v;" + ERASE.format("i * 4", "i * 4 + 4")}, EARLY),
        ({"clean": "uint32_t n = *v & 3, *c; vector_borrow(counters, i * 4 + (int)n, (void **)&c); *c = 1;"}, EARLY),
        (
            {
                "clean": "int b; if (ip->next_proto_id == 6) b = *v > 2; else b = ip->next_proto_id == 17;"
                "if (b) total = 7;"
            },
            EARLY,
        ),
        ({"clean": "int n = *v < 4 ? (int)*v : 4; ip->packet_id = (uint16_t)n;" + OWN}, EARLY),
        ({"clean": "int n = *v < 4 ? (int)*v : 4; total = (uint32_t)n;" + OWN}, EARLY),
        ({"clean": "int n = *v < 4 ? (int)*v : 4; if (n == 3) return FLOOD_FRAME;" + OWN}, EARLY | LEFT),
        ({"clean": "int n = *v < 4 ? (int)*v : 4; " + SIBLING + OWN.replace("i *", "w *") + "}"}, EARLY),
        (
            {"clean": SIBLING + "int b; if (*v < 4) b = i; else b = w;" + ERASE.format("b * 4", "b * 4 + 4") + "}"},
            EARLY,
        ),
    ],
)
def test_blocks(change: dict[str, str], expected: set[tuple[Code, frozenset[str]]], tmp_path: Path) -> None:
    assert said_by(obstacles, question_of(tmp_path, NF.format(**{**BLOCK_FINE, **change}), prelude=BLOCKS)) == expected


COUNTER = "vector_borrow(counters, i, (void **)&c); {} vector_return(counters, i, c);"


@pytest.mark.parametrize(
    ("store", "compared", "left"),
    [
        ("", "", False),
        ("", "if (*c) return device;", True),
        ("*c = 1;", "if (*c) return device;", False),
        ("*(uint16_t *)c = 1;", "if (*c) return device;", True),
        ("", "*c = 7;", False),
    ],
)
def test_entries_that_packets_name_by_indices(store: str, compared: str, left: bool, tmp_path: Path) -> None:
    """Other packets of a flow write to the entry, which makes it the flow's."""
    change = {
        "found": COUNTER.format("*c = 1;"),
        "store": FINE["store"] + COUNTER.format(store),
        "compared": FINE["compared"] + COUNTER.format(compared),
    }
    found = said_by(obstacles, question_of(tmp_path, nat(**change)))
    assert found == ({(Code.BYTE_LEFT_OVER, frozenset({"ip_port_table.chain"}))} if left else set())
