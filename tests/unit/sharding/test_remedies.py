"""What is said to lift a conflict helps: it names the cause, not what the NF does already or what follows from it."""

from __future__ import annotations

import pytest
from small_nfs import PRELUDE, Result, plan_of

FLOWS = "if (ports == NULL || device != 0) return device;"
MORE = """
#include "lib/verified/double-map.h"
#include "lib/verified/lpm-dir-24-8.h"
struct Pair { struct Ip a, b; };
static void pair_copy(char *to, void *from) { memcpy(to, from, sizeof(struct Pair)); }
static void pair_destroy(void *p) { (void)p; }
static void pair_keys(void *p, void **a, void **b) { *a = &((struct Pair *)p)->a; *b = &((struct Pair *)p)->b; }
static void pair_pack(void *p, void *a, void *b) { (void)p; (void)a; (void)b; }
static struct DoubleMap *pairs;
static struct lpm *routes;
struct nf_config { uint32_t offset; };
"""
ALLOCATED = """vector_allocate(sizeof(uint32_t), 1024, null_init, &values) && lpm_allocate(&routes)
      && dmap_allocate(Ip_eq, Ip_hash, Ip_eq, Ip_hash, sizeof(struct Pair), pair_copy, pair_destroy, pair_keys,
                       pair_pack, 1024, 1024, &pairs);"""


def prelude() -> str:
    text = PRELUDE.replace("struct nf_config { int unused; };", MORE)
    return text.replace("vector_allocate(sizeof(uint32_t), 1024, null_init, &values);", ALLOCATED)


def said(r: Result) -> set[tuple[str, str]]:
    return {(o.text, o.remedy) for o in r.said}


