/* fw: a stateful firewall between two ports.
 *
 * LAN -> WAN: TCP and UDP over IPv4 pass and their flow is remembered.  A new flow that finds the table
 * full is dropped: it would pass, but its replies could not.
 * WAN -> LAN: passes only if it belongs to a flow that the LAN opened.
 * A packet of either direction keeps its flow alive.  All other frames are dropped.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"

#include "flow.h"
#include "fw_config.h"
#include "state.h"

struct nf_config config;
static struct State *state;

bool nf_init(void) {
  state = alloc_state(config.max_flows);
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

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  expire_items_single_map(state->ages, state->flow_ids, state->flows, now - config.flow_timeout);

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
  if (device == config.wan_device) {
    struct FlowId id = {
      .src_ip = ip->dst_addr,
      .dst_ip = ip->src_addr,
      .src_port = ports->dst_port,
      .dst_port = ports->src_port,
      .protocol = ip->next_proto_id,
    };
    if (!map_get(state->flows, &id, &index)) {
      NF_DEBUG("Unknown flow from the outside, dropping");
      return device;
    }
    dchain_rejuvenate_index(state->ages, index, now);
    return config.lan_device;
  }

  struct FlowId id = {
    .src_ip = ip->src_addr,
    .dst_ip = ip->dst_addr,
    .src_port = ports->src_port,
    .dst_port = ports->dst_port,
    .protocol = ip->next_proto_id,
  };
  if (map_get(state->flows, &id, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
  } else if (!remember(&id, now)) {
    NF_DEBUG("Flow table full, dropping");
    return device;
  }
  return config.wan_device;
}
