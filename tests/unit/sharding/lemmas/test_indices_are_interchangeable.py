"""Where an index, or the number of keys that left, shows: what may be seen is named, what decides is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from one_table import EXPIRE, START, TWIN, TWINS, table
from small_nfs import plan_of, question_of, said_by
from test_blocks import FINE, NF
from test_blocks import PRELUDE as IN_BLOCKS
from test_interchange import HEADLESS
from test_remedies import prelude as remedies

from maestro_tool.sharding.lemmas.indices_are_interchangeable import obstacles, ranged
from maestro_tool.sharding.plan import Code

#: A fresh index in the packet's identification (bytes 18 and 19); then the verdict.
SHOWN = (
    "struct Ip k = {{ ip->src_addr }}, *s; int i; if (device != 0) return device;"
    "if (!map_get(ip_table.map, &k, &i)) {{ if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
    "  vector_borrow(ip_table.keys, i, (void **)&s); *s = k; map_put(ip_table.map, s, i); }}"
    "{write} = (uint16_t)i; return {verdict};"
)


@pytest.mark.parametrize(
    ("write", "verdict", "shown"),
    [
        ("ip->packet_id", "2", ((2, ("byte 18", "byte 19")),)),
        ("ip->packet_id", "0xFFFF", ((1, ("byte 18", "byte 19")), (2, ("byte 18", "byte 19")))),
        ("ip->packet_id", "device", ()),
        ("ip->hdr_checksum", "1", ((1, ("ip_checksum",)),)),
        ("ports->src_port", "1", ((1, ("src_port",)),)),
    ],
)
def test_where_an_index_leaves(write: str, verdict: str, shown: object, tmp_path: Path) -> None:
    r = plan_of(tmp_path, "if (ports == NULL) return device;" + SHOWN.format(write=write, verdict=verdict), ports=3)
    assert r.plan.shardable and r.ranged == {"ip_table.chain"}, r.texts
    assert [x.ranged and x.ranged.shown for x in r.plan.relaxations if x.kind == "index-choice"] == [shown]


@pytest.mark.parametrize(("dialect", "ports"), [("libvig", [1, 2]), ("libvig-state", [0, 1, 2])])
def test_a_port_that_the_packet_says(dialect: str, ports: list[int], tmp_path: Path) -> None:
    """Any that the dialect lets it leave by."""
    body = "if (ports == NULL) return device;" + SHOWN.format(write="ip->packet_id", verdict="ip->time_to_live")
    q = question_of(tmp_path, body, ports=3)
    analysis = replace(q.scope.analysis, dialect=dialect)
    [found] = ranged(replace(q.scope, analysis=analysis), q.reach).values()
    assert [port for port, _ in found.shown] == ports


def test_how_many_keys_left_a_block_decides_nothing(tmp_path: Path) -> None:
    clean = FINE["clean"].replace("expire_items", "int gone = expire_items") + "if (gone == 2) return 1;"
    r = plan_of(tmp_path, NF.format(**{**FINE, "clean": clean}))
    assert not r.plan.shardable and "how many entries expired" in r.texts, r.texts


START_V = START + "uint32_t *v = NULL; (void)v;"
CHAIN, MAP, TWIN_CHAIN = "ip_table.chain", "ip_table.map", "mac_table.chain"


def decides(*objects: str, by: Code = Code.INDEX_DECIDES) -> set[tuple[Code, frozenset[str]]]:
    return {(by, frozenset({name})) for name in objects}


COUNT = Code.EXPIRED_COUNT_DECIDES
ASKED = Code.OTHER_ALLOCATOR_ASKED
GONE = EXPIRE.replace("expire_items", "int gone = expire_items")
GONE_OBJECTS = {(COUNT, frozenset({CHAIN, MAP, "ip_table.keys"}))}
VALUE = "vector_borrow(values, {}, (void **)&v); *v = {};"
CASES = {
    "a table": (EXPIRE + table("dchain_rejuvenate_index(ip_table.chain, i, now);"), set()),
    "values": (table(VALUE.format("i", "1"), put=VALUE.format("j", "1")), set()),
    "it leaves": (table("ip->packet_id = (uint16_t)i;", put="ip->packet_id = (uint16_t)j;"), set()),
    "a checksum of it leaves": (table("ip->packet_id = (uint16_t)__builtin_ia32_crc32si(0, i);"), set()),
    "it is an index": (table("if (i < 0) return 5;", put="if (j < 0) return 5;"), set()),
    "it is below its capacity": (table("if (i > 1023) return 5;"), decides(MAP)),
    # The index decides.
    "what happens": (table("if (i & 1) return 4;"), decides(MAP)),
    "what happens to a new one": (table(put="if (j & 1) return 4;"), decides(CHAIN)),
    "by a checksum": (table("if (__builtin_ia32_crc32si(0, i) & 1) return 4;"), decides(MAP)),
    "by a checksum of a checksum": (
        table("if (__builtin_ia32_crc32si(0, __builtin_ia32_crc32si(ip->src_addr, i)) & 1) return 4;"), decides(MAP),
    ),
    "by a checksum of something else": (table("if (__builtin_ia32_crc32si(0, ip->src_addr) & 1) return 4;"), set()),
    "the port": (table("return i & 1;"), decides(MAP)),
    "what is stored": (table(VALUE.format("i", "(uint32_t)i")), decides(MAP)),
    "what is stored elsewhere": (table(VALUE.format("7", "(uint32_t)i")), decides(MAP)),
    "an age": (table("dchain_rejuvenate_index(ip_table.chain, i, now + i);"), decides(MAP)),
    "a key": (table("struct Ip x = { (uint32_t)i }; if (map_get(ip_table.map, &x, &q)) return 5;"), decides(MAP)),
    "another entry": (table(VALUE.format("i + 1", "1")), decides(MAP)),
    "another entry's age": (table("dchain_rejuvenate_index(ip_table.chain, i ^ 1, now);"), decides(MAP)),
    "a value": (
        table(put=TWIN.replace("map_put(mac_table.map, t, q)", "map_put(mac_table.map, t, j)")), decides(CHAIN),
    ),
    "a value of its own map": (table(put=TWIN), set()),
    "a value, and more": (
        table().replace("map_put(ip_table.map, s, j)", "map_put(ip_table.map, s, j + 1)"), decides(CHAIN),
    ),
    "a key of a map without places": (
        table(put="struct Ip x = { (uint32_t)j }; map_put(mac_table.map, &x, 7);"), decides(CHAIN),
    ),
    "a value of a map without places": (table(put="map_put(mac_table.map, &k, j);"), set()),
    "a value, and another map has no places": (
        table(
            put=TWIN.replace("map_put(mac_table.map, t, q)", "map_put(mac_table.map, t, j)")
            + "struct IpPort x = { ip->src_addr, 5 }; map_put(ip_port_table.map, &x, 7);"
        ),
        decides(CHAIN),
    ),
    "a value of a map without keys": (
        table("if (map_get(mac_table.map, &o, &q) && (q & 1)) return 4;"), set(),
    ),
    # Nobody gets a frame that is dropped; what else its packet does counts.
    "it is in a frame that is dropped": (table("ip->packet_id = (uint16_t)i; return device;"), set()),
    "a frame that is dropped says how many ended": (
        GONE + "ip->packet_id = (uint16_t)gone; (void)gone; return device;", set(),
    ),
    "a frame that leaves says how many ended": (GONE + "ip->packet_id = (uint16_t)gone; return 1;", GONE_OBJECTS),
    "what is stored before the frame is dropped": (
        table(VALUE.format("i", "(uint32_t)i") + "return device;"), decides(MAP),
    ),
    "what is done before the frame is dropped": (
        table("if (i & 1) { " + VALUE.format("i", "1") + " } return device;"), decides(MAP),
    ),
    "the first of a range": (
        table("expire_items_single_map_iteratively(ip_table.keys, ip_table.map, i, 1024);"), decides(MAP),
    ),
    "what a map has need be no index": (
        table("if (i & 1) return 4;").replace("map_put(ip_table.map, s, j)", "map_put(ip_table.map, s, 7)"), set(),
    ),
    "where a key lies that is not kept": (
        table("vector_borrow(ip_table.keys, i, (void **)&s); if (!map_get(mac_table.map, &o, &q)) map_put(mac_table.map, s, 7);"), set(),
    ),
    # Others are asked about it.
    "another allocator is asked": (
        table("if (dchain_is_index_allocated(mac_table.chain, i)) return 5;"), decides(CHAIN, by=ASKED),
    ),
    "another allocator is asked about a new one": (
        table(put="if (dchain_is_index_allocated(mac_table.chain, j)) return 5;"), decides(CHAIN, by=ASKED),
    ),
    "its own allocator is asked": (table("if (!dchain_is_index_allocated(ip_table.chain, i)) return 5;"), set()),
    "another allocator is told": (
        TWIN + table("dchain_rejuvenate_index(mac_table.chain, i, now);"), decides(CHAIN, by=ASKED),
    ),
    # How many expired.
    "how many expired": (GONE + table("if (gone == 3) return 4;"), GONE_OBJECTS),
    "how many expired leaves": (GONE + table("ip->packet_id = (uint16_t)gone;"), GONE_OBJECTS),
    "how many expired is nothing": (GONE + "(void)gone;" + table(), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_who_can_tell(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    assert said_by(obstacles, question_of(tmp_path, START_V + body, prelude=TWINS)) == expected


#: What is asked of the table when its twin is shared.
GET_TWIN = TWIN + "if (map_get(mac_table.map, &o, &q)) {"
BESIDE = {
    "its index": (GET_TWIN + "if (q & 1) return 4; }", set()),
    "its new index": (TWIN.replace("*t = k;", "*t = k; if (q & 1) return 4;"), set()),
    "how many of it expired": (GONE.replace("ip_table", "mac_table") + TWIN + "if (gone == 3) return 4;", set()),
    "its index is asked about": (GET_TWIN + "if (dchain_is_index_allocated(ip_table.chain, q)) return 5; }", set()),
    "it has the index": (
        TWIN.replace("map_put(mac_table.map, t, q)", "map_put(mac_table.map, t, j)"), decides(CHAIN),
    ),
    "it has the index, and no places": (
        "map_put(mac_table.map, &k, j);", decides(CHAIN),
    ),
    "its key lies at the index": (
        "vector_borrow(values, j, (void **)&v); *v = ip->dst_addr; if (!map_get(mac_table.map, &o, &q)) map_put(mac_table.map, v, 7);",
        decides(CHAIN),
    ),
    "its entry is that of the index": ("vector_borrow(mac_table.keys, j, (void **)&t); *t = k;", set()),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_shared_can_tell_but_is_not_told(name: str, tmp_path: Path) -> None:
    body, expected = BESIDE[name]
    shared = frozenset({"mac_table.map", "mac_table.keys", "mac_table.chain"})
    q = question_of(tmp_path, START_V + table(put=body), prelude=TWINS, shared=shared)
    assert said_by(obstacles, q) == expected


def test_ages_are_told_from_values(tmp_path: Path) -> None:
    q = question_of(tmp_path, START_V + CASES["an age"][0], prelude=TWINS)
    assert {o.operand for o in obstacles(q)} == {"age"}
    q = question_of(tmp_path, START_V + CASES["what is stored"][0], prelude=TWINS)
    assert {o.operand for o in obstacles(q)} == {"stored"}


#: What a packet does about the slot that it finds in the block of its source's index.
BLOCKS = {
    "nothing": ("", set()),
    "it leaves": ("ip->packet_id = (uint16_t)slot;", set()),
    "it decides": ("if (slot & 1) return device;", decides("ip_port_table.map")),
    "it is in the block": ("if (slot < 0) return device;", decides("ip_port_table.map")),
    "how many slots there are decides": ("if (map_size(ip_port_table.map) > 9) return device;", set()),
    "the source's index is in the block": (
        "vector_borrow(counters, i * 4 + 1, (void **)&v); *v = rte_cpu_to_be_32((uint32_t)i);",
        decides(MAP, CHAIN),
    ),
    "its entry is written": ("vector_borrow(ip_port_table.keys, slot, (void **)&s2); s2->port = 7;", set()),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_slots_in_blocks(name: str, tmp_path: Path) -> None:
    known, expected = BLOCKS[name]
    q = question_of(tmp_path, NF.format(**{**FINE, "known": known}), prelude=IN_BLOCKS)
    assert said_by(obstacles, q) == expected


def test_slots_in_blocks_of_what_is_shared(tmp_path: Path) -> None:
    shared = frozenset(f"{t}.{o}" for t in ("ip_table", "ip_port_table") for o in ("map", "keys", "chain")) | {"values"}
    change = {"known": BLOCKS["it decides"][0] + "total = 7;"}
    q = question_of(tmp_path, NF.format(**{**FINE, **change}), prelude=IN_BLOCKS, shared=shared)
    assert said_by(obstacles, q) == set()


def test_fields_of_frames_that_were_cut_are_not_named(tmp_path: Path) -> None:
    """The identification is where a destination MAC address would be."""
    body = "if (ports == NULL) return device;" + SHOWN.format(write="ip->packet_id", verdict="1")
    r = plan_of(tmp_path, body.replace("return 1;", HEADLESS + "return 1;"), ports=3)
    [shown] = [x.ranged.shown for x in r.plan.relaxations if x.ranged is not None]
    assert shown == ((1, ("byte 4", "byte 5")),), r.texts


def test_blocks_of_what_is_no_index_are_nobodys(tmp_path: Path) -> None:
    body = table(VALUE.format("i * 4 + 1", "1")).replace("map_put(ip_table.map, s, j)", "map_put(ip_table.map, s, 7)")
    q = question_of(tmp_path, START_V + body, prelude=TWINS)
    assert any(a.stride == 4 for a in q.scope.touched) and ranged(q.scope, q.reach) == {}


def test_values_of_double_maps_have_a_reason_of_their_own(tmp_path: Path) -> None:
    body = (
        "struct Pair p = { { ip->src_addr }, { ip->dst_addr } }; int i;"
        "if (dchain_allocate_new_index(ip_table.chain, &i, now)) dmap_put(pairs, &p, i);"
    )
    assert said_by(obstacles, question_of(tmp_path, body, prelude=remedies())) == set()
