/* cl: a connection limiter between two ports.
 *
 * WAN -> LAN: TCP and UDP over IPv4 pass if they belong to a known connection, or open one and their client, the source
 * address, has not opened as many to the same destination address as the limit says.  Opened connections are counted
 * in a sketch, which may take a client for a busier one; a count is forgotten when its client has not sent for a while.
 * A new connection that finds the table full is dropped, as are all other frames.
 * LAN -> WAN: every frame passes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/unverified/sketch.h"
#include "lib/verified/expirator.h"

#include "cl_config.h"
#include "client.h"
#include "flow.h"
#include "state.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  /* A bucket counts from 0, and refuses above the threshold: with n - 2, the n-th connection still passes. */
  state = alloc_state(config.max_flows, config.sketch_capacity, (uint16_t)(config.max_connections - 2));
  return state != NULL;
}

/* Remembers the flow; false if the table is full. */
static bool remember(struct FlowId *id, vigor_time_t now) {
  int index;
  if (!dchain_allocate_new_index(state->ages, &index, now)) {
    return false;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct FlowId *stored;
  vector_borrow(state->flow_ids, index, (void **)&stored);
  *stored = *id;
  map_put(state->flows, stored, index);
  vector_return(state->flow_ids, index, stored);
  return true;
}

/* Whether the client may open one more connection; counts it if so. */
static bool open_connection(struct FlowId *id, vigor_time_t now) {
  if (sketch_fetch(state->opened)) {
    NF_DEBUG("Too many connections, dropping");
    return false;
  }
  if (!remember(id, now)) {
    NF_DEBUG("Flow table full, dropping");
    return false;
  }
  if (!sketch_touch_buckets(state->opened, now)) {
    NF_DEBUG("Sketch full: this connection is not counted in full");
  }
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  if (device != config.wan_device) {
    return config.wan_device;
  }

  expire_items_single_map(state->ages, state->flow_ids, state->flows, now - config.flow_timeout);
  sketch_expire(state->opened, now - config.flow_timeout);

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

  struct FlowId id = {
    .src_ip = ip->src_addr,
    .dst_ip = ip->dst_addr,
    .src_port = ports->src_port,
    .dst_port = ports->dst_port,
    .protocol = ip->next_proto_id,
  };
  struct Client client = {.src_ip = ip->src_addr, .dst_ip = ip->dst_addr};
  sketch_compute_hashes(state->opened, &client);
  sketch_refresh(state->opened, now);

  int index;
  if (map_get(state->flows, &id, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
    return config.lan_device;
  }
  return open_connection(&id, now) ? config.lan_device : device;
}
