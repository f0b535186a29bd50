/* lb: a load balancer between clients and backends, in the manner of Maglev (Eisenbud et al., NSDI 2016).
 *
 * LAN -> WAN: every frame passes; who sends one is a backend, until it is silent for a while.  (Backends answer
 * clients directly, from the address that they share.)
 * WAN -> LAN: TCP and UDP over IPv4 go to the backend of their flow: its MAC address becomes the destination.  A new
 * flow, or one whose backend is gone, gets the backend that its hash prefers among those that live.  Without any, and
 * if they are anything else, frames are dropped.  With a full table, flows are balanced but not remembered.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/cht.h"
#include "lib/verified/ether.h"
#include "lib/verified/expirator.h"

#include "backend.h"
#include "flow.h"
#include "lb_config.h"
#include "state.h"

#define GROUP_BIT 1 /* of the first byte: broadcast and multicast; no host sends from there */

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.max_flows, config.max_backends, config.cht_height);
  return state != NULL;
}

/* The sender lives, and is a backend. */
static void note_backend(struct rte_ether_addr *address, vigor_time_t now) {
  int index;
  if (map_get(state->backends, address, &index)) {
    dchain_rejuvenate_index(state->backend_ages, index, now);
    return;
  }
  if (!dchain_allocate_new_index(state->backend_ages, &index, now)) {
    NF_DEBUG("Too many backends");
    return;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct rte_ether_addr *stored;
  vector_borrow(state->backend_addresses, index, (void **)&stored);
  *stored = *address;
  map_put(state->backends, stored, index);
  vector_return(state->backend_addresses, index, stored);
}

/* The backend that the flow prefers among those that live; false if none does. */
static bool choose(struct FlowId *id, int *backend) {
  return cht_find_preferred_available_backend(FlowId_hash(id), state->preferences, state->backend_ages,
                                              config.cht_height, config.max_backends, backend);
}

static void set_backend(int flow, int backend) {
  struct Backend *stored;
  vector_borrow(state->flow_backends, flow, (void **)&stored);
  stored->index = backend;
  vector_return(state->flow_backends, flow, stored);
}

static int get_backend(int flow) {
  struct Backend *stored;
  vector_borrow(state->flow_backends, flow, (void **)&stored);
  int backend = stored->index;
  vector_return(state->flow_backends, flow, stored);
  return backend;
}

static void remember(struct FlowId *id, int backend, vigor_time_t now) {
  int index;
  if (!dchain_allocate_new_index(state->flow_ages, &index, now)) {
    NF_DEBUG("Flow table full");
    return;
  }

  struct FlowId *stored;
  vector_borrow(state->flow_ids, index, (void **)&stored);
  *stored = *id;
  map_put(state->flows, stored, index);
  vector_return(state->flow_ids, index, stored);
  set_backend(index, backend);
}

/* The backend of the flow, old or new; false if there is none. */
static bool balance(struct FlowId *id, vigor_time_t now, int *backend) {
  int index;
  if (!map_get(state->flows, id, &index)) {
    if (!choose(id, backend)) {
      return false;
    }
    remember(id, *backend, now);
    return true;
  }

  dchain_rejuvenate_index(state->flow_ages, index, now);
  *backend = get_backend(index);
  if (dchain_is_index_allocated(state->backend_ages, *backend)) {
    return true;
  }
  if (!choose(id, backend)) {
    return false;
  }
  set_backend(index, *backend);
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  expire_items_single_map(state->flow_ages, state->flow_ids, state->flows, now - config.flow_timeout);
  expire_items_single_map(state->backend_ages, state->backend_addresses, state->backends,
                          now - config.backend_timeout);

  if (packet_length < sizeof(struct rte_ether_hdr)) {
    NF_DEBUG("Truncated Ethernet header, dropping");
    return device;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  if (device != config.wan_device) {
    if ((ether->src_addr.addr_bytes[0] & GROUP_BIT) == 0) {
      note_backend(&ether->src_addr, now);
    }
    return config.wan_device;
  }

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

  struct FlowId id = {
    .src_ip = ip->src_addr,
    .dst_ip = ip->dst_addr,
    .src_port = ports->src_port,
    .dst_port = ports->dst_port,
    .protocol = ip->next_proto_id,
  };
  int backend;
  if (!balance(&id, now, &backend)) {
    NF_DEBUG("No backend, dropping");
    return device;
  }

  struct rte_ether_addr *address;
  vector_borrow(state->backend_addresses, backend, (void **)&address);
  ether->dst_addr = *address;
  vector_return(state->backend_addresses, backend, address);
  return config.lan_device;
}
