"""Small NFs that call the runtime's primitives: what the costs of `maestro predict` are fitted on (fit.py).

Each does one thing, with keys of several sizes, so that callgrind can tell what it costs.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from random import Random
from typing import Final

from tests.replay.compare import Packet

_HEAD = """
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/cht.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/ether.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/unverified/sketch.h"

struct nf_config { uint16_t wan; uint16_t lan; vigor_time_t age; uint64_t rate, burst; int levels; uint32_t backends; };
struct nf_config config;
void nf_config_init(int argc, char **argv) {
  (void)argc; (void)argv;
  config = (struct nf_config){ 1, 0, 3000, 5, 40000, 2, 16 };
}
void nf_config_usage(void) {}
void nf_config_print(void) {}
struct value { uint64_t tokens; vigor_time_t then; };
"""
#: Where objects are: variables, or members of a struct behind a pointer.
_GLOBAL = """
static struct Map *map;
static struct Vector *keys, *values;
static struct DoubleChain *chain;
"""
_HELD = """
struct state { struct Map *map; struct Vector *keys, *values; struct DoubleChain *chain; };
static struct state *state;
"""
#: A macro, since functions of keys are known where an allocation names them.
_MAKE = """
#define make(eq, hash, size, capacity) \\
  (map_allocate(eq, hash, capacity, &map) && vector_allocate(size, capacity, null_init, &keys) && \\
   vector_allocate(sizeof(struct value), capacity, null_init, &values) && dchain_allocate(capacity, &chain))
"""
_PROCESS = """
int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)packet_length; (void)mbuf; (void)now;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer); (void)ether;
"""
_IP = """
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
"""
_L4 = (
    _IP
    + """
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return device;
"""
)

#: Keys: what comes before, and their members: C type, name, and where packets have it.
_KEYS: Final[Mapping[str, tuple[str, tuple[tuple[str, str, str], ...]]]] = {
    "addr": (_IP, (("uint32_t", "a", "ip->src_addr"),)),
    "pair": (_IP, (("uint32_t", "a", "ip->src_addr"), ("uint32_t", "b", "ip->dst_addr"))),
    "ports": (
        _L4,
        (
            ("uint32_t", "a", "ip->src_addr"), ("uint32_t", "b", "ip->dst_addr"), ("uint16_t", "c", "l4->src_port"),
            ("uint16_t", "d", "l4->dst_port"),
        ),
    ),
    "five": (
        _L4,
        (
            ("uint16_t", "c", "l4->src_port"), ("uint16_t", "d", "l4->dst_port"), ("uint32_t", "a", "ip->src_addr"),
            ("uint32_t", "b", "ip->dst_addr"), ("uint32_t", "e", "ip->next_proto_id"),
        ),
    ),
}  # fmt: skip


def _key(name: str) -> str:
    members = _KEYS[name][1]
    equal = " && ".join(f"x->{m} == y->{m}" for _, m, _ in members)
    hashed = "".join(f"h = __builtin_ia32_crc32si(h, ((struct key *)k)->{m});" for _, m, _ in members)
    return (
        f"struct key {{ {' '.join(f'{t} {m};' for t, m, _ in members)} }};\n"
        f"bool key_eq(void *a, void *b) {{ struct key *x = a, *y = b; return {equal}; }}\n"
        f"unsigned key_hash(void *k) {{ unsigned h = 0; {hashed} return h; }}\n"
    )


def _of_key(
    name: str,
    before: str,
    body: str,
    init: str = "make(key_eq, key_hash, sizeof(struct key), 256)",
    places: str = _GLOBAL,
    first: str = "",
) -> str:
    guard, members = _KEYS[name]
    key = ", ".join(f".{m} = {at}" for _, m, at in members)
    made = "(state = calloc(1, sizeof *state)) != NULL && " if places == _HELD else ""
    start = f"bool nf_init(void) {{ return {made}{init}; }}\n"
    declared = f"  struct key key = {{ {key} }}, *stored; (void)stored; int index; (void)index;\n"
    text = f"{_MAKE}{_key(name)}{before}{start}{_PROCESS}{first}{guard}{declared}{body}}}\n"
    if places == _HELD:
        text = re.sub(r"\b(map|keys|values|chain)\b", r"state->\1", text)
    return f"{_HEAD}{places}{text}"


_EXPIRE = "  expire_items_single_map(chain, keys, map, now - config.age);\n"
_NEW = """
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
"""
_TABLE = f"""
  if (map_get(map, &key, &index)) {{
    dchain_rejuvenate_index(chain, index, now);
  }} else {{{_NEW}  }}
  return 1 - device;
