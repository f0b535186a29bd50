"""Hash functions of DPDK only calculate: a map whose keys are hashed by one is sharded by what its equality compares."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, plan_of, same

HASH = "return __builtin_ia32_crc32si(0, ((struct Ip *)a)->addr); }"


@pytest.mark.parametrize(("header", "call"), [
    ("rte_jhash.h", "rte_jhash(a, sizeof(struct Ip), 0)"),
    ("rte_jhash.h", "rte_jhash_32b(a, 1, 5)"),
    ("rte_jhash.h", "rte_jhash_2words(((struct Ip *)a)->addr, 7, 1)"),
    ("rte_hash_crc.h", "rte_hash_crc(a, sizeof(struct Ip), 0)"),
    ("rte_hash_crc.h", "rte_hash_crc_4byte(((struct Ip *)a)->addr, 0)"),
])  # fmt: skip
def test_keys_are_known(tmp_path: Path, header: str, call: str) -> None:
    assert PRELUDE.count(HASH) == 1
    prelude = f"#include <{header}>\n" + PRELUDE.replace(HASH, f"return {call}; }}")
    r = plan_of(tmp_path, "if (device != 0) return device; touch_ip(ip->src_addr, now);", prelude=prelude)
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}, r.texts


def test_a_hash_of_more_than_is_compared_is_none(tmp_path: Path) -> None:
    prelude = "#include <rte_jhash.h>\n" + PRELUDE.replace(
        "unsigned IpPort_hash(void *a) { struct IpPort *x = a; return __builtin_ia32_crc32si(__builtin_ia32_crc32si(0, x->port), x->addr); }",
        "unsigned IpPort_hash(void *a) { return rte_jhash(a, sizeof(struct IpPort), 0); }",
    )
    assert "rte_jhash(a" in prelude
    prelude = prelude.replace("return x->addr == y->addr && x->port == y->port;", "return x->addr == y->addr;")
    body = "if (device != 0 || ports == NULL) return device; touch_ip_port(ip->src_addr, ports->src_port, now);"
    r = plan_of(tmp_path, body, prelude=prelude)
    assert not r.plan.shardable and "reads" in r.texts, r.texts
