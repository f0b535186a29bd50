"""The C of small NFs, each with something that is easily overlooked."""

from __future__ import annotations

#: The part before nf_process, and its body.
NFS = {
    "neighbours": (
        "bool nf_init(void) { return make(third_eq, third_hash, 4, 8); }",
        """
  struct addr key = { rte_be_to_cpu_32(ip->src_addr) }, *stored;
  int index;
  expire_items_single_map(chain, keys, map, now - 40);
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
  } else {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "hash and equality disagree": (
        "bool nf_init(void) { return make(third_eq, low_hash, 4, 8); }",
        """
  struct addr key = { rte_be_to_cpu_32(ip->src_addr) }, *stored;
  int index;
  if (!map_get(map, &key, &index)) {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "keys change under the map": (
        "bool nf_init(void) { return make(ip_eq, ip_hash, 4, 4); }",
        """
  struct addr key = { ip->src_addr }, *stored;
  int index;
  if (map_get(map, &key, &index)) {
    vector_borrow(keys, index, (void **)&stored);
    if (ip->dst_addr & RTE_BE32(1)) stored->addr = ip->dst_addr;
    if (map_get(map, &key, &index)) return device;
    ip->packet_id = map_size(map);
  } else if (dchain_allocate_new_index(chain, &index, now)) {
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  return 1 - device;
""",
    ),
    "keys erased": (
        "bool nf_init(void) { return make(ip_eq, ip_hash, 4, 4); }",
        """
  struct addr key = { ip->src_addr }, *stored;
  int index;
  void *trash;
  expire_items_single_map(chain, keys, map, now - 60);
  if (map_get(map, &key, &index)) {
    vector_borrow(keys, index, (void **)&stored);
    if (ip->dst_addr & RTE_BE32(1)) {
      map_erase(map, stored, &trash);
      ip->time_to_live = dchain_free_index(chain, index);
    } else {
      dchain_rejuvenate_index(chain, index, now);
    }
  } else {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "the oldest goes": (
        "bool nf_init(void) { return make(ip_eq, ip_hash, 4, 4); }",
        """
  struct addr key = { ip->src_addr }, *stored;
  int index;
  void *trash;
  if (map_get(map, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
  } else {
    if (!dchain_allocate_new_index(chain, &index, now)) {
      if (!dchain_expire_one_index(chain, &index, now - 20)) return device;
      vector_borrow(keys, index, (void **)&stored);
      map_erase(map, stored, &trash);
      dchain_allocate_new_index(chain, &index, now);
    }
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "pairs": (
        """
struct pair { uint16_t number; struct addr second, first; };
static struct DoubleMap *pairs;
static void pair_copy(char *to, void *from) { *(struct pair *)to = *(struct pair *)from; }
static void pair_keys(void *value, void **a, void **b) {
  *a = &((struct pair *)value)->first;
  *b = &((struct pair *)value)->second;
}
bool nf_init(void) {
  return dmap_allocate(ip_eq, ip_hash, third_eq, third_hash, sizeof(struct pair), pair_copy, NULL, pair_keys, NULL, 4, 4,
                       &pairs) && dchain_allocate(4, &chain);
}
""",
        """
  struct addr key = { ip->src_addr }, other = { ip->dst_addr };
  struct pair found = { 0 };
  int index, which;
  ip->time_to_live = expire_items(chain, pairs, now - 60);
  if (device == 0 ? dmap_get_a(pairs, &key, &index) : dmap_get_b(pairs, &key, &index)) {
    dchain_rejuvenate_index(chain, index, now);
    dmap_get_value(pairs, index, &found);
    ip->packet_id = found.number;
    ip->dst_addr = found.second.addr;
    if (found.first.addr == ip->dst_addr) {
      ip->type_of_service = dmap_erase(pairs, index);
      dchain_free_index(chain, index);
    }
  } else {
    if (dmap_get_a(pairs, &key, &which) || dmap_get_b(pairs, &other, &which)) return device;
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    found.number = packet_length;
    found.first.addr = ip->src_addr;
    found.second.addr = ip->dst_addr;
    dmap_put(pairs, &found, index);
    ip->packet_id = dmap_size(pairs);
  }
  return 1 - device;
""",
    ),
    "routes": (
        """
#define PREFIX(n) (0x0B000000 + ((n) << 8))
static struct lpm *routes;
static bool fill(void) {
  for (uint32_t n = 0; n < 255; n++) if (!lpm_update_elem(routes, PREFIX(n), 30, n)) return false;
  return !lpm_update_elem(routes, PREFIX(255), 30, 1);
}
bool nf_init(void) {
  return lpm_allocate(&routes) && lpm_update_elem(routes, 0x0A000000, 8, 7) && lpm_update_elem(routes, 0x0A000002, 31, 9) &&
         !lpm_update_elem(routes, 0, 0, 0x8000) && fill();
}
""",
        """
  const uint32_t prefix = rte_be_to_cpu_32(ip->src_addr);
  if (device == 1) ip->time_to_live = lpm_update_elem(routes, prefix, ip->type_of_service, ip->packet_id);
  ip->packet_id = lpm_lookup_elem(routes, rte_be_to_cpu_32(ip->dst_addr));
  return 1 - device;
""",
    ),
    "variables": (
        """
static uint32_t seen[4], total = 5;
static struct { uint16_t last; uint8_t what[6]; } record;
bool nf_init(void) { record.last = 3; total++; return true; }
""",
        """
  const uint32_t which = ip->src_addr >> 24 & 3;
  switch (which) {
  case 0: seen[0]++; break;
  case 1: seen[1] += packet_length; break;
  default: seen[2] ^= ip->dst_addr;
  }
  if (memcmp(record.what, &ip->src_addr, 4) < 0) memcpy(record.what, &ip->src_addr, 4);
  ip->packet_id = record.last;
  record.last = (uint16_t)seen[which & 1];
  ip->dst_addr = ++total;
  return record.what[3] & 1 ? device : 1 - device;
""",
    ),
    "padding": (
        """
struct flow { uint8_t kind; uint32_t addr; };
bool flow_eq(void *a, void *b) {
  struct flow *x = a, *y = b;
  return x->kind == y->kind && x->addr == y->addr;
}
unsigned flow_hash(void *a) { return ((struct flow *)a)->addr + ((struct flow *)a)->kind; }
bool nf_init(void) { return make(flow_eq, flow_hash, sizeof(struct flow), 4); }
""",
        """
  struct flow key, *stored;
  int index;
  key.kind = ip->next_proto_id;
  key.addr = ip->src_addr;
  if (!map_get(map, &key, &index)) {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    memcpy(stored, &key, sizeof key);
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "set-up filled all": (
        """
bool nf_init(void) {
  int index;
  if (!make(ip_eq, ip_hash, 4, 4)) return false;
  for (uint32_t n = 0; n < 3; n++) {
    struct addr *key;
    if (!dchain_allocate_new_index(chain, &index, n)) return false;
    vector_borrow(keys, index, (void **)&key);
    key->addr = rte_cpu_to_be_32(0x0A000000 + n);
    map_put(map, key, index);
  }
  dchain_free_index(chain, 0);
  dchain_rejuvenate_index(chain, 1, 3);
  return true;
}
""",
        """
  struct addr key = { ip->src_addr }, *stored;
  int index;
  if (map_get(map, &key, &index)) {
    ip->time_to_live = dchain_rejuvenate_index(chain, index, now);
  } else {
    if (!dchain_allocate_new_index(chain, &index, now) && !dchain_expire_one_index(chain, &index, now - 50)) return device;
    vector_borrow(keys, index, (void **)&stored);
    ip->dst_addr = stored->addr;
    ip->time_to_live = dchain_is_index_allocated(chain, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "a sketch that set-up counted in": (
        """
#include "lib/unverified/sketch.h"
static struct Sketch *sketch;
bool nf_init(void) {
  if (!sketch_allocate(ip_hash, 64, 2, &sketch)) return false;
  for (uint32_t n = 0; n < 12; n++) {
    struct addr key = { rte_cpu_to_be_32(0x0A000000 + n % 5) };
    sketch_compute_hashes(sketch, &key);
    sketch_touch_buckets(sketch, 900 + n);
  }
  return true;
}
""",
        """
  struct addr key = { ip->src_addr };
  sketch_expire(sketch, now - 150);
  sketch_compute_hashes(sketch, &key);
  if (ip->dst_addr & RTE_BE32(1)) sketch_refresh(sketch, now);
  if (sketch_fetch(sketch)) return device;
  ip->time_to_live = sketch_touch_buckets(sketch, now);
  return 1 - device;
""",
    ),
    "an array of its own, at places that packets choose": (
        """
struct rec { uint32_t who; uint16_t times; uint8_t first, last; };
static struct rec table[200] = { [7] = { .times = 3 } };
static uint32_t limit = 2;
bool nf_init(void) { table[0].who = 5; return true; }
""",
        """
  uint32_t i = rte_be_to_cpu_32(ip->src_addr) & 127, j = (rte_be_to_cpu_32(ip->dst_addr) & 127) + 1;
  struct rec copy = table[i];
  if (copy.who != ip->src_addr) {
    table[i].who = ip->src_addr;
    table[i].times = 0;
    table[3].last++;
  }
  table[j].first = 1;
  table[i].first = 2;
  ip->type_of_service = table[j].first;
  if (table[j].first == 2) {
    table[j + 1] = (struct rec){ .times = ++table[i].times, .who = copy.who };
    ip->packet_id = table[3].last;
  }
  memcpy(&table[j + 2].who, &table[i].who, 4);
  ip->time_to_live = table[j].times;
  return table[i].times > limit ? device : 1 - device;
""",
    ),
    "a table of functions, of which few differ": (
        """
static int low(struct rte_ipv4_hdr *ip) { return ip->time_to_live; }
static int high(struct rte_ipv4_hdr *ip) { return 7; }
struct handler { int weight; int (*run)(struct rte_ipv4_hdr *); };
static struct handler handlers[256] = { [0 ... 255] = { 1, low }, [2] = { 5, high }, [4 ... 5] = { 1, high }, [6] = { 3, NULL } };
static const struct handler fixed[256] = { [0 ... 255] = { 1, low }, [3] = { 5, high }, [7] = { 3, NULL } };
static int (*const others[256])(struct rte_ipv4_hdr *) = { [0 ... 6] = high, [7 ... 255] = low };
bool nf_init(void) { handlers[1].run = high; return true; }
""",
        """
  const struct handler *h = &handlers[ip->src_addr >> 24], copy = fixed[ip->dst_addr >> 24];
  if (h->run == NULL) return device;
  ip->type_of_service = h->run(ip);
  if (copy.run != NULL) ip->packet_id = copy.run(ip) + copy.weight;
  return others[ip->dst_addr >> 24](ip) == 7 ? device : 1 - device;
""",
    ),
    "headers of as many bytes as packets say": (
        """
bool nf_init(void) { return make(ip_eq, ip_hash, 16, 16); }
""",
        """
  uint8_t kind = ip->next_proto_id;
  for (int n = 0; n < 3 && kind == 6; n++) {
    if (packet_get_unread_length(buffer) < 2) return device;
    uint8_t *head = nf_borrow_next_chunk(buffer, 2);
    const uint32_t more = (head[0] ^ ip->type_of_service) & 127;
    if (packet_get_unread_length(buffer) < more) return device;
    nf_borrow_next_chunk(buffer, more);
    if (n == 1) nf_return_chunk(buffer);
    kind = 6 + (head[1] & 1);
  }
  if (kind == 7 || packet_get_unread_length(buffer) < 4) return device;
  struct addr *last = nf_borrow_next_chunk(buffer, sizeof *last), key = *last, *stored;
  int index;
  if (!map_get(map, &key, &index)) {
    if (!dchain_allocate_new_index(chain, &index, now)) return device;
    vector_borrow(keys, index, (void **)&stored);
    *stored = key;
    map_put(map, stored, index);
  }
  ip->packet_id = index;
  return 1 - device;
""",
    ),
    "set-up put a key twice": (
        """
bool nf_init(void) {
  struct addr *key;
  if (!make(ip_eq, ip_hash, 4, 4)) return false;
  for (int n = 0; n < 3; n++) {
    vector_borrow(keys, n, (void **)&key);
    key->addr = rte_cpu_to_be_32(0x0A000001 + n / 2);
    map_put(map, key, 7 + n);
  }
  return true;
}
""",
        """
  struct addr key = { ip->src_addr };
  int number = 0;
  void *trash;
  if (!map_get(map, &key, &number)) return device;
  if (ip->dst_addr & RTE_BE32(1)) map_erase(map, &key, &trash);
  ip->packet_id = number;
  return 1 - device;
""",
    ),
    "parts of bytes": (
        """
struct rec { uint32_t a:3, b:13, c:16; int16_t s; uint8_t t[3]; int64_t big; };
bool nf_init(void) { return vector_allocate(sizeof(struct rec), 4, null_init, &values); }
""",
        """
  struct rec *r, copy;
  vector_borrow(values, (ip->src_addr >> 24) & 3, (void **)&r);
  r->b += packet_length;
  r->a ^= ip->dst_addr >> 24;
  r->s -= (int16_t)(ip->dst_addr >> 20);
  r->t[1] = r->t[0]; r->t[0] = ip->type_of_service;
  r->big = r->big * -7 + r->s;
  copy = *r;
  ip->packet_id = copy.b + copy.t[1];
  ip->time_to_live = copy.s >> 3;
  if (copy.big % 5 < 0) return device;
  ip->dst_addr = (uint32_t)(copy.big / 3);
  return copy.a > 3 ? 1 - device : (int)(copy.c + 1 - device);
""",
    ),
    "two elements that may be one": (
        """
bool nf_init(void) { return vector_allocate(8, 8, null_init, &values) && vector_allocate(8, 8, null_init, &keys); }
""",
        """
  uint32_t *x, *y, *z;
  uint32_t i = (ip->src_addr >> 24) & 7, j = (ip->dst_addr >> 24) & 7;
  vector_borrow(values, i, (void **)&x);
  vector_borrow(values, j, (void **)&y);
  vector_borrow(keys, j, (void **)&z);
  x[0]++;
  y[1] = x[0] + z[0];
  z[0] = y[0] * 3;
  memcpy(z + 1, x, 4);
  *x += y[1];
  memcpy(x, z, 8);
  ip->packet_id = x[0] + y[0];
  ip->dst_addr = x[1] ^ y[1] ^ z[1];
  return 1 - device;
""",
    ),
    "keys that change places": (
        """
bool nf_init(void) { return make(ip_eq, ip_hash, 4, 8); }
""",
        """
  struct addr key = { ip->src_addr }, k2 = { ip->dst_addr }, *a, *b;
  int i, j;
  void *trash;
  bool x = map_get(map, &key, &i), y = map_get(map, &k2, &j);
  if (x && y) {
    vector_borrow(keys, i, (void **)&a); vector_borrow(keys, j, (void **)&b);
    struct addr t = *a; *a = *b; *b = t;
    if (!map_get(map, &key, &i)) { map_erase(map, &k2, &trash); ip->packet_id = map_size(map); return 1 - device; }
    map_erase(map, b, &trash);
    ip->packet_id = i;
    return 1 - device;
  }
  if (x) { map_erase(map, &key, &trash); dchain_free_index(chain, i); ip->packet_id = map_get(map, &key, &i); return 1 - device; }
  if (!dchain_allocate_new_index(chain, &i, now)) return device;
  vector_borrow(keys, i, (void **)&a);
  *a = key;
  map_put(map, a, i);
  return 1 - device;
""",
    ),
}


#: The map keeps an address behind the element's start.
ELSEWHERE = (
    "bool nf_init(void) { return make(ip_eq, ip_hash, 12, 4); }",
    """
  struct addr key = { ip->src_addr };
  uint32_t *stored;
  int index;
  if (map_get(map, &key, &index)) {
    vector_borrow(keys, index, (void **)&stored);
    stored[1] = ip->src_addr ^ ip->dst_addr;
  } else if (dchain_allocate_new_index(chain, &index, now)) {
    vector_borrow(keys, index, (void **)&stored);
    stored[1] = ip->src_addr;
    map_put(map, &stored[1], index);
  } else {
    return device;
  }
  return 1 - device;
""",
)
