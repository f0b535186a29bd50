"""Each entry has a name that packets determine, and one way leads to it: what the lemma says by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_table import START, TWIN, TWINS, table
from small_nfs import question_of, said_by
from test_interchange import nat
from test_remedies import prelude as remedies
from test_sketch_cht import CHOOSE, WITH_SKETCH

from maestro_tool.sharding.lemmas.names_are_total import obstacles
from maestro_tool.sharding.plan import Code

COUNT = "{{ uint32_t *v; vector_borrow(values, {0}, (void **)&v); *v = *v + 1; vector_return(values, {0}, v); }}"
VALUES, CHAIN = frozenset({"values"}), frozenset({"ip_table.chain"})
#: Puts the new index of ip_table.map into mac_table.map, as a value only.
NOTE = (
    "if (!map_get(mac_table.map, &k, &q)) {{ if (!dchain_allocate_new_index(mac_table.chain, &q, now)) return device;"
    " vector_borrow(mac_table.keys, q, (void **)&t); *t = k; map_put(mac_table.map, t, {}); }}"
)

CASES = {
    "a table": (table(), set()),
    "values of its indices": (table(COUNT.format("i"), put=COUNT.format("j")), set()),
    "values of packets": (table() + COUNT.format("ip->time_to_live"), set()),
    # Ways to one entry.
    "found, and by packets": (table(COUNT.format("i")) + COUNT.format("ip->time_to_live"), {(Code.WAYS_NOT_RELATED, VALUES)}),
    "fresh, and by packets": (
        table(put=COUNT.format("j") + COUNT.format("ip->time_to_live")), {(Code.WAYS_NOT_RELATED, VALUES)},
    ),
    "found, of two allocators": (
        TWIN + "if (map_get(mac_table.map, &o, &q)) " + COUNT.format("q") + table(COUNT.format("i")), {(Code.WAYS_NOT_RELATED, VALUES)},
    ),
    "fresh, of two allocators": (
        TWIN.replace("*t = k;", "*t = k;" + COUNT.format("q")) + table(put=COUNT.format("j")), {(Code.WAYS_NOT_RELATED, VALUES)},
    ),
    "in blocks of two sizes": (
        table(COUNT.format("i * 4 + 1"), put=COUNT.format("j * 2 + 1")), {(Code.WAYS_NOT_RELATED, VALUES)},
    ),
    "in blocks and not": (table(COUNT.format("i * 4 + 1"), put=COUNT.format("j")), {(Code.WAYS_NOT_RELATED, VALUES)}),
    "another's fresh index is refreshed": (
        TWIN + table(put="dchain_rejuvenate_index(mac_table.chain, j, now);"), {(Code.WAYS_NOT_RELATED, frozenset({"mac_table.chain"}))},
    ),
    "only another's fresh index is refreshed": (
        table(put="dchain_rejuvenate_index(mac_table.chain, j, now);"), {(Code.WAYS_NOT_RELATED, frozenset({"mac_table.chain"}))},
    ),
    "an index of the packet's own is refreshed": (
        "dchain_rejuvenate_index(mac_table.chain, ip->time_to_live, now);", {(Code.WAYS_NOT_RELATED, frozenset({"mac_table.chain"}))},
    ),
    "a block's number is refreshed": (
        table(put="dchain_rejuvenate_index(ip_table.chain, j * 4, now);"), {(Code.WAYS_NOT_RELATED, CHAIN)},
    ),
    # What a map has need be no index.
    "another's index is a value": (
        table(put=NOTE.format("j")) + "if (map_get(mac_table.map, &o, &q)) " + COUNT.format("q"), {(Code.VALUES_NO_INDICES, VALUES)},
    ),
    "the map is refused": (
        "if (map_get(mac_table.map, &o, &q)) " + COUNT.format("q") + "map_put(mac_table.map, &k, 7);", set(),
    ),
    # Any entry may be meant.
    "a variable": ("total = total * 3;", {(Code.ONE_ENTRY_FOR_ALL, frozenset({"total"}))}),
    "how many keys": (table() + "if (map_size(ip_table.map) > 5) return 1;", {(Code.COUNTS_ALL_ENTRIES, frozenset({"ip_table.map"}))}),
    "any range": (
        table() + "expire_items_single_map_iteratively(ip_table.keys, ip_table.map, 0, 1024);",
        {(Code.RANGE_NOT_OWN, frozenset({"ip_table.keys"})), (Code.RANGE_NOT_OWN, frozenset({"ip_table.map"}))},
    ),
    "of its block or of the next": (
        table(COUNT.format("i * 2 + ip->time_to_live % 3")), {(Code.OUTSIDE_BLOCK, VALUES)},
    ),
    "by the time": (COUNT.format("now & 7"), {(Code.OLDEST_ENTRY_CHOSEN, VALUES)}),
    "by the time and what is stored": (
        "uint32_t *c; vector_borrow(counters, 3, (void **)&c); uint32_t n = *c; *c = 5;" + COUNT.format("(n ^ (uint32_t)now) & 7"),
        {(Code.OLDEST_ENTRY_CHOSEN, VALUES)},
    ),
    "by a function of the time": (
        COUNT.format("__builtin_ia32_crc32si(0, (uint32_t)now ^ ip->src_addr) & 7"), {(Code.OLDEST_ENTRY_CHOSEN, VALUES)},
    ),
    "by what is stored": (
        "uint32_t *c; vector_borrow(counters, ip->time_to_live, (void **)&c); uint32_t n = *c & 7; *c = 5;" + COUNT.format("n"),
        {(Code.ENTRY_CHOSEN, VALUES)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_names(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    assert said_by(obstacles, question_of(tmp_path, START + body, prelude=TWINS)) == expected


PAIR = "struct Pair p = { { ip->src_addr }, { ip->dst_addr } }; int i;"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("lpm_update_elem(routes, ip->src_addr, 24, 3);", {(Code.CHANGED_ROUTES, frozenset({"routes"}))}),
        (PAIR + "dmap_put(pairs, &p, 5);", {(Code.DOUBLE_MAP, frozenset({"pairs"}))}),
        (
            PAIR + "dmap_put(pairs, &p, 5); if (dmap_size(pairs) > 7) return device;",
            {(Code.DOUBLE_MAP, frozenset({"pairs"}))},
        ),
        # Its allocator need not be named, too: nor is it.
        (
            PAIR + "expire_items(ip_table.chain, pairs, now - 9);"
            "if (dchain_allocate_new_index(ip_table.chain, &i, now)) dmap_put(pairs, &p, i);",
            {(Code.DOUBLE_MAP, frozenset({"pairs"}))},
        ),
    ],
)
def test_routes_and_double_maps(body: str, expected: object, tmp_path: Path) -> None:
    assert said_by(obstacles, question_of(tmp_path, body, prelude=remedies())) == expected


def test_sketches_whose_keys_are_not_known(tmp_path: Path) -> None:
    unknown = WITH_SKETCH.replace("{hash}", "hash").replace(
        "{extra}",
        "static unsigned hash(void *k) { uint32_t a = ((struct Ip *)k)->addr; return __builtin_ia32_crc32si(a, a >> 3); }",
    )
    body = "struct Ip k = { ip->src_addr }; sketch_compute_hashes(sketch, &k); sketch_touch_buckets(sketch, now);"
    found = said_by(obstacles, question_of(tmp_path, body, prelude=unknown))
    assert found == {(Code.SKETCH_KEYS_UNKNOWN, frozenset({"sketch"}))}


def test_choices_among_all_that_are_in_use(tmp_path: Path) -> None:
    prelude = WITH_SKETCH.replace("{hash}", "Ip_hash").replace("{extra}", "")
    body = "int m; if (!dchain_allocate_new_index(mac_table.chain, &m, now)) return device;" + CHOOSE
    found = said_by(obstacles, question_of(tmp_path, body, prelude=prelude))
    assert found == {(Code.CHOICE_AMONG_ALL, frozenset({"mac_table.chain"}))}


@pytest.mark.parametrize("change", [{}, {"compared": ""}])
def test_entries_that_packets_name_by_indices_are_those_of_r5(change: dict[str, str], tmp_path: Path) -> None:
    """Whether it applies or is refused, which is the reason then."""
    assert said_by(obstacles, question_of(tmp_path, nat(**change))) == set()
