"""Blocks as long as an option says: set-up fixes the stride, which is pinned."""

from __future__ import annotations

import pytest
import test_blocks
from small_nfs import plan_of, same

OPTION = test_blocks.PRELUDE.replace("struct nf_config { int unused; };", "struct nf_config { uint16_t n; };")
OPTION = OPTION.replace("(void)argc; (void)argv;", "(void)argc; (void)argv; config.n = 4;")
FINE = {
    "clean": "uint32_t n = *v < config.n ? *v : config.n; expire_items_single_map_iteratively("
    "ip_port_table.keys, ip_port_table.map, i * config.n, i * config.n + (int)n);",
    "full": "*v >= config.n",
    "slot": "i * config.n + (int)*v",
    "key": "*s2 = k2;",
    "put": "map_put(ip_port_table.map, s2, slot);",
    "known": "",
}


def planned(tmp_path, **change):
    return plan_of(tmp_path, test_blocks.NF.format(**{**FINE, **change}), prelude=OPTION)


@pytest.mark.parametrize("change", [{}, {"clean": ""}, {"slot": "(int)*v + config.n * i"}])
def test_an_option_is_as_good_as_a_number(tmp_path, change):
    r = planned(tmp_path, **change)
    assert r.plan.shardable, r.texts
    assert r.constraints == {(0, 0, same("src_ip"))} and r.ranged == {"ip_table.chain"}
    assert {p.place for p in r.analysis.pinned} == {"config.n"}


@pytest.mark.parametrize(
    "change",
    [
        {"full": "*v > config.n"},
        {"full": "*v >= ip->time_to_live"},
        {"slot": "i * config.n + (int)*v + 1"},
        {"slot": "i * (config.n - 1) + (int)*v"},
    ],
)
def test_blocks_that_overlap(tmp_path, change):
    assert not planned(tmp_path, **change).plan.shardable
