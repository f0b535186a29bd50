/* Tags what comes in at port 0 with a VLAN header (IEEE 802.1Q), in which it numbers the packets of each source; takes
 * the tag off what comes in at port 1. */
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

struct tag {
  uint16_t number;
  uint16_t ether_type;
};

#define TAGGED rte_cpu_to_be_16(0x8100)

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
  return map_allocate(address_eq, address_hash, 4096, &sources) && vector_allocate(4, 4096, null_init, &keys) &&
         vector_allocate(4, 4096, null_init, &counters) && dchain_allocate(4096, &ages);
}

static uint32_t numbered(uint32_t source, vigor_time_t now) {
  int index;
  uint32_t *key, *counter, number;
  if (!map_get(sources, &source, &index)) {
    if (!dchain_allocate_new_index(ages, &index, now)) return 0;
    vector_borrow(keys, index, (void **)&key);
    *key = source;
    map_put(sources, key, index);
    vector_return(keys, index, key);
    vector_borrow(counters, index, (void **)&counter);
    *counter = 1;
  } else {
    dchain_rejuvenate_index(ages, index, now);
    vector_borrow(counters, index, (void **)&counter);
    ++*counter;
  }
  number = *counter;
  vector_return(counters, index, counter);
  return number;
}

static int untag(struct rte_ether_hdr *ether, uint8_t **buffer, struct rte_mbuf *mbuf) {
  if (ether->ether_type != TAGGED || packet_get_unread_length(buffer) < sizeof(struct tag)) return 1;
  struct tag *tag = nf_borrow_next_chunk(buffer, sizeof(struct tag));
  const uint16_t type = tag->ether_type;
  nf_shrink_chunk(buffer, 0, mbuf);
  ether = nf_get_borrowed_chunk(0);
  ether->ether_type = type;
  return 0;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  if (device == 1) return untag(ether, buffer, mbuf);
  expire_items_single_map(ages, keys, sources, now - 20000000);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) return device;
  const uint32_t number = numbered(ip->src_addr, now);
  nf_return_chunk(buffer);

  struct tag *tag = nf_insert_new_chunk(buffer, sizeof(struct tag), mbuf);
  if (tag == NULL) return device;
  ether = nf_get_borrowed_chunk(0);
  ip = nf_then_get_rte_ipv4_header(ether, buffer); /* where it is now */
  if (ip == NULL) return device;
  ip->time_to_live--;
  tag->number = rte_cpu_to_be_16(number % 4096);
  tag->ether_type = ether->ether_type;
  ether->ether_type = TAGGED;
  return 1;
}
