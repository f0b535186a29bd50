"""A packet that puts several keys into one table: each is found, or lies, where a packet with one key would have it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import plan_of, same

from maestro_tool.sharding.plan import Code

#: Looks ``k`` up, and puts it at a fresh index of ``ip_port_table`` if it is not there.
DECLARED = "struct IpPort k = { ip->src_addr, 1 }, q = { ip->src_addr, 2 }, *s; int i, j;"
MISSED = "if (map_get(ip_port_table.map, &{0}, &{1})) return 1;"
ALLOCATE = "if (!dchain_allocate_new_index(ip_port_table.chain, &{0}, now)) return device;"
PUT = "vector_borrow(ip_port_table.keys, {1}, (void **)&s); *s = {0}; map_put(ip_port_table.map, s, {1});"
START = "if (ports == NULL || device != 0) return device;" + DECLARED


def touched(key: str, index: str) -> str:
    return MISSED.format(key, index) + ALLOCATE.format(index) + PUT.format(key, index)


@pytest.mark.parametrize(
    ("body", "meet"),
    [
        ("touch_ip(ip->src_addr, now); touch_ip(ip->src_addr, now);", same("src_ip")),
        # Prefixes of several lengths: who has the shortest in common meets.
        (
            "touch_ip_port(ip->src_addr & 0xff, 8, now); touch_ip_port(ip->src_addr & 0xffff, 16, now);"
            "touch_ip_port(ip->src_addr, 32, now);",
            same("src_ip[31:24]"),
        ),
        # Two keys that may be equal: the second is looked up when the first is there.
        (
            "if (ports == NULL) return device; touch_ip_port(ip->src_addr, ports->src_port, now);"
            "touch_ip_port(ip->src_addr, ports->dst_port, now);",
            same("src_ip"),
        ),
    ],
)
def test_one_after_the_other(tmp_path: Path, body: str, meet: tuple[tuple[str, str], ...]) -> None:
    r = plan_of(tmp_path, "if (device != 0) return device;" + body)
    assert r.plan.shardable, r.texts
    assert all(set(meet) <= set(pairs) for *_, pairs in r.constraints), r.constraints
    assert not r.named("shared")


EQUAL = "k.port = ports->src_port; q.port = ports->dst_port;"
TOUCHED = touched("k", "i")
#: What is stored beside the key of ``k``, and read beside that of ``q``.
VALUE = "uint32_t *v, old = 0;"
STORED = "vector_borrow(values, i, (void **)&v); *v = ip->time_to_live;"
READ = "if (map_get(ip_port_table.map, &q, &j)) { vector_borrow(values, j, (void **)&v); old += *v; }"
USED = "if (old == 7) return device;"
FOUND = "if (!map_get(ip_port_table.map, &q, &j)) return device;"
AGAIN = "vector_borrow(values, j, (void **)&v); old = *v; *v = 5;"
FREED = "map_erase(ip_port_table.map, &q, (void **)&s); dchain_free_index(ip_port_table.chain, j);"

ACCEPTED = {
    "two keys that differ": TOUCHED + touched("q", "j"),
    "two keys that may be equal": EQUAL + TOUCHED + touched("q", "j"),
    "read before it is there": EQUAL + VALUE + READ + TOUCHED + STORED + USED,
    "written before it is found": EQUAL + VALUE + TOUCHED + STORED + READ + USED,
    "found before it is there": EQUAL + VALUE + FOUND + TOUCHED + AGAIN + STORED + USED,
}
REFUSED = {
    # If source and destination port are the same, the second put hides the first one's entry.
    "both are looked up, then put": (
        EQUAL + MISSED.format("k", "i") + MISSED.format("q", "j") + ALLOCATE.format("i") + PUT.format("k", "i")
        + ALLOCATE.format("j") + PUT.format("q", "j"),
        Code.SEVERAL_KEYS_PUT,
    ),
    "a key is changed": (TOUCHED + "s->port = 7;" + touched("q", "j"), Code.KEY_NOT_WRITTEN),
    # The second key is looked for among the stored ones.
    "a key is changed for a moment": (TOUCHED + "s->port = 7; s->port = 1;" + touched("q", "j"), Code.KEY_NOT_WRITTEN),
    "an index that was freed may be the next one": (
        ALLOCATE.format("i") + "dchain_free_index(ip_port_table.chain, i);" + touched("k", "j")
        + PUT.split("map_put")[0].format("q", "i"),
        Code.KEY_NOT_WRITTEN,
    ),
    # What an earlier owner left.
    "found before it is written": (EQUAL + VALUE + TOUCHED + READ + STORED + USED, Code.BYTE_LEFT_OVER),
    "read before it is written, as another that was freed": (
        EQUAL + VALUE + FOUND + FREED + TOUCHED + AGAIN + STORED + USED, Code.BYTE_LEFT_OVER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(tmp_path: Path, name: str) -> None:
    r = plan_of(tmp_path, START + ACCEPTED[name])
    assert r.plan.shardable, r.texts


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    body, code = REFUSED[name]
    r = plan_of(tmp_path, START + body)
    assert code in {o.code for o in r.plan.obstacles}
