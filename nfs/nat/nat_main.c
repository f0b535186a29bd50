/* nat: source NAT between two ports, to one external address.
 *
 * LAN -> WAN: TCP and UDP over IPv4 leave with the external address and a port of their flow's own; a new flow that
 * finds no free port is dropped.
 * WAN -> LAN: what comes to the external address and a flow's port, from the remote end of that flow, goes to the
 * flow's host.  All else is dropped: so are fragments and packets with IP options, whose ports are not where this NAT
 * looks for them.  A packet of either direction keeps its flow alive.
 */
#include <stdint.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"

#include "checksum.h"
#include "flow.h"
#include "nat_config.h"
#include "state.h"

#define VERSION_4_NO_OPTIONS 0x45
#define FRAGMENT_MASK 0x3FFF /* more fragments follow, or others came before: RFC 791 */
#define PROTOCOL_TCP 6
/* Bytes of the L4 headers behind the ports. */
#define TCP_REST (sizeof(struct rte_tcp_hdr) - sizeof(struct tcpudp_hdr))
#define UDP_REST (sizeof(struct rte_udp_hdr) - sizeof(struct tcpudp_hdr))

struct nf_config config;
static struct State *state;

/* The headers of a packet that can be translated. */
struct Packet {
  struct rte_ipv4_hdr *ip;
  struct tcpudp_hdr *ports;
};

bool nf_init(void) {
  state = alloc_state(config.max_flows);
  return state != NULL;
}

/* False if the packet cannot be translated. */
static bool parse(uint8_t **buffer, uint16_t packet_length, struct Packet *packet) {
  if (packet_length < sizeof(struct rte_ether_hdr)) {
    return false;
  }
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);

  packet->ip = nf_then_get_rte_ipv4_header(ether, buffer);
  if (packet->ip == NULL || packet->ip->version_ihl != VERSION_4_NO_OPTIONS ||
      (packet->ip->fragment_offset & rte_cpu_to_be_16(FRAGMENT_MASK)) != 0) {
    return false;
  }

  packet->ports = nf_then_get_tcpudp_header(packet->ip, buffer);
  if (packet->ports == NULL) {
    return false;
  }

  size_t rest = packet->ip->next_proto_id == PROTOCOL_TCP ? TCP_REST : UDP_REST;
  if (packet_get_unread_length(buffer) < rest) {
    return false;
  }
  nf_borrow_next_chunk(buffer, rest);
  return true;
}

/* Puts the checksums right for one end of the packet, an address and a port, that is about to change. */
static void fix_checksums(struct Packet *packet, uint32_t ip, uint16_t port, uint32_t new_ip, uint16_t new_port) {
  uint32_t header = checksum_open(packet->ip->hdr_checksum);
  packet->ip->hdr_checksum = checksum_close(checksum_replace32(header, ip, new_ip));

  if (packet->ip->next_proto_id == PROTOCOL_TCP) {
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)packet->ports;
    uint32_t sum = checksum_replace32(checksum_open(tcp->cksum), ip, new_ip);
    tcp->cksum = checksum_close(checksum_replace16(sum, port, new_port));
  } else {
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *)packet->ports;
    if (udp->dgram_cksum != 0) { /* 0: the sender computed none (RFC 768) */
      uint32_t sum = checksum_replace32(checksum_open(udp->dgram_cksum), ip, new_ip);
      uint16_t checksum = checksum_close(checksum_replace16(sum, port, new_port));
      udp->dgram_cksum = (uint16_t)(checksum - (checksum == 0)); /* 0 would say that there is none: 0xFFFF */
    }
  }
}

/* Gives the flow an index, hence a port; false if none is free. */
static bool remember(struct FlowId *id, vigor_time_t now, int *index) {
  if (!dchain_allocate_new_index(state->ages, index, now)) {
    return false;
  }

  /* The map keeps a pointer to its key, so the key must live in the vector. */
  struct FlowId *stored;
  vector_borrow(state->flow_ids, *index, (void **)&stored);
  *stored = *id;
  map_put(state->flows, stored, *index);
  vector_return(state->flow_ids, *index, stored);
  return true;
}

static bool outbound(struct Packet *packet, vigor_time_t now) {
  struct FlowId id = {
    .src_ip = packet->ip->src_addr,
    .dst_ip = packet->ip->dst_addr,
    .src_port = packet->ports->src_port,
    .dst_port = packet->ports->dst_port,
    .protocol = packet->ip->next_proto_id,
  };
  int index;
  if (map_get(state->flows, &id, &index)) {
    dchain_rejuvenate_index(state->ages, index, now);
  } else if (!remember(&id, now, &index)) {
    NF_DEBUG("No free port, dropping");
    return false;
  }

  uint16_t external_port = rte_cpu_to_be_16((uint16_t)(config.start_port + (uint32_t)index));
  fix_checksums(packet, packet->ip->src_addr, packet->ports->src_port, config.external_ip, external_port);
  packet->ip->src_addr = config.external_ip;
  packet->ports->src_port = external_port;
  return true;
}

static bool inbound(struct Packet *packet, vigor_time_t now) {
  if (packet->ip->dst_addr != config.external_ip) {
    NF_DEBUG("Not to the external address, dropping");
    return false;
  }
  uint32_t index = (uint32_t)rte_be_to_cpu_16(packet->ports->dst_port) - config.start_port;
  if (index >= config.max_flows || !dchain_is_index_allocated(state->ages, (int)index)) {
    NF_DEBUG("No flow has this port, dropping");
    return false;
  }

  struct FlowId *stored;
  vector_borrow(state->flow_ids, (int)index, (void **)&stored);
  struct FlowId id = *stored;
  vector_return(state->flow_ids, (int)index, stored);
  if (packet->ip->src_addr != id.dst_ip || packet->ports->src_port != id.dst_port ||
      packet->ip->next_proto_id != id.protocol) {
    NF_DEBUG("Not from the flow's remote end, dropping");
    return false;
  }

  dchain_rejuvenate_index(state->ages, (int)index, now);
  fix_checksums(packet, packet->ip->dst_addr, packet->ports->dst_port, id.src_ip, id.src_port);
  packet->ip->dst_addr = id.src_ip;
  packet->ports->dst_port = id.src_port;
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  (void)mbuf;

  expire_items_single_map(state->ages, state->flow_ids, state->flows, now - config.flow_timeout);

  struct Packet packet;
  if (!parse(buffer, packet_length, &packet)) {
    NF_DEBUG("Not a whole TCP or UDP header over plain IPv4, dropping");
    return device;
  }
  if (device == config.wan_device) {
    return inbound(&packet, now) ? config.lan_device : device;
  }
  return outbound(&packet, now) ? config.wan_device : device;
}
