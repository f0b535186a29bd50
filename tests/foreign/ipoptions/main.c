/* Counts packets per source that carry the router alert option (RFC 2113); drops those with source routes (RFC 7126). */
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/expirator.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct nf_config {
  int unused;
};
struct nf_config config;

enum option { END = 0, NO_OPERATION = 1, LOOSE_ROUTE = 131, STRICT_ROUTE = 137, ROUTER_ALERT = 148 };

static struct Map *sources;
static struct Vector *keys;
static struct Vector *counters;
static struct DoubleChain *ages;

static bool address_eq(void *a, void *b) { return *(uint32_t *)a == *(uint32_t *)b; }
static unsigned address_hash(void *a) { return __builtin_ia32_crc32si(0, *(uint32_t *)a); }

void nf_config_init(int argc, char **argv) {}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  return map_allocate(address_eq, address_hash, 1024, &sources) && vector_allocate(4, 1024, null_init, &keys) &&
         vector_allocate(4, 1024, null_init, &counters) && dchain_allocate(1024, &ages);
}

static void count(uint32_t source, vigor_time_t now) {
  int index;
  uint32_t *key, *counter;
  if (!map_get(sources, &source, &index)) {
    if (!dchain_allocate_new_index(ages, &index, now)) return;
    vector_borrow(keys, index, (void **)&key);
    *key = source;
    map_put(sources, key, index);
    vector_return(keys, index, key);
    vector_borrow(counters, index, (void **)&counter);
    *counter = 0;
  } else {
    dchain_rejuvenate_index(ages, index, now);
    vector_borrow(counters, index, (void **)&counter);
  }
  ++*counter;
  vector_return(counters, index, counter);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(ages, keys, sources, now - 1000000000);
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  uint8_t *options;
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header_with_options(ether, buffer, &options);
  if (ip == NULL) return device;

  const unsigned length = ((ip->version_ihl & 15u) - 5) * 4;
  bool alert = false;
  for (unsigned i = 0; i < length && i < 12;) {
    const uint8_t type = options[i];
    if (type == END) break;
    if (type == NO_OPERATION) {
      i++;
      continue;
    }
    switch (type) {
      case LOOSE_ROUTE:
      case STRICT_ROUTE:
        return device;
      case ROUTER_ALERT:
        alert = true;
    }
    i += 4; /* of the others no length is looked at */
  }
  if (alert) count(ip->src_addr, now);
  return 1 - device;
}
