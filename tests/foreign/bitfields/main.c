/* A firewall whose flows are keyed by bit-fields that begin and end within bytes, beside bits that are no part of the
 * key.  Replies come in only for flows that the inside has opened. */
#include "nf.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"
#include "flow.h"

enum { INSIDE, OUTSIDE };

struct nf_config {
  vigor_time_t lifetime;
} config;

static struct Map *flows;
static struct Vector *keys;
static struct DoubleChain *ages;

void nf_config_usage(void) {}
void nf_config_print(void) {}
void nf_config_init(int argc, char **argv) { config.lifetime = 20 * 1000 * 1000; }

bool nf_init(void) {
  return map_allocate(flow_eq, flow_hash, 16384, &flows) &&
         vector_allocate(sizeof(struct flow), 16384, flow_init, &keys) && dchain_allocate(16384, &ages);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(ages, keys, flows, now - config.lifetime);
  struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(nf_then_get_rte_ether_header(buffer), buffer);
  struct tcpudp_hdr *l4 = ip ? nf_then_get_tcpudp_header(ip, buffer) : NULL;
  if (l4 == NULL) return device;

  struct flow flow = { .version = 4, .tcp = ip->next_proto_id == IPPROTO_TCP, .notes = packet_length };
  const bool out = device == INSIDE;
  flow.inner = out ? ip->src_addr : ip->dst_addr;
  flow.outer = out ? ip->dst_addr : ip->src_addr;
  flow.inner_port = out ? l4->src_port : l4->dst_port;
  flow.outer_port = out ? l4->dst_port : l4->src_port;

  int index;
  if (map_get(flows, &flow, &index)) {
    dchain_rejuvenate_index(ages, index, now);
    return 1 - device;
  }
  if (!out || !dchain_allocate_new_index(ages, &index, now)) return device;
  struct flow *stored;
  vector_borrow(keys, index, (void **)&stored);
  *stored = flow;
  map_put(flows, stored, index);
  vector_return(keys, index, stored);
  return OUTSIDE;
}
