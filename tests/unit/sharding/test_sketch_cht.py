"""Sketches and consistent hashing tables."""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE, plan_of, same

WITH_SKETCH = (
    PRELUDE.replace(
        '#include "lib/verified/expirator.h"',
        '#include "lib/verified/expirator.h"\n#include "lib/unverified/sketch.h"\n#include "lib/verified/cht.h"',
    )
    .replace("static uint32_t total;", "static uint32_t total; static struct Sketch *sketch; static struct Vector *table;{extra}")
    .replace("&& vector_allocate(sizeof(uint32_t), 1024, null_init, &values);",
             "&& vector_allocate(sizeof(uint32_t), 1024, null_init, &values)"
             "&& sketch_allocate({hash}, 256, 4, &sketch)"
             "&& vector_allocate(sizeof(uint32_t), 97 * 8, null_init, &table) && cht_fill_cht(table, 97, 8);")
)  # fmt: skip
assert "{hash}" in WITH_SKETCH and "{extra}" in WITH_SKETCH


def plan(tmp_path, body, hash_="IpPort_hash", extra=""):
    return plan_of(tmp_path, body, prelude=WITH_SKETCH.replace("{hash}", hash_).replace("{extra}", extra))


NF = """
if (ports == NULL || device != 0) return device;
{expire}
struct IpPort k = {{ ip->src_addr, ports->dst_port }};
sketch_compute_hashes(sketch, &k);
sketch_refresh(sketch, {now});
if (sketch_fetch(sketch)) return device;
sketch_touch_buckets(sketch, now);
{last}
"""
FINE = {"expire": "sketch_expire(sketch, now - 1000);", "now": "now", "last": ""}


def test_a_sketch_is_sharded_by_what_its_hash_reads(tmp_path):
    r = plan(tmp_path, NF.format(**FINE))
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip", "dst_port"))} and r.relaxations == {"sketch-collisions"}


def test_only_by_that(tmp_path):
    """Keys that differ in the port only have the same buckets if the hash function does not read it."""
    r = plan(tmp_path, NF.format(**FINE), hash_="Ip_hash")
    assert r.constraints == {(0, 0, same("src_ip"))}


HASH = "static unsigned hash(void *k) {{ struct IpPort *x = k; return {}; }}"
CRC = "__builtin_ia32_crc32si"


@pytest.mark.parametrize(
    "result",
    [
        f"{CRC}({CRC}(0, x->addr), x->port) & 0",
        f"{CRC}({CRC}(0, x->addr), x->port) & 0xff",
        f"{CRC}(x->port, x->addr)",  # the same for both orders
        f"{CRC}({CRC}(0, x->addr), {CRC}(0, x->port))",
        f"{CRC}(0, x->addr) + x->port",
        f"x->port == 7 ? 0 : {CRC}(0, x->addr)",
    ],
)
def test_keys_may_be_meant_to_count_together(tmp_path, result):
    """Then to count them apart would be no mere relief from collisions."""
    r = plan(tmp_path, NF.format(**FINE), hash_="hash", extra=HASH.format(result))
    assert r.treatments["sketch"] == "shared" and "which keys sketch counts together" in r.texts


@pytest.mark.parametrize(
    ("result", "fields"),
    [
        (f"{CRC}(0, x->addr & 0xf0ffffff)", same("src_ip[31:4]")),
        (f"({CRC}(0, x->port), {CRC}(0, x->addr))", same("src_ip")),  # one without effect
        (f"{CRC}({CRC}(0, x->addr / 3), x->port)", same("dst_port")),
        (f"{CRC}(0, (uint32_t)(x->addr ^ x->port))", same("src_ip[15:0]")),
        ("x->addr + x->port", ()),
        ("x->addr % 7", ()),
    ],
)
def test_keys_of_which_the_same_is_calculated_count_together(tmp_path, result, fields):
    """On one core: what is calculated is what names the counters."""
    r = plan(tmp_path, NF.format(**FINE), hash_="hash", extra=HASH.format(result))
    assert r.plan.shardable, r.texts
    assert {pairs for *_, pairs in r.constraints} == {fields}
    assert all((c.relation is None) == bool(fields) for c in r.plan.constraints)


