"""An index that goes out of use takes exactly its keys along: what the lemma says by itself of one table, or of two."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_table import ALONG, ERASE_KEY, ERASE_TWIN, EXPIRE, FREE, GET_OTHER, START, TWIN, TWINS, table
from small_nfs import question_of, said_by
from test_blocks import ERASE, NF
from test_blocks import FINE as BLOCK_FINE
from test_blocks import PRELUDE as BLOCKS
from test_remedies import prelude as remedies

from maestro_tool.sharding.lemmas.keys_and_indices_leave_together import obstacles
from maestro_tool.sharding.plan import Code

IP = frozenset({"ip_table.chain", "ip_table.map"})
CHAIN, MAP, BOTH = frozenset({"ip_table.chain"}), frozenset({"ip_table.map"}), IP | {"mac_table.map"}
TWIN_MAP = frozenset({"mac_table.map"})


def said(tmp_path: Path, body: str, prelude: str = TWINS) -> set[tuple[Code, frozenset[str]]]:
    return said_by(obstacles, question_of(tmp_path, START + body, prelude=prelude))


CASES = {
    "nothing leaves": (table(), set()),
    # An index that a look-up gave is freed.
    "erased and freed": (table(ERASE_KEY + FREE.format("i")), set()),
    "freed and erased": (table(FREE.format("i") + ERASE_KEY), set()),
    "freed only": (table(FREE.format("i")), {(Code.KEY_STAYS, IP)}),
    "erased only": (table(ERASE_KEY), {(Code.INDEX_NOT_FREED, MAP)}),
    "erased of a map that has no keys": (table(ERASE_TWIN), set()),
    "another is erased": (
        table("map_erase(ip_table.map, &o, (void **)&t);" + FREE.format("i")),
        {(Code.KEY_STAYS, IP), (Code.INDEX_MAY_STAY, MAP)},
    ),
    "another is freed": (
        table(GET_OTHER + "{" + ERASE_KEY + FREE.format("q") + "}"),
        {(Code.KEY_STAYS, IP), (Code.INDEX_MAY_STAY, MAP)},
    ),
    "erased before it is looked up": (
        ERASE_KEY + table(FREE.format("i")), {(Code.KEY_STAYS, IP), (Code.INDEX_MAY_STAY, MAP), (Code.INDEX_NOT_FREED, MAP)},
    ),
    "looked up twice, and freed": (
        table("if (map_get(ip_table.map, &k, &q)) " + FREE.format("i")), {(Code.KEY_STAYS, IP)},
    ),
    "freed twice": (
        table(ERASE_KEY + FREE.format("i") + FREE.format("i")), {(Code.KEY_MAY_STAY, IP)},
    ),
    "another index, too, is freed": (
        table(GET_OTHER + "{" + ERASE_KEY + FREE.format("i") + "map_erase(ip_table.map, &o, (void **)&t);" + FREE.format("q") + "}"),
        set(),
    ),
    "its key is erased of another map": (
        TWIN + table(ERASE_TWIN + FREE.format("i")),
        {(Code.KEY_STAYS, IP), (Code.INDEX_NOT_FREED, TWIN_MAP)},
    ),
    "the index of another map's key is freed": (
        TWIN + "if (map_get(mac_table.map, &k, &q)) {" + ERASE_KEY + FREE.format("q") + "return 3; }" + table(),
        {(Code.KEY_STAYS, IP), (Code.INDEX_MAY_STAY, MAP)},
    ),
    "one of two keys is erased": (
        table(ERASE_KEY + FREE.format("i"), put=ALONG), {(Code.KEY_STAYS, CHAIN | TWIN_MAP)},
    ),
    "both keys are erased": (  # that the second lies at the first one's index is not seen
        table(ERASE_KEY + ERASE_TWIN + FREE.format("i"), put=ALONG),
        {(Code.KEY_STAYS, CHAIN | TWIN_MAP), (Code.INDEX_MAY_STAY, TWIN_MAP)},
    ),
    # An index that was allocated just now is freed.
    "freed without a key": (table(before=FREE.format("j") + "return 1;"), set()),
    "a new one is freed": (table(put=FREE.format("j")), {(Code.KEY_STAYS, IP)}),
    "a new one is erased and freed": (table(put=ERASE_KEY + FREE.format("j")), set()),
    "a new one is erased": (table(put=ERASE_KEY), {(Code.INDEX_NOT_FREED, MAP)}),
    "a new one is put, another is freed": (
        table(put=GET_OTHER + "{ map_erase(ip_table.map, &o, (void **)&t);" + FREE.format("q") + "}"), set(),
    ),
    "a new one's twin is erased": (
        TWIN + table(put=ERASE_TWIN + FREE.format("j")),
        {(Code.KEY_STAYS, IP), (Code.INDEX_NOT_FREED, TWIN_MAP)},
    ),
    "a new one of another table is freed": (
        TWIN + table(put="dchain_free_index(mac_table.chain, j);"), {(Code.KEY_MAY_STAY, frozenset({"mac_table.chain", "mac_table.map"}))},
    ),
    "freed without a key, beside another table": (TWIN + table(before=FREE.format("j") + "return 1;"), set()),
    "freed with the key of a map without places": (
        table(before="vector_borrow(mac_table.keys, j, (void **)&t); *t = k; map_put(mac_table.map, t, j);" + FREE.format("j") + "return 1;"),
        set(),
    ),
    "a new one is erased, its value is freed": (
        "if (map_get(ip_table.map, &k, &i) || !dchain_allocate_new_index(ip_table.chain, &q, now)) return 1;"
        "if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return 1;"
        "vector_borrow(ip_table.keys, j, (void **)&s); *s = k; map_put(ip_table.map, s, q);" + ERASE_KEY + FREE.format("q"),
        {(Code.INDEX_MAY_STAY, MAP)},
    ),
    "erased, put again, and erased": (
        table(
            ERASE_KEY + FREE.format("i") + "if (map_get(ip_table.map, &k, &q)) return 2;"
            "if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return 3;"
            "vector_borrow(ip_table.keys, j, (void **)&s); *s = k; map_put(ip_table.map, s, j);" + ERASE_KEY
        ),
        {(Code.INDEX_MAY_STAY, MAP)},
    ),
    # An index that nobody gave is freed.
    "any is freed": (table() + FREE.format("5"), {(Code.KEY_MAY_STAY, IP)}),
    "any is freed of a table without keys": (table() + "dchain_free_index(mac_table.chain, 5);", set()),
    "the oldest is freed": (
        table() + "dchain_expire_one_index(ip_table.chain, &q, now - 9);", {(Code.KEY_OF_OLDEST_MAY_STAY, IP)},
    ),
    "the oldest is freed twice": (
        table() + "if (dchain_expire_one_index(ip_table.chain, &q, now - 9)) " + FREE.format("q"),
        {(Code.KEY_OF_OLDEST_MAY_STAY, IP), (Code.KEY_MAY_STAY, IP)},
    ),
    "keys of any range are erased": (
        table() + "expire_items_single_map_iteratively(ip_table.keys, ip_table.map, 0, 1024);",
        {(Code.RANGE_ERASED_UNKNOWN, frozenset({"ip_table.keys", "ip_table.map"}))},
    ),
    # Indices expire.
    "expires": (EXPIRE + table(), set()),
    "two tables expire": (EXPIRE + EXPIRE.replace("ip_table", "mac_table") + TWIN + table(), set()),
    "expires with another map": (
        EXPIRE.replace("ip_table.keys, ip_table.map", "mac_table.keys, mac_table.map") + table(),
        {(Code.KEY_STAYS, IP)},
    ),
    "expires with another vector": (
        EXPIRE.replace("ip_table.keys", "mac_table.keys") + table(),
        {(Code.EXPIRED_ELSEWHERE, IP | {"mac_table.keys"})},
    ),
    "one of two keys expires": (EXPIRE + table(put=ALONG), {(Code.KEY_STAYS, CHAIN | TWIN_MAP)}),
    # What an earlier owner left at an index expires with it.
    "a new one without a key expires": (
        EXPIRE + table(before="if (ip->next_proto_id == 17) return 1;"), {(Code.INDEX_WITHOUT_KEY, IP)},
    ),
    "a new one without a key, and one with a key": (
        EXPIRE + table(before="if (!dchain_allocate_new_index(ip_table.chain, &q, now)) {" + FREE.format("j") + "return 1; }"),
        {(Code.INDEX_WITHOUT_KEY, IP)},
    ),
    "a new one without a key is freed": (
        EXPIRE + table(before="if (ip->next_proto_id == 17) {" + FREE.format("j") + "return 1; }"), set(),
    ),
    "a new one without a key, while another is freed": (
        EXPIRE + table(before="if (ip->next_proto_id == 17) {" + GET_OTHER + "{ map_erase(ip_table.map, &o, (void **)&t);" + FREE.format("q") + "} return 1; }"),
        {(Code.INDEX_WITHOUT_KEY, IP)},
    ),
    "a new one without a key is in use for ever": (table(before="if (ip->next_proto_id == 17) return 1;"), set()),
    "a new one without a key of a map that does not expire": (
        EXPIRE + table(put="if (ip->next_proto_id == 17) {" + ALONG + "}"), {(Code.KEY_STAYS, CHAIN | TWIN_MAP)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_indices_and_keys(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    assert said(tmp_path, body) == expected


#: The sources' map and that of their ports, whose keys lie in the sources' blocks.
PORTS = frozenset({"ip_port_table.keys", "ip_port_table.map"})
TWO = BLOCKS.replace("Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac)", "IpPort_eq, IpPort_hash, IpPort_init, 8")
OF_NONE = ERASE.format("i * 4", "i * 4 + 4").replace("ip_port_table.map", "mac_table.map")
WITHOUT_PLACE = "map_put(ip_port_table.map, s2, 7);"
ALSO = "int t; if (!map_get(mac_table.map, s2, &t)) map_put(mac_table.map, s2, slot);"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"known": ERASE.format("i * 8", "i * 8 + 4")}, {(Code.RANGE_ERASED_UNKNOWN, PORTS)}),
        (
            {"known": ERASE.format("i * 4", "i * 4 + 4").replace("ip_port_table.map", "ip_table.map")},
            {(Code.RANGE_ERASED_UNKNOWN, frozenset({"ip_port_table.keys", "ip_table.map"}))},
        ),
        ({"put": BLOCK_FINE["put"] + ALSO}, {(Code.RANGE_ERASED_UNKNOWN, PORTS)}),
        ({"put": BLOCK_FINE["put"] + "map_put(mac_table.map, &k2, 7);"}, set()),
        ({"put": WITHOUT_PLACE}, set()),  # another lemma says that its keys have no places
        # A map that nobody fills: whether another has its keys there is not the question.
        ({"clean": OF_NONE}, {(Code.RANGE_ERASED_UNKNOWN, frozenset({"ip_port_table.keys", "mac_table.map"}))}),
        (
            {"clean": OF_NONE, "put": WITHOUT_PLACE},
            {(Code.RANGE_ERASED_UNKNOWN, frozenset({"ip_port_table.keys", "mac_table.map"}))},
        ),
        ({"put": WITHOUT_PLACE, "known": "map_put(mac_table.map, &k2, 7);"}, set()),
        (
            {"known": "expire_items_single_map(ip_table.chain, ip_port_table.keys, ip_port_table.map, now - 1000);"},
            {
                (Code.EXPIRED_ELSEWHERE, PORTS | {"ip_table.chain"}),
                (Code.KEY_STAYS, IP),
            },
        ),
    ],
)
def test_blocks(change: dict[str, str], expected: set[tuple[Code, frozenset[str]]], tmp_path: Path) -> None:
    q = question_of(tmp_path, NF.format(**{**BLOCK_FINE, **change}), prelude=TWO)
    assert said_by(obstacles, q) == expected


def test_double_maps_that_expire(tmp_path: Path) -> None:
    """Their allocator's other maps keep their keys."""
    body = START + "expire_items(ip_table.chain, pairs, now - 9);" + table()
    assert said_by(obstacles, question_of(tmp_path, body, prelude=remedies())) == {(Code.KEY_STAYS, IP)}
