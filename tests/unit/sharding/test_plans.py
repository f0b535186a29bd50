"""Small NFs and the plans they must get: each rule, and each way in which soundness would be lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from maestro_tool.frontend import load_program
from maestro_tool.sharding import derive_plan, plan_from_json, plan_to_json
from maestro_tool.sharding.bits import show_field
from maestro_tool.sharding.plan import ShardingPlan
from maestro_tool.symex import Limits, analyse

PRELUDE = """
#include <stdint.h>
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"

struct Ip { uint32_t addr; };
bool Ip_eq(void *a, void *b) { return ((struct Ip *)a)->addr == ((struct Ip *)b)->addr; }
unsigned Ip_hash(void *a) { return __builtin_ia32_crc32si(0, ((struct Ip *)a)->addr); }
void Ip_init(void *a) { ((struct Ip *)a)->addr = 0; }

struct IpPort { uint32_t addr; uint16_t port; };
bool IpPort_eq(void *a, void *b) {
  struct IpPort *x = a, *y = b;
  return x->addr == y->addr && x->port == y->port;
}
unsigned IpPort_hash(void *a) { struct IpPort *x = a; return __builtin_ia32_crc32si(x->port, x->addr); }
void IpPort_init(void *a) { struct IpPort *x = a; x->addr = 0; x->port = 0; }

struct Mac { uint8_t b[6]; };
bool Mac_eq(void *a, void *b) {
  uint8_t *x = ((struct Mac *)a)->b, *y = ((struct Mac *)b)->b;
  return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4] && x[5] == y[5];
}
unsigned Mac_hash(void *a) { return ((struct Mac *)a)->b[5]; }
void Mac_init(void *a) { ((struct Mac *)a)->b[0] = 0; }