"""
_ONE_SIDE = f"""
  if (device == config.wan) return map_get(map, &key, &index) ? config.lan : device;
{_TABLE}"""
_BUCKET = f"""
  struct value *v;
  if (device != config.wan) return config.wan;
  if (map_get(map, &key, &index)) {{
    dchain_rejuvenate_index(chain, index, now);
    vector_borrow(values, index, (void **)&v);
    uint64_t tokens = config.burst;
    vigor_time_t elapsed = now - v->then;
    if (elapsed < 2000) {{
      tokens = v->tokens + (uint64_t)elapsed * config.rate;
      if (tokens > config.burst) tokens = config.burst;
    }}
    v->tokens = tokens;
    v->then = now;
    if (v->tokens < packet_length * 100ul) return device;
    v->tokens -= packet_length * 100ul;
    return config.lan;
  }}
{_NEW}
  vector_borrow(values, index, (void **)&v);
  v->tokens = config.burst - packet_length;
  v->then = now;
  return config.lan;
"""
_COUNT = f"""
  struct value *v;
  if (map_get(map, &key, &index)) {{
    vector_borrow(values, index, (void **)&v);
    v->tokens++;
    return v->tokens > 9 ? device : 1 - device;
  }}
{_NEW}
  vector_borrow(values, index, (void **)&v);
  v->tokens = 1;
  return 1 - device;
"""
_ERASE = f"""
  void *trash;
  if (map_get(map, &key, &index)) {{
    vector_borrow(keys, index, (void **)&stored);
    if (ip->type_of_service & 8) {{
      map_erase(map, stored, &trash);
      dchain_free_index(chain, index);
      return 1 - device;
    }}
    if (dchain_is_index_allocated(chain, index)) dchain_rejuvenate_index(chain, index, now);
    return 1 - device;
  }}
{_NEW}
  return 1 - device;
"""
_SKETCH = """
  sketch_compute_hashes(sketch, &key);
  if (ip->type_of_service & 8) {
    sketch_refresh(sketch, now);
    if (sketch_fetch(sketch)) return device;
  }
  if (device == config.wan) return config.lan;
  if (!sketch_touch_buckets(sketch, now)) return device;
  return config.wan;
"""
_CHOOSE = """
  int chosen;
  if (device == config.lan) {
    if (map_get(map, &key, &index)) {
      dchain_rejuvenate_index(chain, index, now);
      return config.wan;
    }
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
    return config.wan;
  }
  if (ip->type_of_service & 8 && !cht_find_preferred_available_backend(key_hash(&key), table, nobody, 31, config.backends, &chosen)) return device;
  if (!cht_find_preferred_available_backend(key_hash(&key), table, chain, 31, config.backends, &chosen)) return device;
  ip->packet_id = chosen;
  return config.lan;
"""
_ALLOCATED = """
  uint16_t index = rte_be_to_cpu_16(l4->dst_port) & 63;
  struct rec *r;
  if (device == config.lan) {
    int fresh;
    if (!dchain_allocate_new_index(chain, &fresh, now)) return device;
    vector_borrow(records, fresh, (void **)&r);
    r->addr = ip->src_addr;
    r->port = l4->src_port;
    ip->src_addr = 0x0100000A;
    l4->src_port = rte_cpu_to_be_16(fresh);
    return config.wan;
  }
  if (!dchain_is_index_allocated(chain, index)) return device;
  vector_borrow(records, index, (void **)&r);
  if (r->addr != ip->dst_addr || r->port != l4->src_port) return device;
  dchain_rejuvenate_index(chain, index, now);
  ip->dst_addr = r->addr;
  l4->dst_port = r->port;
  return config.lan;
