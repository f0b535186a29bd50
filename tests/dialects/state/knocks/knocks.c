/* Drops what a source sends to more than 4 different ports; counts start anew when it was silent. */
#include "nf.h"
#include "nf-util.h"
#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/expirator.h"
#include "touched.h"

#define SOURCES 16384
#define PORTS 4

struct nf_config { time_us_t expiry; };
struct nf_config config;
static struct Map *sources, *ports;
static struct Vector *source_keys, *watches, *port_keys;
static struct DoubleChain *ages;

void nf_config_init(int argc, char **argv) { config.expiry = 400000; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  return map_allocate(SOURCES, sizeof(uint32_t), &sources) && vector_allocate(sizeof(uint32_t), SOURCES, &source_keys) &&
         vector_allocate(sizeof(struct watched), SOURCES, &watches) && dchain_allocate(SOURCES, &ages) &&
         map_allocate(SOURCES * PORTS, sizeof(struct touched), &ports) &&
         vector_allocate(sizeof(struct touched), SOURCES * PORTS, &port_keys);
}

/* The entries of the ports that the index's last owner touched go when it has a new one. */
static bool watch(uint32_t *source, time_ns_t now, int *index) {
  if (map_get(sources, source, index)) {
    dchain_rejuvenate_index(ages, *index, now);
    return true;
  }
  if (!dchain_allocate_new_index(ages, index, now)) return false;
  uint32_t *kept = NULL;
  struct watched *watched = NULL;
  vector_borrow(watches, *index, (void **)&watched);
  int used = watched->n_ports < PORTS ? (int)watched->n_ports : PORTS;
  expire_items_single_map_iteratively(port_keys, ports, *index * PORTS, *index * PORTS + used);
  watched->since = now;
  watched->n_ports = 0;
  vector_return(watches, *index, watched);
  vector_borrow(source_keys, *index, (void **)&kept);
  *kept = *source;
  map_put(sources, kept, *index);
  vector_return(source_keys, *index, kept);
  return true;
}

static bool may_touch(int index, struct watched *watched, uint32_t source, uint16_t port) {
  struct touched touched = {.port = port, .source = source, .since = watched->since};
  int slot;
  if (map_get(ports, &touched, &slot)) return true;
  if (watched->n_ports != 0 && watched->n_ports >= PORTS) return false;
  slot = index * PORTS + (int)watched->n_ports;
  struct touched *kept = NULL;
  vector_borrow(port_keys, slot, (void **)&kept);
  *kept = touched;
  map_put(ports, kept, slot);
  vector_return(port_keys, slot, kept);
  watched->n_ports++;
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return DROP;
  if (device == 0) return 1;
  int index = -1;
  expire_items_single_map(ages, source_keys, sources, now - config.expiry * 1000);
  uint32_t source = ip->src_addr;
  if (!watch(&source, now, &index)) return DROP;
  struct watched *watched = NULL;
  vector_borrow(watches, index, (void **)&watched);
  bool passes = may_touch(index, watched, source, l4->dst_port);
  vector_return(watches, index, watched);
  return passes ? 0 : DROP;
}
