/* psd: a port-scan detector between two ports.
 *
 * WAN -> LAN: TCP and UDP over IPv4 pass, to as many different destination ports per source as the limit says; frames
 * of the source to further ports are dropped until it has been silent for a while.  If the table of sources is full,
 * frames of new sources are dropped.  All other frames are dropped.
 * LAN -> WAN: every frame passes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"

#include "ip_addr.h"
#include "psd_config.h"
#include "source.h"
#include "state.h"
#include "touched_port.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.capacity);
  return state != NULL;
}

/* Erases the ports of the source that had this index before. */
static void forget_ports(int index, const struct Source *source) {
  int first = index * PORTS_PER_SOURCE;
  int n_ports = source->n_ports < PORTS_PER_SOURCE ? (int)source->n_ports : PORTS_PER_SOURCE;
  expire_items_single_map_iteratively(state->port_keys, state->ports, first, first + n_ports);
}

/* Finds the source, or starts to watch it; false if the table is full. */
static bool find_source(uint32_t src_ip, vigor_time_t now, int *index) {
  struct IpAddr key = {.addr = src_ip};
  if (map_get(state->indices, &key, index)) {
    dchain_rejuvenate_index(state->ages, *index, now);
    return true;
  }
  if (!dchain_allocate_new_index(state->ages, index, now)) {
    return false;
  }

  struct Source *source;
  vector_borrow(state->sources, *index, (void **)&source);
  forget_ports(*index, source);
  source->since = now;
  source->n_ports = 0;
  vector_return(state->sources, *index, source);

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct IpAddr *stored;
  vector_borrow(state->addresses, *index, (void **)&stored);
  stored->addr = src_ip;
  map_put(state->indices, stored, *index);
  vector_return(state->addresses, *index, stored);
  return true;
}

/* Whether the source may send to the port: one that it tried before, or one more than these. */
static bool may_touch(int index, struct Source *source, uint32_t src_ip, uint16_t dst_port) {
  struct TouchedPort touched = {.src_ip = src_ip, .dst_port = dst_port, .since = source->since};
  int slot;
  if (map_get(state->ports, &touched, &slot)) {
    return true;
  }
  /* The first is always permitted, whatever the limit: so it stays an option, which the plan does not depend on. */
  if (source->n_ports != 0 && (source->n_ports >= config.max_ports || source->n_ports >= PORTS_PER_SOURCE)) {
    return false;
  }

  slot = index * PORTS_PER_SOURCE + (int)source->n_ports;
  struct TouchedPort *stored;
  vector_borrow(state->port_keys, slot, (void **)&stored);
  *stored = touched;
  map_put(state->ports, stored, slot);
  vector_return(state->port_keys, slot, stored);
  source->n_ports++;
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  if (device != config.wan_device) {
    return config.wan_device;
  }

  expire_items_single_map(state->ages, state->addresses, state->indices, now - config.source_timeout);

  if (packet_length < sizeof(struct rte_ether_hdr)) {
    NF_DEBUG("Truncated Ethernet header, dropping");
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (ip == NULL) {
    NF_DEBUG("Not IPv4, dropping");
    return device;
  }

  struct tcpudp_hdr *ports = nf_then_get_tcpudp_header(ip, buffer);
  if (ports == NULL) {
    NF_DEBUG("Not TCP or UDP, dropping");
    return device;
  }

  int index;
  if (!find_source(ip->src_addr, now, &index)) {
    NF_DEBUG("Table full, dropping");
    return device;
  }

  struct Source *source;
  vector_borrow(state->sources, index, (void **)&source);
  bool pass = may_touch(index, source, ip->src_addr, ports->dst_port);
  vector_return(state->sources, index, source);
  return pass ? config.lan_device : device;
}
