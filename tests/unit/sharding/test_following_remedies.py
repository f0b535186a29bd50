"""Who follows what is said, the first conflict's remedy first, gets a better plan at each step, and all is sharded in the end."""

from __future__ import annotations

from pathlib import Path

import test_blocks
import test_blocks_of_an_option as of_an_option
from small_nfs import Result, plan_of

from maestro_tool.sharding.plan import Code

#: A port-scan detector that puts the first port of a source without looking it up, and with values of its own.
NF = test_blocks.NF.replace(
    "  vector_return(ip_table.keys, i, s);\n", "  vector_return(ip_table.keys, i, s);\n  {first}\n", 1
)
FIRST = (
    "k2 = (struct IpPort){{ ip->src_addr, ports->dst_port }}; vector_borrow(ip_port_table.keys, i * config.n, (void **)&s2);"
    "*s2 = k2; map_put(ip_port_table.map, s2, {}); *v = 1; return 1;"
)
PUT = "map_put(ip_port_table.map, s2, {});"
#: The program as it is, then after each remedy.
STEPS = (
    {"first": FIRST.format("64 * i"), "put": PUT.format("64 * i + (int)*v")},
    {"first": FIRST.format("i * config.n"), "put": PUT.format("slot")},  # the number of the entry
    {"first": "", "put": PUT.format("slot")},  # looked up
)


#: The same with counts that may be negative, for all that is known, and blocks of four.
CLEAN = "int n = {}; expire_items_single_map_iteratively(ip_port_table.keys, ip_port_table.map, i * 4, i * 4 + n);"
LEAST = "(int)*v < 4 ? (int)*v : 4"
SIGNED = (
    {"full": "(int)*v >= 4", "clean": CLEAN.format(LEAST)},
    {"full": "(int)*v < 0 || (int)*v >= 4", "clean": CLEAN.format(LEAST)},
    {"full": "(int)*v < 0 || (int)*v >= 4", "clean": CLEAN.format(f"(int)*v < 0 ? 0 : {LEAST}")},
)


def planned(tmp_path: Path, change: dict[str, str]) -> Result:
    return plan_of(tmp_path, NF.format(**{**of_an_option.FINE, **change}), prelude=of_an_option.OPTION)


def test_a_port_scan_detector(tmp_path: Path) -> None:
    said = [planned(tmp_path, change) for change in STEPS]
    codes = [[o.code for o in r.plan.obstacles] for r in said]
    assert codes[0] == [Code.BLOCK_KEY_VALUE, Code.KEY_NOT_LOOKED_UP]
    assert "(made of what is stored in ip_table.map, what is stored in values)" in said[0].texts
    assert said[0].said[0].remedy == "put each key with the index of the vector's entry that it lies in"
    assert codes[1] == [Code.KEY_NOT_LOOKED_UP]
    assert said[1].said[0].remedy.startswith("call map_get with that very key first")
    assert codes[2] == [] and said[2].plan.shardable


def test_counts_with_a_sign(tmp_path: Path) -> None:
    said = [
        plan_of(tmp_path, test_blocks.NF.format(**{**test_blocks.FINE, **change}), prelude=test_blocks.PRELUDE)
        for change in SIGNED
    ]
    codes = [[o.code for o in r.plan.obstacles] for r in said]
    assert codes[0][0] is Code.OUTSIDE_BLOCK and "0 <= m and m < n" in said[0].said[0].remedy
    assert codes[1][0] is Code.RANGE_NOT_OWN and "0 <= m <= n" in said[1].said[0].remedy
    assert Code.OUTSIDE_BLOCK not in codes[1]
    assert codes[2] == [] and said[2].plan.shardable


def test_what_is_alone_in_the_way_comes_first(tmp_path: Path) -> None:
    """Of two tables, the one with two conflicts is allocated first."""
    two = (
        "struct IpPort k = { ip->src_addr, 7 }, *s; int i, j; if (device != 0 || ports == NULL) return device;"
        "if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;"
        "vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k; map_put(ip_port_table.map, s, i);"
        "if (i & 1) return device;"
    )
    one = "if (map_get(mac_table.map, &k, &j)) return device; touch_ip(ether->src_addr.addr_bytes[5] * 3, now);"
    r = plan_of(tmp_path, two + one.split(";", 1)[1])
    codes = [o.code for o in r.plan.obstacles]
    assert codes[0] is Code.KEY_NOT_HASHED and set(codes[1:]) == {Code.KEY_NOT_LOOKED_UP, Code.INDEX_DECIDES}