"""
_PAIRS = """
struct both { struct key x, y; uint32_t number; };
static struct DoubleMap *both;
static void both_copy(char *to, void *from) { *(struct both *)to = *(struct both *)from; }
static void both_keys(void *v, void **a, void **b) { *a = &((struct both *)v)->x; *b = &((struct both *)v)->y; }
"""
_MAKE_PAIRS = (
    "dmap_allocate(key_eq, key_hash, key_eq, key_hash, sizeof(struct both), both_copy, NULL, both_keys, NULL, 64, 64, &both)"
    " && dchain_allocate(64, &chain)"
)
_PAIRS_BODY = """
  struct both v = { key, key, 3 };
  expire_items(chain, both, now - config.age);
  if (device == config.lan ? dmap_get_a(both, &key, &index) : dmap_get_b(both, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
    dmap_get_value(both, index, &v);
    ip->packet_id = v.number;
    return 1 - device;
  }
  if (device != config.lan) return device;
  v.y.a = OTHER;
  if (!dchain_allocate_new_index(chain, &index, now)) return device;
  dmap_put(both, &v, index);
  return config.wan;
"""
_MAC = """
static struct Map *macs;
static struct Vector *addresses, *where;
bool nf_init(void) {
  return map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, 64, &macs) && dchain_allocate(64, &chain) &&
         vector_allocate(sizeof(struct rte_ether_addr), 64, null_init, &addresses) && vector_allocate(4, 64, null_init, &where);
}
"""
_ST = """
struct st { struct Map *macs; struct Vector *addresses, *where; struct DoubleChain *chain; };
static struct st *st;
"""
_MAC_BODY = """
  int index;
  uint32_t *port;
  struct rte_ether_addr *stored;
  if (map_get(macs, &ether->src_addr, &index)) {
    dchain_rejuvenate_index(chain, index, now);
  } else if (dchain_allocate_new_index(chain, &index, now)) {
    vector_borrow(addresses, index, (void **)&stored);
    *stored = ether->src_addr;
    map_put(macs, stored, index);
    vector_borrow(where, index, (void **)&port);
    *port = device;
  }
  if (!map_get(macs, &ether->dst_addr, &index)) return FLOOD_FRAME;
  vector_borrow(where, index, (void **)&port);
  return *port;
"""
_FIELDS = """
  if (ip->type_of_service & 8) {
    const uint32_t a = ip->src_addr;
    ip->src_addr = ip->dst_addr;
    ip->dst_addr = a;
    ip->time_to_live--;
    return 1 - device;
  }
  if (ip->type_of_service & 4) {
    l4->src_port = rte_cpu_to_be_16(rte_be_to_cpu_16(l4->src_port) + 7);
    l4->dst_port ^= 0x55;
    return 1 - device;
  }
  if (rte_be_to_cpu_32(ip->src_addr) < rte_be_to_cpu_32(ip->dst_addr)) return 1 - device;
  if (rte_be_to_cpu_16(l4->dst_port) > 1000 && l4->src_port != l4->dst_port) ip->packet_id = packet_length;
  return device ? 0 : 1;
"""
_DIVISION = """
  const uint32_t x = rte_be_to_cpu_32(ip->src_addr), y = rte_be_to_cpu_32(ip->dst_addr);
  if (x / 3 == y / 3) return device;
  ip->packet_id = x % 5 + y / 7;
  ip->time_to_live = x * y >> 9;
  return 1 - device;
"""
_VARIABLES = """
  total++;
  if (device == config.wan) seen[ip->src_addr >> 24 & 3] += packet_length;
  if (total > 50 && ip->time_to_live == 63) last = ip->src_addr;
  ip->packet_id = total;
  return last == ip->dst_addr ? device : 1 - device;
"""

_OLDEST = """
  void *trash;
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
    return 1 - device;
  }
  if (!dchain_allocate_new_index(chain, &index, now)) {
    if (!dchain_expire_one_index(chain, &index, now - config.age)) return device;
    vector_borrow(keys, index, (void **)&stored);
    map_erase(map, stored, &trash);
    dchain_allocate_new_index(chain, &index, now);
  }
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(map, stored, index);
  return 1 - device;
