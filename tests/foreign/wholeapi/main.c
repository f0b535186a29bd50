/* Calls every function of the API that an NF may call, where it may be called. */
#include "nf.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"
#include "lib/verified/boilerplate-util.h"
#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/ether.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/vigor-time.h"
#include "lib/unverified/sketch.h"
#include "lib/unverified/util.h"
#include "lib/proof/coherence.h"

struct nf_config {
  struct rte_ether_addr station;
  uint32_t address;
  uint16_t port, device;
  uint8_t protocol;
  uintmax_t number;
} config;

struct pair {
  uint32_t a, b;
};

static bool word_eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned word_hash(void *a) { return hash_obj(a, 4); }
static void pair_copy(char *to, void *from) { memcpy(to, from, sizeof(struct pair)); }
static void pair_destroy(void *value) {}
static void pair_keys(void *value, void **a, void **b) { *a = &((struct pair *)value)->a, *b = &((struct pair *)value)->b; }
static void pair_pack(void *value, void *a, void *b) {}

static struct Map *map, *kept;
static struct Vector *keys, *kept_keys, *preferences, *counters;
static struct DoubleChain *chain, *kept_chain, *backends;
static struct DoubleMap *pairs;
static struct Sketch *sketch;
static struct lpm *routes;

void nf_config_usage(void) { NF_INFO("none"); }
void nf_config_print(void) {
  char *mac = nf_mac_to_str(&config.station), *ip = nf_rte_ipv4_to_str(config.address);
  NF_INFO("%s %s %" PRIu16, mac, ip, config.port);
  free(mac);
  free(ip);
}
void nf_config_init(int argc, char **argv) {
  if (!nf_parse_etheraddr("02:00:00:00:00:01", &config.station) || !nf_parse_ipv4addr("10.0.0.1", &config.address) ||
      !nf_parse_port("80", &config.port) || !nf_parse_proto("6", &config.protocol) ||
      !nf_parse_device("1", &config.device)) {
    rte_exit(EXIT_FAILURE, "cannot parse");
  }
  config.number = nf_util_parse_int("17,", "number", 10, ',');
}

static int put(uint32_t value, vigor_time_t time) {
  int index;
  uint32_t *key;
  if (!dchain_allocate_new_index(kept_chain, &index, time)) return -1;
  vector_borrow(kept_keys, index, (void **)&key);
  *key = value;
  map_put(kept, key, index);
  vector_return(kept_keys, index, key);
  return index;
}

/* What set-up may do with state; packets only read it then. */
static bool fill(void) {
  if (put(10, 1) != 0 || put(20, 2) != 1 || put(30, 3) != 2 || put(40, 4) != 3) return false;
  int index;
  uint32_t *key;
  if (!dchain_rejuvenate_index(kept_chain, 0, 5) || map_size(kept) != 4) return false;
  if (!dchain_expire_one_index(kept_chain, &index, 3) || index != 1) return false; /* 0 is younger now */
  if (dchain_expire_one_index(kept_chain, &index, 3)) return false;
  vector_borrow(kept_keys, 1, (void **)&key);
  map_erase(kept, key, (void **)&key);
  if (expire_items_single_map(kept_chain, kept_keys, kept, 4) != 1 || map_size(kept) != 2) return false; /* 30 */
  if (put(50, 6) != 2 || put(60, 7) != 1 || put(70, 8) != 4) return false; /* freed last, taken first */
  expire_items_single_map_iteratively(kept_keys, kept, 3, 5);              /* 40 and 70 */
  if (!dchain_free_index(kept_chain, 3) || !dchain_free_index(kept_chain, 4)) return false;
  uint32_t ten = 10, forty = 40;
  if (!map_get(kept, &ten, &index) || index != 0 || map_get(kept, &forty, &index)) return false;
  return dchain_is_index_allocated(kept_chain, 2) && !dchain_is_index_allocated(kept_chain, 4);
}

