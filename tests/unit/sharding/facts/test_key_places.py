"""Where the keys of maps live: what is no place that keeps a key, and what is no index."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_blocks
from small_nfs import PRELUDE, plan_of, question_of
from test_found_by_a_sceptic import ENTRIES
from test_remedies import UNKNOWN

from maestro_tool.sharding.plan import Code

FROM_LAN = "if (ports == NULL || device != 0) return device; struct Ip k = { ip->src_addr }, *s, *t; int i, j;"
ALLOCATE = "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
PUT = "vector_borrow({0}, i, (void **)&s); *s = k; map_put(ip_table.map, s, {1});"
NOT_FOUND = "if (map_get(ip_table.map, &k, &i)) {0} " + ALLOCATE
USED = "{ vector_borrow(values, i, (void **)&t); t->addr = 1; return 1; }"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        # The index, when it expires, takes the key out that lies in the other vector.
        (
            NOT_FOUND.format("return 1;")
            + f"if (ip->next_proto_id == 6) {{ {PUT.format('ip_table.keys', 'i')} }} else {{ {PUT.format('values', 'i')} }}",
            "lie in different vectors",
        ),
        # What is found is an index after TCP, and entry 5 is everybody's.
        (
            NOT_FOUND.format(USED) + PUT.format("ip_table.keys", "ip->next_proto_id == 6 ? i : 5"),
            "not indices freshly allocated",
        ),
        # The next packet of the flow, of another port, overwrites the key.
        (
            "touch_ip(ip->src_addr, now); struct IpPort q = { ip->src_addr, ports->dst_port }, *e;"
            "if (!map_get(ip_table.map, &k, &i) || map_get(ip_port_table.map, &q, &j)) return 1;"
            "vector_borrow(ip_port_table.keys, i, (void **)&e); *e = q; map_put(ip_port_table.map, e, i);",
            "does not lie at a freshly allocated index",
        ),
        # The key changes while the map has it; what is written to another entry does not make up for that.
        (
            NOT_FOUND.format("return 1;") + "if (!dchain_allocate_new_index(ip_table.chain, &j, now)) return device;"
            + PUT.format("ip_table.keys", "i") + "s->addr = 7; vector_borrow(ip_table.keys, j, (void **)&t); *t = k;",
            "does not hold the key",
        ),
        # A part of the key is what the last owner left there.
        (
            "struct IpPort *e;"
            "if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;"
            "vector_borrow(ip_port_table.keys, i, (void **)&e); e->addr = ip->src_addr; *(uint8_t *)&e->port = 5;"
            "map_put(ip_port_table.map, e, i);",
            "does not hold the key",
        ),
    ],
)  # fmt: skip
def test_what_is_no_place(tmp_path: Path, body: str, said: str) -> None:
    r = plan_of(tmp_path, FROM_LAN + body)
    assert not r.plan.shardable and said in r.texts, r.texts


def test_a_key_behind_its_entrys_start_is_not_what_lies_at_the_start(tmp_path: Path) -> None:
    """Though that is equal: the map points to what changes."""
    body = (
        "struct Entry *e; if (map_get(found, &k, &i) || !dchain_allocate_new_index(places, &i, now)) return device;"
        "vector_borrow(entries, i, (void **)&e); e->pad = ip->src_addr; e->key.addr = ip->src_addr;"
        "map_put(found, &e->key, i); e->key.addr = 7;"
    )
    r = plan_of(tmp_path, FROM_LAN + body, prelude=ENTRIES)
    assert not r.plan.shardable and "does not lie in an entry" in r.texts, r.texts


def test_keys_that_are_not_known_in_blocks(tmp_path: Path) -> None:
    unknown = UNKNOWN.replace(
        "vector_allocate(size, 1024, init, &t->keys)", "vector_allocate(size, 4096, init, &t->keys)"
    )
    r = plan_of(tmp_path, test_blocks.NF.format(**test_blocks.FINE), prelude=unknown)
    assert not r.plan.shardable and "could not decide which keys of ip_port_table.map are equal" in r.texts, r.texts


def test_two_entries_of_a_block_may_be_one(tmp_path: Path) -> None:
    other = "struct IpPort *s3; vector_borrow(ip_port_table.keys, i * 4 + 1, (void **)&s3); *s3 = k2;"
    nf = test_blocks.NF.format(**{**test_blocks.FINE, "put": other + test_blocks.FINE["put"]})
    refused = question_of(tmp_path, nf, prelude=test_blocks.PRELUDE).scope.places.refused
    assert {o.code for o in refused} == {Code.KEY_NOT_WRITTEN}


def test_numbers_that_set_up_puts_are_no_indices(tmp_path: Path) -> None:
    """It puts -1 for one source, though packets put indices: paths for negative numbers are taken, too."""
    prelude = PRELUDE.replace(
        "bool nf_init(void) {\n  return ",
        "static bool fill(void) { struct Ip *k; vector_borrow(ip_table.keys, 0, (void **)&k); k->addr = 7;"
        " map_put(ip_table.map, k, -1); return true; }\nbool nf_init(void) {\n  return ",
    ).replace("null_init, &values);", "null_init, &values) && fill();")
    body = "if (map_get(ip_table.map, &k, &i)) { if (i < 0) touch_ip_port(ip->dst_addr, 0, now); return 1; }"
    r = plan_of(
        tmp_path, FROM_LAN + body + "touch_ip_port(ip->src_addr, 0, now); touch_ip(ip->src_addr, now);", prelude=prelude
    )
    assert "R3" in r.rules and "ip_port_table.map" not in r.named("sharded"), r.texts


#: Two keys of one table; allocations, and entries that are written before a key is put or after.
TWO = "struct IpPort k = { ip->src_addr, 1 }, q = { ip->src_addr, 2 }, *s; int i, j;" + FROM_LAN.split("struct Ip k")[0]
NEW = "if (!dchain_allocate_new_index({0}.chain, &{1}, now)) return device;"
WRITTEN = "vector_borrow(ip_port_table.keys, {1}, (void **)&s); *s = {0};"
LOOKED_UP = "if (map_get(ip_port_table.map, &k, &{0})) return 1;"
OF_IT, OF_ANOTHER = NEW.format("ip_port_table", "{0}"), NEW.format("ip_table", "{0}")
INTO_IT = WRITTEN.format("k", "j") + "map_put(ip_port_table.map, s, j);"
ENDS_OLD = "expire_items_single_map({0}.chain, {0}.keys, {0}.map, now - 5);"


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        # Written again, as it was.
        (LOOKED_UP.format("j") + OF_IT.format("j") + INTO_IT + "*s = k;", set()),
        (LOOKED_UP.format("j") + OF_IT.format("j") + INTO_IT + "s->port = 2;", {Code.KEY_NOT_WRITTEN}),
        (LOOKED_UP.format("j") + OF_IT.format("j") + INTO_IT + "s->port = 2; s->port = 1;", {Code.KEY_NOT_WRITTEN}),
        # Another entry of the vector is written: surely another, if both indices are in use.
        (LOOKED_UP.format("j") + OF_IT.format("j") + OF_IT.format("i") + INTO_IT + WRITTEN.format("q", "i"), set()),
        (LOOKED_UP.format("i") + OF_IT.format("i") + OF_IT.format("j") + WRITTEN.format("q", "i") + INTO_IT, set()),
        (
            LOOKED_UP.format("j") + OF_ANOTHER.format("i") + OF_IT.format("j") + WRITTEN.format("q", "i") + INTO_IT,
            {Code.KEY_NOT_WRITTEN},
        ),
        (
            LOOKED_UP.format("j") + "i = ip->time_to_live;" + OF_IT.format("j") + WRITTEN.format("q", "i") + INTO_IT,
            {Code.KEY_NOT_WRITTEN},
        ),
        *(
            (
                LOOKED_UP.format("j") + OF_IT.format("i") + between + OF_IT.format("j") + WRITTEN.format("q", "i") + INTO_IT,
                codes,
            )
            for between, codes in (
                ("dchain_free_index(ip_port_table.chain, i);", {Code.KEY_NOT_WRITTEN}),
                (ENDS_OLD.format("ip_port_table"), {Code.KEY_NOT_WRITTEN}),
                (ENDS_OLD.format("ip_table"), set()),
                ("dchain_rejuvenate_index(ip_port_table.chain, i, now);", set()),
            )
        ),
        # What was looked up is another key, was there, or was asked of another table.
        ("if (map_get(ip_port_table.map, &q, &j)) return 1;" + OF_IT.format("j") + INTO_IT, {Code.KEY_NOT_LOOKED_UP}),
        (LOOKED_UP.format("j").replace("(map_get", "(!map_get") + OF_IT.format("j") + INTO_IT, {Code.KEY_NOT_LOOKED_UP}),
        (OF_IT.format("j") + INTO_IT, {Code.KEY_NOT_LOOKED_UP}),
    ],
)  # fmt: skip
def test_entries_that_hold_a_key(tmp_path: Path, body: str, codes: set[Code]) -> None:
    refused = question_of(tmp_path, TWO + body).scope.places.refused
    assert {o.code for o in refused} == codes


#: An element has the keys of two tables, of which the first is looked up.
BOTH = (
    "struct IpPort k = {{ {addr}, {port} }}, q = {{ ip->dst_addr, 2 }}, *s, *t; struct Ip a = {{ k.addr }}; int i, j;"
    + "(void)q; (void)s; (void)t; (void)a; (void)i; (void)j;"
    + "if (ports == NULL || device != 0) return device; {look}"
    + "if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device; {before}"
    + "vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; {first} {second}"
)
PUT_FIRST, PUT_SECOND = "map_put(ip_port_table.map, s, i);", "map_put(ip_table.map, s, i);"
MISSED = "if (map_get(ip_port_table.map, &k, &j)) return 1;"
ALONE = (
    "if (!map_get(ip_table.map, &a, &j) && dchain_allocate_new_index(ip_port_table.chain, &j, now)) {"
    " vector_borrow(ip_port_table.keys, j, (void **)&t); *t = k; map_put(ip_table.map, t, j); return 1; }"
)
ELSEWHERE = (
    "if (!dchain_allocate_new_index(ip_port_table.chain, &j, now)) return device;"
    "vector_borrow(ip_port_table.keys, j, (void **)&t); *t = k; map_put(ip_table.map, t, j);"
)
ANY_PORT = "k.port = ports->dst_port;"
NOT_LOOKED_UP = {Code.KEY_NOT_LOOKED_UP}
TWINS: dict[str, tuple[dict[str, str], set[Code]]] = {
    "who has the one has the other": ({}, set()),
    "by what is made of it": ({"port": "(uint16_t)(ip->src_addr >> 7)"}, set()),
    "another is looked up as well": ({"look": MISSED + "if (map_get(ip_port_table.map, &q, &j)) i = j;"}, set()),
    "both are looked up": (
        {"look": ANY_PORT + MISSED + "if (map_get(ip_table.map, &a, &j)) return 1;"}, set(),
    ),
    "many have the second key": ({"look": ANY_PORT + MISSED}, NOT_LOOKED_UP),
    "two ways to have it": ({"port": "ip->next_proto_id == 6 ? 7 : 8"}, NOT_LOOKED_UP),
    "the first was there": ({"look": MISSED.replace("if (", "if (!")}, NOT_LOOKED_UP),
    "the first was not looked up": ({"look": ""}, NOT_LOOKED_UP),
    "another was looked up": ({"look": MISSED.replace("&k", "&q")}, NOT_LOOKED_UP),
    "another table was looked up": ({"look": MISSED.replace("ip_port_table.map, &k", "ip_table.map, &q")}, NOT_LOOKED_UP),
    "in another element": ({"second": ELSEWHERE}, NOT_LOOKED_UP),
    "the first comes later": ({"first": PUT_SECOND, "second": PUT_FIRST}, NOT_LOOKED_UP),
    "the first comes later, and was looked up twice": (
        {"look": MISSED + MISSED, "first": PUT_SECOND, "second": PUT_FIRST}, NOT_LOOKED_UP,
    ),
    "some put them in two elements": (
        {"look": MISSED + "if (ip->next_proto_id == 6) {" + OF_IT.format("i") + "vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; "
         + PUT_FIRST + ELSEWHERE + "return 1; }"}, NOT_LOOKED_UP,
    ),
    "the first is not put": ({"first": ""}, NOT_LOOKED_UP),
    "the second twice": ({"second": 2 * PUT_SECOND}, NOT_LOOKED_UP),
    "some put the second only": ({"look": "if (ip->next_proto_id == 6) {" + ALONE + "}" + MISSED}, NOT_LOOKED_UP),
    "another of the first was put since": (
        {"before": ELSEWHERE.replace("*t = k; map_put(ip_table.map", "*t = q; map_put(ip_port_table.map")},
        NOT_LOOKED_UP,
    ),
    "what they have is not the packet's": ({"addr": "(uint32_t)now"}, NOT_LOOKED_UP),
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_a_key_is_absent_where_its_elements_other_key_is(tmp_path: Path, name: str) -> None:
    change, codes = TWINS[name]
    fine = {"addr": "ip->src_addr", "port": "7", "look": MISSED, "before": "", "first": PUT_FIRST, "second": PUT_SECOND}
    q = question_of(tmp_path, BOTH.format(**{**fine, **change}))
    assert {o.code for o in q.scope.places.refused if q.scope.name(o.objects[0]) == "ip_table.map"} == codes