"""
_RANGE = """
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
    vector_borrow(keys, index, (void **)&stored);
    return 1 - device;
  }
  if (!dchain_allocate_new_index(chain, &index, now)) return device;
  expire_items_single_map_iteratively(blocks, others, index * 2, index * 2);
  vector_borrow(keys, index, (void **)&stored);
  *stored = key;
  map_put(map, stored, index);
  return 1 - device;
"""
_LEVELS = """
  struct key keys2[2] = { { ip->src_addr & 0xFFFFFF }, { ip->src_addr & 0xFFFF } };
  for (int i = 0; i < config.levels; i++) {
    struct level *l = &levels[i];
    struct value *v;
    if (map_get(l->table, &keys2[i], &index)) {
      dchain_rejuvenate_index(l->ages, index, now);
      vector_borrow(l->counts, index, (void **)&v);
      v->tokens += packet_length;
      v->then = now;
      continue;
    }
    if (!dchain_allocate_new_index(l->ages, &index, now)) return device;
    vector_borrow(l->stored, index, (void **)&stored);
    *stored = keys2[i];
    map_put(l->table, stored, index);
    vector_borrow(l->counts, index, (void **)&v);
    v->tokens = packet_length;
    v->then = now;
  }
  return 1 - device;
"""
_LEVEL = """
struct level { struct Map *table; struct Vector *stored, *counts; struct DoubleChain *ages; };
static struct level *levels;
static bool make_levels(void) {
  levels = calloc(2, sizeof *levels);
  if (levels == NULL) return false;
  for (int i = 0; i < config.levels; i++)
    if (!map_allocate(key_eq, key_hash, 64, &levels[i].table) || !dchain_allocate(64, &levels[i].ages) ||
        !vector_allocate(sizeof(struct key), 64, null_init, &levels[i].stored) ||
        !vector_allocate(sizeof(struct value), 64, null_init, &levels[i].counts))
      return false;
  return true;
}
"""
_EXPIRE_LEVELS = """
  for (int i = 0; i < config.levels; i++) {
    struct level *l = &levels[i];
    expire_items_single_map(l->ages, l->stored, l->table, now - config.age);
  }
"""
_ROUTES = """
static struct lpm *routes;
bool nf_init(void) { return lpm_allocate(&routes) && lpm_update_elem(routes, 0x0A000000, 29, 1) && lpm_update_elem(routes, 0x0A000002, 31, 0); }
"""
_ROUTES_BODY = """
  const uint16_t port = lpm_lookup_elem(routes, rte_be_to_cpu_32(ip->dst_addr));
  return port == device ? device : port;
"""
#: Beside a variable that workers share.
_COUNTED = "static uint64_t total;\n"
_COUNT_ALL = "  total++;\n  if (total == 300) return device;\n"
_CHECKSUM = """
  if (ip->type_of_service & 4) {
    ip->src_addr = 0x0100000A;
    nf_set_rte_ipv4_udptcp_checksum(ip, l4, mbuf);
  }
  return 1 - device;
"""
_SUMS = """
static uint32_t replaced(uint32_t sum, uint16_t old, uint16_t new) { return sum + (uint16_t)~old + new; }
static uint16_t closed(uint32_t sum) {
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return (uint16_t)~sum;
}
"""
_REWRITE = """
  const uint32_t new = device == config.wan ? 0x0100000A : 0x0200000A;
  uint32_t sum = (uint16_t)~ip->hdr_checksum;
  sum = replaced(sum, (uint16_t)ip->src_addr, (uint16_t)new);
  sum = replaced(sum, ip->src_addr >> 16, new >> 16);
  ip->hdr_checksum = closed(sum);
  ip->src_addr = new;
  if (ip->type_of_service & 4) {
    ip->packet_id = closed(replaced((uint16_t)~ip->packet_id, l4->src_port, l4->dst_port));
    l4->src_port = l4->dst_port;
  }
  return 1 - device;