struct nf_config { int unused; };
struct nf_config config;
void nf_config_init(int argc, char **argv) { (void)argc; (void)argv; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

struct Table { struct Map *map; struct Vector *keys; struct DoubleChain *chain; };
static struct Table ip_table, ip_port_table, mac_table;
static struct Vector *counters;
static uint32_t total;

static bool make(struct Table *t, map_keys_equality *eq, map_key_hash *hash, vector_init_elem *init, int size) {
  return map_allocate(eq, hash, 1024, &t->map) && vector_allocate(size, 1024, init, &t->keys)
      && dchain_allocate(1024, &t->chain);
}
bool nf_init(void) {
  return make(&ip_table, Ip_eq, Ip_hash, Ip_init, sizeof(struct Ip))
      && make(&ip_port_table, IpPort_eq, IpPort_hash, IpPort_init, sizeof(struct IpPort))
      && make(&mac_table, Mac_eq, Mac_hash, Mac_init, sizeof(struct Mac))
      && vector_allocate(sizeof(uint32_t), 65536, null_init, &counters);
}

static void touch_ip(uint32_t addr, vigor_time_t now) {
  struct Ip key = { addr }, *stored;
  int index;
  if (map_get(ip_table.map, &key, &index)) { dchain_rejuvenate_index(ip_table.chain, index, now); return; }
  if (!dchain_allocate_new_index(ip_table.chain, &index, now)) return;
  vector_borrow(ip_table.keys, index, (void **)&stored);
  *stored = key;
  map_put(ip_table.map, stored, index);
  vector_return(ip_table.keys, index, stored);
}
static void touch_ip_port(uint32_t addr, uint16_t port, vigor_time_t now) {
  struct IpPort key = { .addr = addr, .port = port }, *stored;
  int index;
  if (map_get(ip_port_table.map, &key, &index)) { dchain_rejuvenate_index(ip_port_table.chain, index, now); return; }
  if (!dchain_allocate_new_index(ip_port_table.chain, &index, now)) return;
  vector_borrow(ip_port_table.keys, index, (void **)&stored);
  *stored = key;
  map_put(ip_port_table.map, stored, index);
  vector_return(ip_port_table.keys, index, stored);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf; (void)now; (void)touch_ip; (void)touch_ip_port;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);
  (void)ports;
#line 1000 "body"
"""


@dataclass(frozen=True)
class Result:
    plan: ShardingPlan
    constraints: set[tuple[int, int, tuple[tuple[str, str], ...]]]
    rules: set[str | None]
    texts: str


def plan_of(tmp_path: Path, body: str) -> Result:
    source = tmp_path / "nf.c"
    source.write_text(PRELUDE + body + "\n  return 1 - device;\n}\n")
    analysis = analyse(load_program([source], [], []), (), 2, Limits())
    plan = derive_plan(analysis)
    assert plan_from_json(plan_to_json(plan)) == plan
    return Result(
        plan,
        {(*c.ports, tuple((show_field(a), show_field(b)) for a, b in c.equal)) for c in plan.constraints},
        {rule for rule, _, _ in plan.obstacles},
        " / ".join(text for _, text, _ in plan.obstacles),
    )


def same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((n, n) for n in names)


def test_no_state_no_constraint(tmp_path):
    r = plan_of(tmp_path, "")
    assert r.plan.shardable and not r.constraints
    assert {d.treatment for d in r.plan.decisions} == {"read-only"}


def test_r1_key_equality(tmp_path):
    r = plan_of(tmp_path, "if (device == 0) touch_ip(ip->src_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}
    assert [x.kind for x in r.plan.relaxations] == ["capacity-split"]


def test_r1_joins_ports(tmp_path):
    r = plan_of(tmp_path, "touch_ip(device == 0 ? ip->src_addr : ip->dst_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 1, (("src_ip", "dst_ip"),))}


def test_r2_the_coarser_key_wins(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device;"
        "touch_ip(ip->src_addr, now); touch_ip_port(ip->src_addr, ports->dst_port, now);",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}
    assert {c.rule for c in r.plan.constraints} == {"R2"}


def test_r3_disjoint_dependencies(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device;"
        "touch_ip(ip->src_addr, now); touch_ip_port(ip->dst_addr, ports->dst_port, now);",
    )
    assert not r.plan.shardable and r.rules == {"R3"}


def test_r3_learn_source_look_up_destination(tmp_path):
    r = plan_of(
        tmp_path,
        "touch_ip(ip->src_addr, now); struct Ip k = { ip->dst_addr }; int i;"
        "if (!map_get(ip_table.map, &k, &i)) return device;",
    )
    assert not r.plan.shardable and "R3" in r.rules


def test_r4_mac_addresses(tmp_path):
    r = plan_of(
        tmp_path,
        "struct Mac k; for (int i = 0; i < 6; i++) k.b[i] = ether->src_addr.addr_bytes[i];"
        "int index; struct Mac *s;"
        "if (!map_get(mac_table.map, &k, &index) && dchain_allocate_new_index(mac_table.chain, &index, now)) {"
        "  vector_borrow(mac_table.keys, index, (void **)&s); *s = k;"
        "  map_put(mac_table.map, s, index); vector_return(mac_table.keys, index, s); }",
    )
    assert not r.plan.shardable and r.rules == {"R4"} and "src_mac" in r.texts


def test_r4_one_global_for_all(tmp_path):
    r = plan_of(tmp_path, "total = total * 3 + 1; if (total == 7) return device;")
    assert not r.plan.shardable and r.rules == {"R4"} and "total" in r.texts


def test_read_only_lookup_constrains_nothing(tmp_path):
    r = plan_of(tmp_path, "struct Ip k = { ip->src_addr }; int i; if (!map_get(ip_table.map, &k, &i)) return device;")
    assert r.plan.shardable and not r.constraints


def test_prefix(tmp_path):
    r = plan_of(tmp_path, "if (device == 0) touch_ip(ip->src_addr & 0x00ffffff, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip[31:8]"))}


def test_vector_indexed_by_a_header_field(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; uint32_t *c;"
        "vector_borrow(counters, ports->dst_port, (void **)&c); *c = *c + 1;"
        "vector_return(counters, ports->dst_port, c);",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("dst_port"))}


def test_fields_read_from_frames_that_do_not_have_them(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0) return device; struct tcpudp_hdr *p = (struct tcpudp_hdr *)(ip + 1);"
        "touch_ip_port(ip->src_addr, p->dst_port, now);",
    )
    assert not r.plan.shardable and "not TCP or UDP" in r.texts


def test_index_that_leaves_in_a_packet(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; struct IpPort k = { ip->src_addr, ports->src_port }, *s;"
        "int i; if (!map_get(ip_port_table.map, &k, &i)) {"
        "  if (!dchain_allocate_new_index(ip_port_table.chain, &i, now)) return device;"
        "  vector_borrow(ip_port_table.keys, i, (void **)&s); *s = k;"
        "  map_put(ip_port_table.map, s, i); vector_return(ip_port_table.keys, i, s); }"
        "ports->src_port = (uint16_t)i;",
    )
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip", "src_port"))}
    assert [d.object for d in r.plan.decisions if d.ranged] == [x.object for x in r.plan.relaxations if x.kind == "index-choice"]
    assert len([d for d in r.plan.decisions if d.ranged]) == 1


def test_freed_index_that_stays_in_a_map(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0) return device; touch_ip(ip->src_addr, now);"
        "struct Ip k = { ip->src_addr }; int i;"
        "if (map_get(ip_table.map, &k, &i)) dchain_free_index(ip_table.chain, i);",
    )
    assert not r.plan.shardable and "stays in" in r.texts


EXPIRE = "expire_items_single_map(ip_table.chain, ip_table.keys, ip_table.map, now - 1000);"


def test_expiry_first_is_fine(tmp_path):
    r = plan_of(tmp_path, EXPIRE + "if (device == 0) touch_ip(ip->src_addr, now);")
    assert r.plan.shardable and r.constraints == {(0, 0, same("src_ip"))}


@pytest.mark.parametrize(
    "body",
    [
        "if (device == 0) touch_ip(ip->src_addr, now);" + EXPIRE,
        "if (device == 1) { " + EXPIRE + " } else touch_ip(ip->src_addr, now);",
    ],
)
def test_expiry_too_late_or_elsewhere_cannot_be_decided(tmp_path, body):
    r = plan_of(tmp_path, body)
    assert not r.plan.shardable and "before old entries" in r.texts


@pytest.mark.parametrize("first", ["", EXPIRE])
def test_a_key_changed_in_place_cannot_be_decided(tmp_path, first):
    r = plan_of(
        tmp_path,
        first + "if (device != 0) return device; touch_ip(ip->src_addr, now); struct Ip k = { ip->src_addr }, *s; int i;"
        "if (map_get(ip_table.map, &k, &i)) {"
        "  vector_borrow(ip_table.keys, i, (void **)&s); s->addr = ip->dst_addr; vector_return(ip_table.keys, i, s); }",
    )
    assert not r.plan.shardable and "changed while a map may hold it" in r.texts


def test_another_key_in_the_vector_than_in_the_map(tmp_path):
    r = plan_of(
        tmp_path,
        EXPIRE + "if (device != 0) return device; struct Ip k = { ip->src_addr }, *s; int i;"
        "if (!map_get(ip_table.map, &k, &i) && dchain_allocate_new_index(ip_table.chain, &i, now)) {"
        "  vector_borrow(ip_table.keys, i, (void **)&s); s->addr = ip->dst_addr;"
        "  map_put(ip_table.map, &k, i); vector_return(ip_table.keys, i, s); }",
    )
    assert not r.plan.shardable and "expiry would erase another" in r.texts


def test_map_value_that_is_no_index(tmp_path):
    r = plan_of(
        tmp_path,
        "if (device != 0) return device; struct Ip k = { ip->src_addr }, *s; int i; uint32_t *c;"
        "if (map_get(ip_table.map, &k, &i)) {"
        "  vector_borrow(counters, i, (void **)&c); *c = *c + 1; vector_return(counters, i, c); return 1; }"
        "if (!dchain_allocate_new_index(ip_table.chain, &i, now)) return device;"
        "vector_borrow(ip_table.keys, i, (void **)&s); *s = k;"
        "map_put(ip_table.map, s, i / 2); vector_return(ip_table.keys, i, s);",
    )
    assert not r.plan.shardable and "not indices freshly allocated" in r.texts


def test_two_ways_to_one_vector_are_not_related_by_guessing(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; touch_ip(ip->src_addr, now);"
        "struct Ip k = { ip->src_addr }; int i; uint32_t *c;"
        "if (map_get(ip_table.map, &k, &i)) { vector_borrow(counters, i, (void **)&c); *c = 1; vector_return(counters, i, c); }"
        "vector_borrow(counters, ports->dst_port, (void **)&c); *c = 2; vector_return(counters, ports->dst_port, c);",
    )
    assert not r.plan.shardable and "could not be related" in r.texts


def test_arithmetic_on_a_field_becomes_a_relation(tmp_path):
    r = plan_of(
        tmp_path,
        "if (ports == NULL || device != 0) return device; struct Ip k = { ports->src_port * 5 + ports->dst_port }; (void)k;"
        "touch_ip(ports->src_port * 5 + ports->dst_port, now);",
    )
    assert r.plan.shardable and [c.relation is not None for c in r.plan.constraints] == [True]
