/* A store of values by key, asked by UDP; answers go back to the port that asked. */
#include "store.h"
#include "nf.h"
#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/expirator.h"

struct nf_config { time_us_t expiry; };
struct nf_config config;
static struct Map *places;
static struct Vector *keys, *values;
static struct DoubleChain *ages;

void nf_config_init(int argc, char **argv) { config.expiry = argc > 1 ? atoi(argv[1]) : 500000; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  return map_allocate(128, sizeof(store_key_t), &places) && vector_allocate(sizeof(store_key_t), 128, &keys) &&
         vector_allocate(sizeof(store_value_t), 128, &values) && dchain_allocate(128, &ages);
}

static bool fetch(store_key_t key, store_value_t value, time_ns_t now) {
  int index;
  if (!map_get(places, key, &index)) return false;
  uint8_t *kept = NULL;
  vector_borrow(values, index, (void **)&kept);
  memcpy(value, kept, sizeof(store_value_t));
  vector_return(values, index, kept);
  dchain_rejuvenate_index(ages, index, now);
  return true;
}

static bool keep(store_key_t key, store_value_t value, time_ns_t now) {
  int index;
  uint8_t *kept = NULL;
  if (map_get(places, key, &index)) {
    dchain_rejuvenate_index(ages, index, now);
  } else {
    if (!dchain_allocate_new_index(ages, &index, now)) return false;
    vector_borrow(keys, index, (void **)&kept);
    memcpy(kept, key, sizeof(store_key_t));
    map_put(places, kept, index);
    vector_return(keys, index, kept);
  }
  vector_borrow(values, index, (void **)&kept);
  memcpy(kept, value, sizeof(store_value_t));
  vector_return(values, index, kept);
  return true;
}

static bool handled(enum store_op op, struct store_hdr *store, time_ns_t now) {
  switch (op) {
    case STORE_GET: {
      return fetch(store->key, store->value, now);
    }
    case STORE_PUT: {
      return keep(store->key, store->value, now);
    }
  }
  return false;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(ages, keys, places, now - config.expiry * 1000);
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  struct rte_udp_hdr *udp = nf_then_get_udp_header(ip, buffer);
  if (udp == NULL) return DROP;
  struct store_hdr *store = nf_then_get_store_header(udp, buffer);
  if (store == NULL) return DROP;
  store->status = handled((enum store_op)store->op, store, now);
  return device;
}
