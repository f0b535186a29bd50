"""Entries are there for the indices that packets bring, and for all that the last core's allocator hands out."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, question_of, said_by
from test_blocks import FINE, NF
from test_blocks import PRELUDE as BLOCKS
from test_interchange import nat

from maestro_tool.sharding.lemmas.indices_are_in_range import led_by, obstacles
from maestro_tool.sharding.plan import Code

CHAIN = "ip_port_table.chain"
LARGER = PRELUDE.replace("dchain_allocate(1024, &t->chain)", "dchain_allocate(2048, &t->chain)")
PORT = "vector_borrow(values, rte_be_to_cpu_16(ports->src_port), (void **)&v); *v = 1;"
SIZED = f"if (rte_be_to_cpu_16(ports->src_port) >= {{}}) return device; {PORT}"
OUT_OF_RANGE = {(Code.INDEX_OUT_OF_RANGE, frozenset({"values"}))}


@pytest.mark.parametrize(
    ("body", "prelude", "expected"),
    [
        (nat(), PRELUDE, set()),
        (nat(found="total = 7;"), PRELUDE, set()),
        (
            nat(),
            LARGER,
            {
                (Code.RANGE_TOO_LARGE, frozenset({"ip_port_table.keys", CHAIN})),
                (Code.RANGE_TOO_LARGE, frozenset({"values", CHAIN})),
            },
        ),
        (NF.format(**FINE), BLOCKS, set()),
        (NF.format(**FINE), PRELUDE, {(Code.RANGE_TOO_LARGE, frozenset({"ip_port_table.keys", "ip_table.chain"}))}),
        ("if (ports == NULL) return device; uint32_t *v;" + PORT, PRELUDE, OUT_OF_RANGE),
        ("if (ports == NULL) return device; uint32_t *v;" + SIZED.format(1025), PRELUDE, OUT_OF_RANGE),
        ("if (ports == NULL) return device; uint32_t *v;" + SIZED.format(1024), PRELUDE, set()),
        (
            "if (ports == NULL) return device; dchain_rejuvenate_index(ip_table.chain, ports->src_port, now);",
            PRELUDE,
            {(Code.INDEX_OUT_OF_RANGE, frozenset({"ip_table.chain"}))},
        ),
        ("dchain_rejuvenate_index(ip_table.chain, ip->time_to_live, now);", PRELUDE, set()),
        ("touch_ip(ip->src_addr, now);", PRELUDE, set()),
    ],
)
def test_ranges(body: str, prelude: str, expected: set[tuple[Code, frozenset[str]]], tmp_path: Path) -> None:
    assert said_by(obstacles, question_of(tmp_path, body, prelude=prelude)) == expected


@pytest.mark.parametrize(
    ("body", "chain", "elements"),
    [
        (nat(), CHAIN, {"ip_port_table.keys": 1, "values": 1}),
        (NF.format(**FINE), "ip_table.chain", {"ip_table.keys": 1, "values": 1, "ip_port_table.keys": 4}),
    ],
)
def test_what_indices_lead_to(body: str, chain: str, elements: dict[str, int], tmp_path: Path) -> None:
    scope = question_of(tmp_path, body, prelude=BLOCKS).scope
    [own] = [o.id for o in scope.analysis.objects if o.name == chain]
    assert {scope.name(v): led for v, led in led_by(scope, {own}).items()} == {v: (own, n) for v, n in elements.items()}
    assert led_by(scope, ()) == {}