@pytest.mark.parametrize(
    ("result", "fields"),
    [
        (f"{CRC}({CRC}(0, x->addr), x->port)", ("src_ip", "dst_port")),
        (f"__builtin_ia32_crc32hi({CRC}(7, x->addr), x->port)", ("src_ip", "dst_port")),
        ("x->addr", ("src_ip",)),
        ("(unsigned) x->port << 16 | x->port", ("dst_port",)),
    ],
)
def test_keys_that_a_hash_tells_apart(tmp_path, result, fields):
    r = plan(tmp_path, NF.format(**FINE), hash_="hash", extra=HASH.format(result))
    assert r.constraints == {(0, 0, same(*fields))}, r.texts


def test_r2_with_a_map(tmp_path):
    r = plan(tmp_path, NF.format(**{**FINE, "last": "touch_ip(ip->src_addr, now);"}))
    assert r.constraints == {(0, 0, same("src_ip"))} and {c.rule for c in r.plan.constraints} == {"R2"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expire": "", "last": "sketch_expire(sketch, now - 1000);"}, "before old entries of sketch are expired"),
        ({"expire": "sketch_expire(sketch, now - packet_length);"}, "less an option"),
        ({"expire": "sketch_expire(sketch, now - 1000); sketch_expire(sketch, now - 7);"}, "different time limits"),
        ({"now": "now + 5"}, "another age"),
        ({"last": "struct IpPort o = { ip->dst_addr, ports->dst_port }; sketch_compute_hashes(sketch, &o);"}, "no field in common"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, change, said):
    if "dst_addr" in change.get("last", ""):
        change = {"last": change["last"].replace("ports->dst_port }; ", "ports->src_port }; ")}
    r = plan(tmp_path, NF.format(**{**FINE, **change}))
    assert not r.plan.shardable and said in r.texts and r.treatments["sketch"] == "shared"


@pytest.mark.parametrize(
    "extra",
    ["static unsigned impure(void *k) { return total++; }", "static unsigned impure(void *k) { return total; }"],
)
def test_a_hash_function_must_be_pure(tmp_path, extra):
    with pytest.raises(Exception, match="cannot be shown to only calculate"):
        plan(tmp_path, NF.format(**FINE), hash_="impure", extra=extra)


def test_operations_need_a_key(tmp_path):
    with pytest.raises(Exception, match="without a key"):
        plan(tmp_path, "sketch_refresh(sketch, now);")


CHOOSE = (
    "int b; if (!cht_find_preferred_available_backend(ip->src_addr, table, mac_table.chain, 97, 8, &b)) return device;"
)
REJUVENATE = "uint32_t *w; vector_borrow(values, b, (void **)&w); *w = *w * 3; if (*w > 5) return device;"


def test_a_table_of_preferences_is_read_only(tmp_path):
    """As long as backends do not change, any core may choose."""
    r = plan(tmp_path, CHOOSE + "touch_ip(ip->src_addr, now);")
    assert r.plan.shardable and r.treatments["table"] == "read-only"


def test_backends_that_come_and_go_are_shared(tmp_path):
    announce = (
        "if (device == 1) { int m; if (!dchain_allocate_new_index(mac_table.chain, &m, now)) return device; return 0; }"
    )
    r = plan(tmp_path, announce + CHOOSE + REJUVENATE + "touch_ip(ip->src_addr, now);")
    assert r.named("shared") == {"mac_table.chain", "values"} and r.rules == {"R4"}
    assert r.named("sharded") == {"ip_table.map", "ip_table.keys", "ip_table.chain"}
