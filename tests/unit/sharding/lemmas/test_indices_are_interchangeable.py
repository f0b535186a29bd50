"""Where an index, or the number of keys that left, shows: what may be seen is named, what decides is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import plan_of
from test_blocks import FINE, NF

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


def test_how_many_keys_left_a_block_decides_nothing(tmp_path: Path) -> None:
    clean = FINE["clean"].replace("expire_items", "int gone = expire_items") + "if (gone == 2) return 1;"
    r = plan_of(tmp_path, NF.format(**{**FINE, "clean": clean}))
    assert not r.plan.shardable and "how many entries expired" in r.texts, r.texts