static bool fill_pairs(void) {
  struct pair one = {1, 2}, two = {3, 4};
  int index;
  struct DoubleChain *used;
  if (!dchain_allocate(16, &used) || !dchain_allocate_new_index(used, &index, 1)) return false;
  if (!dmap_put(pairs, &one, index) || !dchain_allocate_new_index(used, &index, 9)) return false;
  if (!dmap_put(pairs, &two, index) || dmap_put(pairs, &one, index) || dmap_size(pairs) != 2) return false;
  int found = 9;
  if (!dmap_get_a(pairs, &one.a, &found) || found != 0 || dmap_get_a(pairs, &one.b, &found) || found != 0) return false;
  if (!dmap_get_b(pairs, &two.b, &found) || found != 1 || dmap_get_b(pairs, &two.a, &found)) return false;
  struct pair copy;
  dmap_get_value(pairs, found, &copy);
  if (copy.a != 3 || copy.b != 4 || expire_items(used, pairs, 5) != 1 || dmap_get_a(pairs, &one.a, &found)) return false;
  return dmap_erase(pairs, index) && dmap_size(pairs) == 0 && dmap_put(pairs, &two, index);
}

/* The numbers are what libVig gives: with so few buckets keys collide, and rows are full. */
static bool count_keys(void) {
  struct Sketch *small;
  if (!sketch_allocate(word_hash, 13, 2, &small)) return false;
  unsigned counted = 0, above = 0;
  for (uint32_t key = 0; key < 60; key++) {
    uint32_t i = key % 23;
    sketch_compute_hashes(small, &i);
    sketch_refresh(small, key);
    counted = counted * 3 + sketch_touch_buckets(small, key);
    above = above * 5 + sketch_fetch(small);
  }
  sketch_expire(small, 0);
  return counted == 0x4970fad8 && above == 0x21957e41;
}

/* Row 3 prefers backend 1, then 3. */
static bool prefer(void) {
  struct DoubleChain *active;
  int index, chosen = -1;
  uint32_t *first;
  if (!dchain_allocate(4, &active)) return false;
  if (cht_find_preferred_available_backend(3, preferences, active, 7, 4, &chosen) || chosen != -1) return false;
  vector_borrow(preferences, 3 * 4, (void **)&first);
  const uint32_t preferred = *first;
  for (int i = 0; i < 4; i++) dchain_allocate_new_index(active, &index, i);
  if (!cht_find_preferred_available_backend(3 + 7000, preferences, active, 7, 4, &chosen)) return false;
  if (chosen != (int)preferred) return false;
  dchain_free_index(active, chosen);
  return preferred == 1 && cht_find_preferred_available_backend(3, preferences, active, 7, 4, &chosen) && chosen == 3;
}

bool nf_init(void) {
  if (!map_allocate(word_eq, word_hash, 1024, &map) || !map_allocate(word_eq, word_hash, 16, &kept)) return false;
  if (!vector_allocate(4, 1024, null_init, &keys) || !vector_allocate(4, 16, null_init, &kept_keys)) return false;
  if (!dchain_allocate(1024, &chain) || !dchain_allocate(16, &kept_chain) || !dchain_allocate(4, &backends)) return false;
  if (!vector_allocate(4, 4 * 7, null_init, &preferences) || !cht_fill_cht(preferences, 7, 4)) return false;
  if (!vector_allocate(4, 1024, null_init, &counters)) return false;
  if (!sketch_allocate(word_hash, 65536, 60000, &sketch)) return false;
  if (!lpm_allocate(&routes) || !lpm_update_elem(routes, 0x0A000000, 8, 3) || lpm_lookup_elem(routes, 0x0A000001) != 3)
    return false;
  if (!dmap_allocate(word_eq, word_hash, word_eq, word_hash, sizeof(struct pair), pair_copy, pair_destroy, pair_keys,
                     pair_pack, 16, 16, &pairs))
    return false;
  struct rte_ether_addr copy;
  rte_ether_addr_allocate(&copy);
  if (rte_ether_addr_eq(&copy, &config.station) || rte_ether_addr_hash(&copy) == rte_ether_addr_hash(&config.station))
    return false;
  return current_time() >= 0 && recent_time() >= 0 && fill() && fill_pairs() && count_keys() && prefer();
}

