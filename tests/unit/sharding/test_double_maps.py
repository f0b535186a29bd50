"""Double maps are sharded as the two maps and the vector that they are made of; else they stay whole, and shared."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import PRELUDE, plan_of
from test_remedies import ALLOCATED, prelude

from maestro_tool.sharding.facts.pairs import spread

#: A source's value on port 0, which packets to it find on port 1 by its other key.
NF = (
    "{expire} struct Pair p = {{ {{ {a} }}, {{ {b} }} }}, q; int i = 0; (void)q;"
    "if (device == 0) {{ {before} if (dmap_get_a(pairs, &p.a, &i)) {{ {hit} return 1; }}"
    "  if (!{allocate}) return device; {put} return 1; }}"
    "struct Ip back = {{ ip->dst_addr ^ 255 }}; if (!dmap_get_b(pairs, &back, &i)) return device;"
    "dmap_get_value(pairs, i, &q); ip->packet_id = q.a.addr;"
)
FINE = {
    "expire": "expire_items(ip_table.chain, pairs, now - 1000);",
    "a": "ip->src_addr",
    "b": "ip->src_addr ^ 255",
    "before": "",
    "hit": "dchain_rejuvenate_index(ip_table.chain, i, now);",
    "allocate": "dchain_allocate_new_index(ip_table.chain, &i, now)",
    "put": "dmap_put(pairs, &p, i);",
}
WRONG = {
    "many have the other key": {"b": "ip->dst_addr"},
    "the other key is the same for all": {"b": "7"},
    "the other key is stored state": {"b": "total++"},
    "values are put that nobody asked for": {"before": "struct Pair r = { { ip->dst_addr }, { ip->dst_addr ^ 255 } }; if (dchain_allocate_new_index(ip_table.chain, &i, now)) dmap_put(pairs, &r, i);"},
    "two values of one packet": {"put": "dmap_put(pairs, &p, i); p.a.addr ^= 1; p.b.addr ^= 1; if (dchain_allocate_new_index(ip_table.chain, &i, now)) dmap_put(pairs, &p, i);"},
    "another index": {"put": "dmap_put(pairs, &p, 5);"},
    "an index of two values": {"put": "dmap_put(pairs, &p, i); dmap_put(pairs, &p, i);"},
    "an index without a value": {"put": "if (ip->time_to_live > 3) dmap_put(pairs, &p, i);"},
    "another allocator": {"allocate": "dchain_allocate_new_index(mac_table.chain, &i, now)"},
    "the index decides": {"hit": "if (i & 1) return device;"},
    "the index is the port": {"hit": "return i;"},
    "a new index is the port": {"put": "dmap_put(pairs, &p, i); return i;"},
    "an index that is found behind a put is the port": {
        "put": "dmap_put(pairs, &p, i); int n; if (dmap_get_a(pairs, &p.a, &n)) return n;"
    },
    "values are erased": {"hit": "dmap_erase(pairs, i);"},
    "only indices are freed": {"hit": "dchain_free_index(ip_table.chain, i);"},
    "how many values": {"hit": "if (dmap_size(pairs) > 3) return device;"},
    "what is put is asked": {"put": "if (!dmap_put(pairs, &p, i)) return device;"},
    "old values end late": {"expire": "", "hit": "expire_items(ip_table.chain, pairs, now - 1000);"},
    "another's old values end": {"expire": "expire_items(mac_table.chain, pairs, now - 1000);"},
    "ages are none": {"hit": "dchain_rejuvenate_index(ip_table.chain, i, now + ip->time_to_live);"},
    "what lies at the index is asked for before it is put": {"before": "dmap_get_value(pairs, ip->time_to_live, &q); if (q.a.addr) return device;"},
}  # fmt: skip


def test_sources_meet_who_answers_them(tmp_path: Path) -> None:
    r = plan_of(tmp_path, NF.format(**FINE), prelude=prelude())
    assert r.plan.shardable and r.named("sharded") == {"pairs", "ip_table.chain"}, r.texts
    assert r.constraints == {(0, 1, (("src_ip", "dst_ip"),))}
    names = {o.name: o.id for o in r.analysis.objects}
    [decision] = [d for d in r.plan.decisions if d.object == names["pairs"]]
    assert decision.led_by == (names["ip_table.chain"], 1) and len(r.plan.decisions) == len(r.analysis.objects)


@pytest.mark.parametrize(
    "change",
    [
        {"hit": "ip->packet_id = (uint16_t)i;"},
        {"put": "dmap_put(pairs, &p, i); ip->packet_id = (uint16_t)i;"},
        # Found behind what is put, and where the NF ends itself.
        {"put": "dmap_put(pairs, &p, i); int n; if (dmap_get_a(pairs, &p.a, &n)) ip->packet_id = (uint16_t)n;"},
        {"put": "dmap_put(pairs, &p, i); int n; if (dmap_get_a(pairs, &p.a, &n)) { if (n == -7) exit(1); ip->packet_id = (uint16_t)n; }"},
    ],
)  # fmt: skip
def test_indices_that_leave_are_each_cores_own(change: dict[str, str], tmp_path: Path) -> None:
    r = plan_of(tmp_path, NF.format(**FINE | change), prelude=prelude())
    assert "pairs" in r.named("sharded") and r.ranged == {"ip_table.chain"}, r.texts


def test_other_tables_have_other_allocators(tmp_path: Path) -> None:
    hit = FINE["hit"] + "touch_ip_port(ip->src_addr, 7, now);"
    r = plan_of(tmp_path, NF.format(**FINE | {"hit": hit}), prelude=prelude())
    names = {o.name: o.id for o in r.analysis.objects}
    [decision] = [d for d in r.plan.decisions if d.object == names["pairs"]]
    assert decision.led_by == (names["ip_table.chain"], 1), r.texts
    assert spread(r.analysis, [names["pairs"]]).allocator(names["pairs"]) == names["ip_table.chain"]


@pytest.mark.parametrize("name", WRONG)
def test_one_thing_wrong(name: str, tmp_path: Path) -> None:
    r = plan_of(tmp_path, NF.format(**FINE | WRONG[name]), prelude=prelude())
    assert "pairs" in r.named("shared"), r.treatments


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memcpy(to, from, sizeof(struct Pair))", "memcpy(to, from, 4)"),
        ("pair_pack, 1024, 1024", "pair_pack, 1000, 1000"),
        ("Ip_eq, Ip_hash, sizeof(struct Pair)", "Low_eq, Ip_hash, sizeof(struct Pair)"),
    ],
)
def test_values_that_are_no_copies_and_keys_that_are_not_found(old: str, new: str, tmp_path: Path) -> None:
    """Not all is copied; there are more indices than values; equal keys have different hashes."""
    low = "bool Low_eq(void *a, void *b) { return (((struct Ip *)a)->addr & 255) == (((struct Ip *)b)->addr & 255); }\n"
    text = prelude().replace("struct nf_config {", low + "struct nf_config {", 1).replace(old, new)
    assert old in prelude() and ALLOCATED in prelude() and PRELUDE[:20] in text
    r = plan_of(tmp_path, NF.format(**FINE), prelude=text)
    assert "pairs" in r.named("shared"), r.treatments
