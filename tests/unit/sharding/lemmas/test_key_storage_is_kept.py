"""Nothing is written where a key lies while its map may have it: what the lemma says by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_table import START, TWIN, TWINS, table
from small_nfs import PRELUDE, question_of, said_by
from test_blocks import FINE, NF, TWO_MAPS
from test_in_step import LOOK_UP, filled

from maestro_tool.sharding.lemmas.key_storage_is_kept import obstacles
from maestro_tool.sharding.plan import Code

CHANGE = "vector_borrow(ip_table.keys, {}, (void **)&s); s->addr = 7;"
KEYS = frozenset({"ip_table.keys"})
CASES = {
    "a table": (table(), set()),
    "two tables": (TWIN + table(), set()),
    "a key that was found": (table(CHANGE.format("i")), {(Code.KEY_CHANGED, KEYS)}),
    "any key": ("if (ip->next_proto_id == 17) {" + CHANGE.format("ip->time_to_live") + "return 4; }" + table(), {(Code.KEY_CHANGED, KEYS)}),
    "no key": (table() + CHANGE.replace("ip_table.keys", "counters").format("ip->time_to_live"), set()),
    "a vector that no map's keys lie in": (CHANGE.format("ip->time_to_live"), set()),
    "the next one's key": (
        table(before="if (ip->next_proto_id == 17) {" + CHANGE.format("j") + "return 4; }"), set(),
    ),
    "a map without places": (
        table(put="map_put(mac_table.map, &k, 7);"), {(Code.KEY_NOT_IN_VECTOR, frozenset({"mac_table.map"}))},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_keys(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    assert said_by(obstacles, question_of(tmp_path, START + body, prelude=TWINS)) == expected


IN_BLOCK = {(Code.KEY_CHANGED, frozenset({"ip_port_table.keys"}))}
#: Puts the key into another map, where it lies in another vector.
ELSEWHERE = """
  struct IpPort *e; int t;
  if (!map_get(mac_table.map, &k2, &t)) {
    if (!dchain_allocate_new_index(mac_table.chain, &t, now)) return device;
    vector_borrow(mac_table.keys, t, (void **)&e); *e = k2; map_put(mac_table.map, e, t);
  }
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"put": FINE["put"] + ELSEWHERE}, set()),
        ({"put": "if (ip->next_proto_id == 6) " + FINE["put"]}, IN_BLOCK),
        ({"put": f"if (ip->next_proto_id == 6) {FINE['put']} else {{ {ELSEWHERE} }}"}, IN_BLOCK),
        ({"clean": "vector_borrow(ip_port_table.keys, i * 4, (void **)&s2); s2->port = 7;"}, IN_BLOCK),
        ({"known": "vector_borrow(ip_port_table.keys, i * 4, (void **)&s2); s2->port = 7;"}, IN_BLOCK),
    ],
)
def test_keys_in_blocks(change: dict[str, str], expected: set[tuple[Code, frozenset[str]]], tmp_path: Path) -> None:
    assert said_by(obstacles, question_of(tmp_path, NF.format(**{**FINE, **change}), prelude=TWO_MAPS)) == expected


@pytest.mark.parametrize("write", ["s->addr = ip->dst_addr;", "(void)s->addr;"])
def test_keys_of_set_up(write: str, tmp_path: Path) -> None:
    body = "struct Ip *s; vector_borrow(ip_table.keys, ip->time_to_live, (void **)&s);" + write + LOOK_UP
    changed = {(Code.KEY_OF_SET_UP_CHANGED, frozenset({"ip_table.keys", "ip_table.map"}))}
    assert said_by(obstacles, question_of(tmp_path, body, prelude=filled("lie"))) == (
        changed if "=" in write else set()
    )


def test_what_is_only_read_has_no_place_and_needs_none(tmp_path: Path) -> None:
    assert said_by(obstacles, question_of(tmp_path, LOOK_UP, prelude=PRELUDE)) == set()


def test_keys_of_what_is_shared_have_no_places_and_need_none(tmp_path: Path) -> None:
    q = question_of(
        tmp_path, START + CASES["a map without places"][0], prelude=TWINS, shared=frozenset({"mac_table.map"})
    )
    assert said_by(obstacles, q) == set()