/* The packet's chunks, by hand: false if it is no TCP or UDP over IPv4. */
static bool chunks(uint8_t **buffer, struct rte_mbuf *mbuf) {
  void *chunk;
  packet_borrow_next_chunk(*buffer, 14, &chunk);
  const bool right = packet_get_chunk_length(*buffer, chunk) == 14;
  packet_return_chunk(*buffer, chunk);
  struct rte_ether_hdr *ether = nf_borrow_next_chunk(buffer, sizeof *ether);
  if (!right || nf_get_borrowed_chunk(0) != ether || !nf_has_rte_ipv4_header(ether)) return false;
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL || !nf_has_tcpudp_header(ip)) return false;
  const bool found = nf_has_tcp_header(ip)   ? nf_then_get_tcp_header(ip, buffer) != NULL
                     : nf_has_udp_header(ip) ? nf_then_get_udp_header(ip, buffer) != NULL
                                             : false;
  if (found) nf_return_chunk(buffer);
  nf_return_all_chunks(buffer);
  return found && packet_get_unread_length(buffer) >= 14;
}

static int count(uint32_t source, vigor_time_t now) {
  int index;
  uint32_t *key, *counter, *stored;
  if (!map_get(map, &source, &index)) {
    if (!dchain_allocate_new_index(chain, &index, now)) return -1;
    vector_borrow(keys, index, (void **)&key);
    *key = source;
    map_put(map, key, index);
    vector_return(keys, index, key);
    vector_borrow(counters, index, (void **)&counter);
    *counter = 1;
    vector_return(counters, index, counter);
    return 1;
  }
  vector_borrow(counters, index, (void **)&counter);
  const int n = ++*counter;
  vector_return(counters, index, counter);
  if (n < 10) {
    dchain_rejuvenate_index(chain, index, now);
    return n;
  }
  vector_borrow(keys, index, (void **)&stored);
  map_erase(map, stored, (void **)&stored);
  vector_return(keys, index, stored);
  dchain_free_index(chain, index);
  return n;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(chain, keys, map, now - VIGOR_TIME_SECONDS_MULTIPLIER);
  sketch_expire(sketch, now - VIGOR_TIME_SECONDS_MULTIPLIER);
  const vigor_time_t time = current_time();
  if (!chunks(buffer, mbuf) || time != recent_time()) return device;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  struct tcpudp_hdr *ports = ip ? nf_then_get_tcpudp_header(ip, buffer) : NULL;
  if (ports == NULL) return device;
  nf_log_pkt(ether, ip, ports);

  uint32_t source = ip->src_addr;
  int index = -1;
  if (count(source, now) < 0) return device;
  sketch_compute_hashes(sketch, &source);
  sketch_refresh(sketch, now);
  if (sketch_fetch(sketch) || !sketch_touch_buckets(sketch, now)) return device;
  if (map_get(kept, &source, &index) && dchain_is_index_allocated(kept_chain, index)) return FLOOD_FRAME;
  if (map_size(kept) > 1000000) return device;
  if (dmap_get_a(pairs, &source, &index) || dmap_get_b(pairs, &source, &index)) {
    struct pair found;
    dmap_get_value(pairs, index, &found);
    if (found.b == source) return device;
  }
  if (cht_find_preferred_available_backend(word_hash(&source), preferences, backends, 7, 4, &index)) return device;
  if (lpm_lookup_elem(routes, rte_be_to_cpu_32(ip->dst_addr)) == 3) ip->time_to_live--;
  nf_set_rte_ipv4_udptcp_checksum(ip, ports, *buffer);
  vigor_note(index >= 0);
  uint16_t to = 1 - device;
  concretize_devices(&to, rte_eth_dev_count_avail());
  return to;
}