BY_ADDRESS = "name its entries by IP addresses or ports"
AS_THEY_ARE = f"{BY_ADDRESS} as they are, or by what C's operators make of them alone"
LOOK_UP = "look the key up with map_get, erase it, and free the index that it gave"
DOUBLE_MAP = "use two maps, one for each key, whose keys lie in vectors at the indices of one dchain"
ERASE = "struct Ip *s; vector_borrow(ip_table.keys, i, (void **)&s); map_erase(ip_table.map, s, (void **)&s);"
CASES = {
    "a double map": (
        "expire_items(ip_table.chain, pairs, now - 1000); struct Pair p = { { ip->src_addr }, { ip->dst_addr } }; int i;"
        "if (dchain_allocate_new_index(ip_table.chain, &i, now)) dmap_put(pairs, &p, i);",
        {("pairs is a double map: could not decide which packets share its entries", DOUBLE_MAP)},
    ),
    "routes": (
        "if (lpm_lookup_elem(routes, ip->dst_addr) == 3) return device; lpm_update_elem(routes, ip->src_addr, 24, 3);",
        {(
            "routes is a routing table that packets change: any packet may ask for the prefix that another put",
            "let set-up alone fill it; or keep in a map what packets put",
        )},
    ),
    "what is made of a MAC address": (
        "touch_ip(ether->src_addr.addr_bytes[5] * 3, now);",
        {(
            "ip_table.map is keyed by src_mac: no NIC hashes any of that",
            f"{BY_ADDRESS}; or a NIC that hashes src_mac (no profile has one)",
        )},
    ),
    "a field with the time": (
        "touch_ip(ip->src_addr + (uint32_t)now, now);",
        {("ip_table.map is keyed by src_ip, the time: no NIC hashes the time", AS_THEY_ARE)},
    ),
    "a field with an option": (
        "uint32_t *v, i = (uint32_t)rte_be_to_cpu_16(ports->dst_port) - config.offset; if (i >= 1024) return device;"
        "vector_borrow(values, i, (void **)&v); if (*v > 5) return device; *v += 1;",
        {(
            "values is keyed by dst_port, the option config.offset: no NIC hashes the option config.offset",
            "name its entries without options, or write a constant for them",
        )},
    ),
    "a function of a field": (
        "touch_ip(__builtin_ia32_crc32si(0, ip->src_addr), now);",
        {(
            "ip_table.map is keyed by what a function makes of src_ip: no NIC hashes any of that",
            AS_THEY_ARE,
        )},
    ),
    "learning": (
        "touch_ip(ip->src_addr, now); struct Ip k = { ip->dst_addr }; int i;"
        "if (!map_get(ip_table.map, &k, &i)) return device;",
        {(
            "the constraint port 0 (dst_ip) = port 0 (src_ip) has no field in common on both sides: all packets would "
            "meet on one core",
            "put and look up in ip_table.map under the same field of each port's packets",
        )},
    ),
    "two tables": (
        "touch_ip(ip->src_addr, now); touch_ip_port(ip->dst_addr, ports->dst_port, now);",
        {(
            "the constraints port 0 (dst_ip, dst_port) = port 0 (dst_ip, dst_port) and port 0 (src_ip) = port 0 "
            "(src_ip) have no field in common: all packets would meet on one core",
            "let the keys of ip_table.map and ip_port_table.map have a field in common",
        )},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cause_and_remedy(tmp_path, name):
    body, expected = CASES[name]
    r = plan_of(tmp_path, FLOWS + body, prelude=prelude())
    assert not r.plan.shardable
    assert said(r) == expected


FOLLOWED = {
    "a double map": None,
    "routes": None,
    "a MAC address": "touch_ip(ip->dst_addr, now);",
    "a field with the time": "touch_ip(ip->src_addr + 7, now);",
    "a field with an option": CASES["a field with an option"][0].replace("config.offset", "1000"),
    "a function of a field": "touch_ip(ip->src_addr, now);",
    "learning": CASES["learning"][0].replace("dst_addr", "src_addr"),
    "two tables": CASES["two tables"][0].replace("ip->dst_addr", "ip->src_addr"),
}


@pytest.mark.parametrize("name", [name for name, body in FOLLOWED.items() if body])
def test_who_follows_it_is_helped(tmp_path, name):
    r = plan_of(tmp_path, FLOWS + FOLLOWED[name], prelude=prelude())
    assert r.plan.shardable, r.texts


EXPIRE = "let expire_items_single_map take out what is old"


def test_old_indices_taken_out_one_by_one(tmp_path):
    """The key is erased and the index freed, but that the one is of the other is not seen."""
    body = (
        f"touch_ip(ip->src_addr, now); int i; if (dchain_expire_one_index(ip_table.chain, &i, now - 5)) {{ {ERASE} }}"
    )
    found = said(plan_of(tmp_path, FLOWS + body))
    assert {
        ("an entry of ip_table.chain is chosen by the time", EXPIRE),
        (
            "could not show that the key of the index of ip_table.chain that is freed here leaves ip_table.map",
            EXPIRE,
        ),
        ("could not show that the index of the key of ip_table.map that is erased here is freed", LOOK_UP),
    } <= found
    assert not any("its key stays in" in text or "its index is not freed" in text for text, _ in found)


UNKNOWN = PRELUDE.replace("x->addr == y->addr && x->port == y->port;", "x->addr == y->addr && x->port >= y->port;")
HASHES_MORE = PRELUDE.replace("x->addr == y->addr && x->port == y->port;", "x->addr == y->addr;")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (UNKNOWN, "'IpPort_eq' is not a conjunction of field equalities"),
        (HASHES_MORE, "'IpPort_hash' reads port, which 'IpPort_eq' does not compare"),
    ],
)
def test_keys_that_are_not_known_are_the_only_reason(tmp_path, text, why):
    r = plan_of(tmp_path, FLOWS + "touch_ip_port(ip->src_addr, ports->src_port, now);", prelude=text)
    remedy = "compare members of the two keys by ==, all joined with &&, and let the hash read no others"
    assert said(r) == {(f"could not decide which keys of ip_port_table.map are equal: {why}", remedy)}


def test_a_refusal_of_r5_is_the_only_reason(tmp_path):
    """That other rules do not explain these accesses either is no news."""
    body = (
        "if (ports == NULL) return device; if (device == 0) { touch_ip(ip->src_addr, now); return 1; }"
        "uint32_t i = rte_be_to_cpu_16(ports->dst_port); if (i >= 1024) return device;"
        "if (!dchain_is_index_allocated(ip_table.chain, i)) return device;"
        "dchain_rejuvenate_index(ip_table.chain, i, now);"
    )
    r = plan_of(tmp_path, body)
    assert {o.rule for o in r.plan.obstacles} == {"R5"}, r.texts
    assert r.named("shared") == {"ip_table.map", "ip_table.keys", "ip_table.chain"}


def test_each_key_without_a_home_has_a_remedy(tmp_path):
    body = "struct Ip local = { ip->src_addr }; int i; if (map_get(ip_table.map, &local, &i)) return 1;"
    allocated = "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device; struct Ip *s;"
    borrowed = "vector_borrow(ip_table.keys, i, (void **)&s); "
    for rest, remedy in (
        ("map_put(ip_table.map, &local, i);", "copy the key to what vector_borrow gives for a fresh index"),
        (f"{borrowed} s->addr = ip->dst_addr; map_put(ip_table.map, s, i);", "call map_get with that very key first"),
        (f"{borrowed} *s = local; map_put(ip_table.map, s, i); s->addr = 5;", "and nothing else there later"),
    ):
        r = plan_of(tmp_path, FLOWS + body + allocated + rest)
        assert any(remedy in o.remedy for o in r.said), said(r)