"""
_NAT = """
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
  } else {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  uint16_t port = rte_cpu_to_be_16((uint16_t)(1024 + index));
  uint32_t sum = (uint16_t)~ip->hdr_checksum;
  sum = replaced(sum, (uint16_t)ip->src_addr, (uint16_t)config.backends);
  sum = replaced(sum, ip->src_addr >> 16, config.backends >> 16);
  ip->hdr_checksum = closed(replaced(sum, l4->src_port, port));
  ip->src_addr = config.backends;
  l4->src_port = port;
  return 1 - device;
"""
_TWO = """
  struct value *v;
  int other;
  if (!map_get(map, &key, &index)) {
    if (device == config.wan) return device;
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
    vector_borrow(values, index, (void **)&v);
    v->tokens = 0;
    return config.wan;
  }
  key.a = ip->dst_addr;
  vector_borrow(values, index, (void **)&v);
  if (map_get(map, &key, &other) && dchain_is_index_allocated(chain, other)) {
    v->tokens = (uint32_t)other;
    return 1 - device;
  }
  return v->tokens == 3 ? device : 1 - device;
"""

#: Maps whose keys have functions of their own: which one it is, is asked for when a key is hashed or compared.
_OTHERS = """
struct more { struct Map *table; struct Vector *places; struct DoubleChain *ages; };
struct small { uint32_t port; };
static struct more macs, ports;
static bool small_eq(void *a, void *b) { return ((struct small *)a)->port == ((struct small *)b)->port; }
static unsigned small_hash(void *k) { return __builtin_ia32_crc32si(0, ((struct small *)k)->port); }
static bool make_macs(void) {
  return map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, 64, &macs.table) && dchain_allocate(64, &macs.ages) &&
         vector_allocate(sizeof(struct rte_ether_addr), 64, null_init, &macs.places);
}
static bool make_ports(void) {
  return map_allocate(small_eq, small_hash, 64, &ports.table) && dchain_allocate(64, &ports.ages) &&
         vector_allocate(sizeof(struct small), 64, null_init, &ports.places);
}
static void note_mac(struct rte_ether_addr *address, vigor_time_t now) {
  int index;
  struct rte_ether_addr *stored;
  if (map_get(macs.table, address, &index)) {
    dchain_rejuvenate_index(macs.ages, index, now);
    return;
  }
  if (!dchain_allocate_new_index(macs.ages, &index, now)) return;
  vector_borrow(macs.places, index, (void **)&stored);
  *stored = *address;
  map_put(macs.table, stored, index);
}
"""
_EXPIRE_MACS = "  expire_items_single_map(macs.ages, macs.places, macs.table, now - config.age);\n"
#: On each side a table.
_NOTE_SIDE = """
  if (device == config.lan) {
    note_mac(&ether->src_addr, now);
    return config.wan;
  }
"""
#: Both on one side.
_NOTE_ALL = "  note_mac(&ether->src_addr, now);\n"
_SMALL = """
  struct small small = { l4->src_port }, *kept;
  int port;
  if (!map_get(ports.table, &small, &port)) {
    if (dchain_allocate_new_index(ports.ages, &port, now)) {
      vector_borrow(ports.places, port, (void **)&kept);
      *kept = small;
      map_put(ports.table, kept, port);
    }
  } else if (l4->dst_port == small.port) {
    dchain_rejuvenate_index(ports.ages, port, now);
    return device;
  }
"""
#: Entries that packets name by number.
_CELLS = """
  struct value *v;
  vector_borrow(values, l4->dst_port >> 8 & 31, (void **)&v);
  v->then = ip->src_addr;
  v->tokens += packet_length;
  return v->tokens > 900 ? device : 1 - device;
"""
_READ_CELL = """
  struct value *v;
  vector_borrow(values, ip->src_addr >> 24 & 15, (void **)&v);
  ip->packet_id = (uint16_t)v->tokens;
  return 1 - device;
"""
_AGES = """
  const int index = l4->dst_port >> 8 & 7;
  int fresh;
  if (ip->type_of_service & 8) return dchain_free_index(chain, index) ? 1 - device : device;
  if (ip->type_of_service & 4) return dchain_allocate_new_index(chain, &fresh, now) ? 1 - device : device;
  return dchain_rejuvenate_index(chain, index, now) ? 1 - device : device;
