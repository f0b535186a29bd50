"""Entries grow old alike on all cores: what is an age, and before what old entries must have gone."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_blocks
from small_nfs import plan_of
from test_in_step import FINE, NF

EXPIRE = "expire_items_single_map({0}.chain, {0}.keys, {0}.map, {1});"


@pytest.mark.parametrize(
    ("bound", "is_age"),
    [
        ("now - config.unused", True),
        ("now + config.unused", True),
        ("config.unused + now", True),
        ("now - 1000 + config.unused", True),
        ("config.unused - now", False),
        ("config.unused", False),
        ("now - now", False),
        ("now * 2", False),
    ],
)
def test_a_time_limit_is_now_less_an_option(bound: str, is_age: bool, tmp_path: Path) -> None:
    r = plan_of(tmp_path, NF.format(**{**FINE, "expire": EXPIRE.format("ip_table", bound)}))
    assert r.plan.shardable is is_age and ("less an option" in r.texts) is not is_age, r.texts


def test_each_table_expires_before_it_is_looked_at(tmp_path: Path) -> None:
    """In whatever order that is for two of them."""
    first = EXPIRE.format("ip_table", "now - 1000") + "touch_ip(ip->src_addr, now);"
    second = EXPIRE.format("ip_port_table", "now - 500") + "touch_ip_port(ip->src_addr, ports->src_port, now);"
    r = plan_of(tmp_path, "if (ports == NULL) return device;" + first + second, ports=1)
    assert r.plan.shardable, r.texts
    r = plan_of(tmp_path, "if (ports == NULL) return device; touch_ip(ip->src_addr, now);" + second + first, ports=1)
    assert "before old entries" in r.texts and r.named("shared") == {"ip_table.map", "ip_table.keys", "ip_table.chain"}


def test_keys_in_blocks_are_not_looked_up_before_their_indices_expired(tmp_path: Path) -> None:
    look = "struct IpPort early = { ip->src_addr, ports->dst_port }; int e; if (map_get(ip_port_table.map, &early, &e)) return 1;"
    body = test_blocks.NF.format(**test_blocks.FINE).replace(
        "expire_items_single_map(", look + "expire_items_single_map(", 1
    )
    r = plan_of(tmp_path, body)
    assert not r.plan.shardable and "before old entries" in r.texts, r.texts


@pytest.mark.parametrize(
    ("later", "idle"),
    [
        ("now - 1000", True),
        ("now - 3000", True),
        ("now - 999", False),
        ("now", False),
        ("now - 3000 - config.unused", False),
        ("now - 3000 + ip->time_to_live", False),
    ],
)
def test_what_is_older_still_has_ended_already(later: str, idle: bool, tmp_path: Path) -> None:
    """A second look for old entries, by the same limit or one that lies further back, finds none."""
    twice = EXPIRE.format("ip_table", "now - 1000") + EXPIRE.format("ip_table", later)
    r = plan_of(tmp_path, NF.format(**{**FINE, "expire": twice}))
    assert r.plan.shardable is idle, r.texts
    swapped = EXPIRE.format("ip_table", later) + EXPIRE.format("ip_table", "now - 1000")
    assert plan_of(tmp_path, NF.format(**{**FINE, "expire": swapped})).plan.shardable is (
        later in ("now", "now - 999", "now - 1000")
    )


def test_how_far_an_option_lies_back_is_not_known(tmp_path: Path) -> None:
    """The first limit may be one of long ago: then the second, too, ends entries."""
    twice = EXPIRE.format("ip_table", "now - config.unused - 10") + EXPIRE.format("ip_table", "now - 20")
    r = plan_of(tmp_path, NF.format(**{**FINE, "expire": twice}))
    assert not r.plan.shardable, r.texts
