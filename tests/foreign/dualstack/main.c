/* A firewall for IPv4 and IPv6: what comes from the outside must answer what the inside sent. */
#include <getopt.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/expirator.h"
#include "flow.h"

enum { INSIDE, OUTSIDE };

struct nf_config {
  vigor_time_t lifetime; /* of flows, in ns */
  uint32_t capacity;     /* flows of each version of IP */
} config;

/* Flows of one version of IP. */
struct table {
  struct Map *flows;
  struct Vector *keys;
  struct DoubleChain *ages;
};
static struct table table4, table6;

void nf_config_usage(void) { NF_INFO("--expire US --max-flows N"); }
void nf_config_print(void) { NF_INFO("up to %" PRIu32 " flows", config.capacity); }

void nf_config_init(int argc, char **argv) {
  config = (struct nf_config){ .lifetime = 10 * VIGOR_TIME_SECONDS_MULTIPLIER, .capacity = 65536 };
  const struct option options[] = { { "expire", required_argument, NULL, 't' },
                                    { "max-flows", required_argument, NULL, 'f' },
                                    { NULL, 0, NULL, 0 } };
  for (int letter; (letter = getopt_long(argc, argv, "t:f:", options, NULL)) != -1;) {
    const uintmax_t value = letter == '?' ? 0 : nf_util_parse_int(optarg, "number", 10, '\0');
    if (value == 0 || value > 1000 * 1000 * 1000) {
      nf_config_usage();
      exit(EXIT_FAILURE);
    }
    if (letter == 't')
      config.lifetime = (vigor_time_t)value * 1000;
    else
      config.capacity = (uint32_t)value;
  }
}

bool nf_init(void) {
  return map_allocate(flow4_eq, flow4_hash, config.capacity, &table4.flows) &&
         vector_allocate(sizeof(struct flow4), config.capacity, flow4_allocate, &table4.keys) &&
         dchain_allocate(config.capacity, &table4.ages) &&
         map_allocate(flow6_eq, flow6_hash, config.capacity, &table6.flows) &&
         vector_allocate(sizeof(struct flow6), config.capacity, flow6_allocate, &table6.keys) &&
         dchain_allocate(config.capacity, &table6.ages);
}

/* Whether packets of this flow may pass; those from the inside open it. */
static bool passes(struct table *t, void *key, size_t size, bool out, vigor_time_t now) {
  int index;
  if (map_get(t->flows, key, &index)) {
    dchain_rejuvenate_index(t->ages, index, now);
    return true;
  }
  if (!out) return false;
  if (!dchain_allocate_new_index(t->ages, &index, now)) return true; /* full: let it out, but nothing back in */
  void *stored;
  vector_borrow(t->keys, index, &stored);
  memcpy(stored, key, size);
  map_put(t->flows, stored, index);
  vector_return(t->keys, index, stored);
  return true;
}

static bool passes4(struct rte_ipv4_hdr *ip, struct tcpudp_hdr *l4, bool out, vigor_time_t now) {
  struct flow4 flow = { .inner = out ? ip->src_addr : ip->dst_addr,
                        .outer = out ? ip->dst_addr : ip->src_addr,
                        .inner_port = out ? l4->src_port : l4->dst_port,
                        .outer_port = out ? l4->dst_port : l4->src_port,
                        .protocol = ip->next_proto_id };
  return passes(&table4, &flow, sizeof flow, out, now);
}

static bool passes6(struct rte_ipv6_hdr *ip, struct tcpudp_hdr *l4, bool out, vigor_time_t now) {
  struct flow6 flow = { .inner_port = out ? l4->src_port : l4->dst_port,
                        .outer_port = out ? l4->dst_port : l4->src_port,
                        .next_header = ip->proto };
  /* Addresses are arrays, and from DPDK 24.11 on structs. */
  memcpy(flow.inner, out ? &ip->src_addr : &ip->dst_addr, sizeof flow.inner);
  memcpy(flow.outer, out ? &ip->dst_addr : &ip->src_addr, sizeof flow.outer);
  return passes(&table6, &flow, sizeof flow, out, now);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(table4.ages, table4.keys, table4.flows, now - config.lifetime);
  expire_items_single_map(table6.ages, table6.keys, table6.flows, now - config.lifetime);
  const bool out = device == INSIDE;
  struct rte_ether_hdr *ether = nf_then_get_rte_ether_header(buffer);
  bool pass = false;
  if (nf_has_rte_ipv4_header(ether)) {
    struct rte_ipv4_hdr *ip = nf_then_get_rte_ipv4_header(ether, buffer);
    struct tcpudp_hdr *l4 = ip ? nf_then_get_tcpudp_header(ip, buffer) : NULL;
    pass = l4 && passes4(ip, l4, out, now);
  } else if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) &&
             packet_get_unread_length(buffer) >= sizeof(struct rte_ipv6_hdr)) {
    struct rte_ipv6_hdr *ip = nf_borrow_next_chunk(buffer, sizeof *ip);
    const bool has_ports = ip->proto == IPPROTO_TCP || ip->proto == IPPROTO_UDP;
    if (has_ports && packet_get_unread_length(buffer) >= sizeof(struct tcpudp_hdr))
      pass = passes6(ip, nf_borrow_next_chunk(buffer, sizeof(struct tcpudp_hdr)), out, now);
  }
  return pass ? (out ? OUTSIDE : INSIDE) : device;
}