"""
_ARRAY = """
  counts[ip->src_addr >> 20 & 1023] += packet_length;
  return counts[ip->dst_addr >> 20 & 1023] > 300 ? device : 1 - device;
"""
#: A map that only set-up fills.
_KNOWN = """
static bool fill(void) {
  struct key *stored;
  for (uint32_t i = 0; i < 4; i++) {
    vector_borrow(keys, (int)i, (void **)&stored);
    stored->a = 10u | i << 24;
    map_put(map, stored, (int)i);
  }
  return true;
}
"""
_KNOWN_MACS = """
bool nf_init(void) {
  struct rte_ether_addr *stored;
  if (!map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, 8, &map) || !vector_allocate(6, 8, null_init, &keys)) return false;
  for (int i = 0; i < 4; i++) {
    vector_borrow(keys, i, (void **)&stored);
    stored->addr_bytes[0] = 2;
    stored->addr_bytes[5] = (uint8_t)i;
    map_put(map, stored, i & 1);
  }
  return true;
}
"""
_KNOWN_MACS_BODY = """
  int port;
  if (!map_get(map, &ether->dst_addr, &port)) return device;
  return port;
"""
_KNOWN_BODY = """
  if (!map_get(map, &key, &index)) return device;
  ip->packet_id = (uint16_t)index;
  return 1 - device;
"""
_MAKE_VALUES = "bool nf_init(void) { return vector_allocate(sizeof(struct value), 32, null_init, &values); }"
_MAKE_KEYS = "make(key_eq, key_hash, sizeof(struct key), 256)"

NFS: Final[Mapping[str, str]] = {
    "nothing": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS.partition('  struct')[0]}  return 1 - device;\n}}\n",
    "sides": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}  if (device == config.wan) return config.lan;\n{_IP}  return config.wan;\n}}\n",
    "headers3": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}{_IP}  return 1 - device;\n}}\n",
    "headers4": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}{_L4}  return 1 - device;\n}}\n",
    "fields": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}{_L4}{_FIELDS}}}\n",
    "counter3": f"{_HEAD}static uint32_t total;\nbool nf_init(void) {{ return true; }}{_PROCESS}{_IP}  total++;\n  return 1 - device;\n}}\n",
    "counter4": f"{_HEAD}static uint64_t total;\nbool nf_init(void) {{ return true; }}{_PROCESS}{_L4}  total += packet_length;\n  return 1 - device;\n}}\n",
    "cells": f"{_HEAD}{_GLOBAL}{_MAKE_VALUES}{_PROCESS}{_L4}{_CELLS}}}\n",
    "read_cell": f"{_HEAD}{_GLOBAL}{_MAKE_VALUES}{_PROCESS}{_IP}{_READ_CELL}}}\n",
    "ages": f"{_HEAD}{_GLOBAL}bool nf_init(void) {{ return dchain_allocate(8, &chain); }}{_PROCESS}{_L4}{_AGES}}}\n",
    "array": f"{_HEAD}static uint32_t counts[1024];\nbool nf_init(void) {{ return true; }}{_PROCESS}{_IP}{_ARRAY}}}\n",
    "known_addr": _of_key("addr", _KNOWN, _KNOWN_BODY, f"{_MAKE_KEYS} && fill()"),
    "known_macs": f"{_HEAD}{_GLOBAL}{_KNOWN_MACS}{_PROCESS}{_KNOWN_MACS_BODY}}}\n",
    "known_macs_source": f"{_HEAD}{_GLOBAL}{_KNOWN_MACS}{_PROCESS}{_KNOWN_MACS_BODY.replace('dst', 'src')}}}\n",
    "known_five": _of_key("five", _KNOWN, _KNOWN_BODY, f"{_MAKE_KEYS} && fill()"),
    "division": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}{_IP}{_DIVISION}}}\n",
    "variables": f"{_HEAD}static uint64_t total; static uint32_t seen[4], last;\nbool nf_init(void) {{ return true; }}{_PROCESS}{_IP}{_VARIABLES}}}\n",
    **{f"table_{k}": _of_key(k, "", _TABLE, first=_EXPIRE) for k in _KEYS},
    **{f"side_{k}": _of_key(k, "", _EXPIRE + _ONE_SIDE) for k in ("pair", "five")},
    **{f"held_{k}": _of_key(k, "", _ONE_SIDE, places=_HELD, first=_EXPIRE) for k in _KEYS},
    **{f"held_bucket_{k}": _of_key(k, "", _BUCKET, places=_HELD, first=_EXPIRE) for k in ("addr", "ports")},
    **{
        f"full_{k}": _of_key(k, "", _TABLE, "make(key_eq, key_hash, sizeof(struct key), 4)", first=_EXPIRE)
        for k in ("addr", "five")
    },
    **{f"kept_{k}": _of_key(k, "", _TABLE) for k in ("addr", "ports")},
    **{f"bucket_{k}": _of_key(k, "", _EXPIRE + _BUCKET) for k in ("addr", "five")},
    **{f"count_{k}": _of_key(k, "", _COUNT) for k in ("addr", "ports")},
    **{f"erase_{k}": _of_key(k, "", _EXPIRE + _ERASE) for k in ("addr", "pair", "five")},
    **{
        f"sketch_{k}": _of_key(
            k,
            "static struct Sketch *sketch;\n",
            _SKETCH,
            "sketch_allocate(key_hash, 1024, 3, &sketch)",
            first="  sketch_expire(sketch, now - config.age);\n",
        )
        for k in ("addr", "pair", "ports", "five")
    },
    **{
        f"choose_{k}": _of_key(
            k,
            "static struct Vector *table; static struct DoubleChain *nobody;\n",
            _CHOOSE.replace("31", height),
            f"make(key_eq, key_hash, sizeof(struct key), {backends}) && vector_allocate(4, {height} * {backends}, null_init, &table)"
            f" && cht_fill_cht(table, {height}, {backends}) && dchain_allocate({backends}, &nobody)",
            places=places,
            first=_EXPIRE,
        ).replace("2, 16 };", f"2, {backends} }};")
        # Of the backends, a third to a half live.
        for k, places, height, backends in (("addr", _GLOBAL, "31", 16), ("pair", _HELD, "37", 32))
    },
    "rewrite": f"{_HEAD}{_SUMS}bool nf_init(void) {{ return true; }}{_PROCESS}{_L4}{_REWRITE}}}\n",
    "held_rewrite": _of_key("ports", _SUMS, _NAT, places=_HELD, first=_EXPIRE),
    **{
        f"oldest_{k}": _of_key(k, "", _OLDEST, "make(key_eq, key_hash, sizeof(struct key), 4)")
        for k in ("addr", "five")
    },
    **{
        f"range_{k}": _of_key(
            k,
            "static struct Map *others; static struct Vector *blocks;\n",
            _RANGE,
            "make(key_eq, key_hash, sizeof(struct key), 256) && map_allocate(key_eq, key_hash, 128, &others) &&"
            " vector_allocate(sizeof(struct key), 128, null_init, &blocks)",
        )
        for k in ("addr", "pair")
    },
    "levels": _of_key("addr", _LEVEL, _LEVELS, "make_levels()"),
    "levels_expire": _of_key("addr", _LEVEL, _LEVELS, "make_levels()", first=_EXPIRE_LEVELS),
    "routes": f"{_HEAD}{_GLOBAL}{_ROUTES}{_PROCESS}{_IP}{_ROUTES_BODY}}}\n",
    "routes_counted": f"{_HEAD}{_GLOBAL}{_COUNTED}{_ROUTES}{_PROCESS}{_IP}{_COUNT_ALL}{_ROUTES_BODY}}}\n",
    "checksum": f"{_HEAD}bool nf_init(void) {{ return true; }}{_PROCESS}{_L4}{_CHECKSUM}}}\n",
    "size_addr": _of_key("addr", "", "  ip->packet_id = map_size(map);\n" + _TABLE),
    **{
        f"{name}_{k}": _of_key(
            k, _OTHERS, _TABLE, f"make_macs() && {_MAKE_KEYS}", places, (_EXPIRE + _EXPIRE_MACS) * expires + note
        )
        for name, k, places, expires, note in (
            ("kinds", "five", _HELD, 1, _NOTE_SIDE),
            ("kinds_side", "addr", _GLOBAL, 1, _NOTE_SIDE),
            ("kinds_both", "pair", _GLOBAL, 1, _NOTE_ALL),
            ("kinds_kept", "five", _GLOBAL, 0, _NOTE_ALL),
        )
    },
    "three_ports": _of_key(
        "ports", _OTHERS, _SMALL + _TABLE, f"make_macs() && make_ports() && {_MAKE_KEYS}", first=_NOTE_ALL
    ),
    "three_side_five": _of_key(
        "five", _OTHERS, _SMALL + _TABLE, f"make_macs() && make_ports() && {_MAKE_KEYS}", first=_EXPIRE + _NOTE_SIDE
    ),
    "two_addr": _of_key("addr", "", _TWO),
    "held_two_pair": _of_key("pair", "", _TWO, places=_HELD),
    "allocated": f"{_HEAD}{_GLOBAL}struct rec {{ uint32_t addr; uint16_t port, unused; }};\nstatic struct Vector *records;\n"
    f"bool nf_init(void) {{ return vector_allocate(sizeof(struct rec), 64, null_init, &records) && dchain_allocate(64, &chain); }}"
    f"{_PROCESS}{_L4}{_ALLOCATED}}}\n",
    **{
        f"{name}_{k}": _of_key(
            k,
            _PAIRS,
            _PAIRS_BODY.replace("OTHER", other),
            _MAKE_PAIRS,
        )
        for name, other in (("pairs", "v.y.a ^ 5"), ("met_pairs", "ip->dst_addr"))
        for k in ("addr", "five")
    },
    "noted_pairs": _of_key(
        "addr",
        _OTHERS + _PAIRS,
        _PAIRS_BODY.replace("OTHER", "v.y.a ^ 5"),
        f"{_MAKE_PAIRS} && make_macs()",
        first=_NOTE_ALL,
    ),
    "held_macs": re.sub(
        r"\b(macs|where|addresses|chain)\b",
        r"st->\1",
        _MAC.partition("bool")[1]
        + _MAC.partition("bool")[2]
        + _PROCESS
        + "  expire_items_single_map(chain, addresses, macs, now - config.age);\n"
        + _MAC_BODY
        + "}\n",
    )
    .join((f"{_HEAD}{_ST}", ""))
    .replace("return map_all", "return (st = calloc(1, sizeof *st)) != NULL && map_all"),
    "macs": f"{_HEAD}{_GLOBAL}{_MAC}{_PROCESS}  expire_items_single_map(chain, addresses, macs, now - config.age);\n{_MAC_BODY}}}\n",
    "macs_kept": f"{_HEAD}{_GLOBAL}{_MAC}{_PROCESS}{_MAC_BODY}}}\n",
}


def packets(name: str, n: int) -> list[Packet]:
    """Of few flows, so that tables are hit and missed (of many where connections are counted); some frames are no IPv4,
    or cut short; some pauses."""
    ports = (3, 40) if name.startswith("sketch") else (2, 2)
    rng, now, made = Random(0), 10**6, []
    for _ in range(n):
        now += rng.choice((0, 10, 100, 300, *(() if rng.random() < 0.97 else (9000,))))
        src, dst = (0x0A000000 + rng.randrange(6) for _ in range(2))
        l4 = struct.pack(">HH", *(rng.randrange(n) for n in ports)) + bytes(20)
        header = struct.pack(
            ">BBHHHBBHII", 0x45, rng.choice((0, 0, 4, 8, 12)), 44, rng.randrange(9), 0, 64, rng.choice((6, 17, 17, 6, 1)), 0, src, dst
        )  # fmt: skip
        macs = bytes((2, 0, 0, 0, 0, rng.randrange(6), 2, 0, 0, 0, 0, rng.randrange(5)))
        frame = macs + (b"\x08\x06" if rng.random() < 0.05 else b"\x08\x00") + header + l4
        made.append(Packet(now, rng.randrange(2), frame[: 99 if rng.random() < 0.95 else rng.choice((20, 35))]))
    return made
