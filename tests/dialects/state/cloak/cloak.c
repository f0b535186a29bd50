/* Source NAT: the external port is first_port + the index of the flow. */
#include "nf.h"
#include "nf-util.h"
#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/expirator.h"

struct flow { /* 12 bytes, no padding */
  uint32_t inner, outer;
  uint16_t inner_port, outer_port;
};
struct nf_config { uint32_t address; time_us_t expiry; };
struct nf_config config;
static struct Map *numbers;
static struct Vector *flows;
static struct DoubleChain *ages;

#define FIRST 1024
#define MOST 16384

void nf_config_init(int argc, char **argv) { config.address = rte_cpu_to_be_32(0xC0000201); config.expiry = 1000000; }
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  return map_allocate(MOST, sizeof(struct flow), &numbers) && vector_allocate(sizeof(struct flow), MOST, &flows) &&
         dchain_allocate(MOST, &ages);
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  expire_items_single_map(ages, flows, numbers, now - config.expiry * 1000);
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  struct tcpudp_hdr *l4 = nf_then_get_tcpudp_header(ip, buffer);
  if (l4 == NULL) return DROP;
  int index = -1;
  struct flow *kept = NULL;
  if (device == 0) {
    struct flow flow = {.inner = ip->src_addr, .outer = ip->dst_addr, .inner_port = l4->src_port, .outer_port = l4->dst_port};
    if (!map_get(numbers, &flow, &index)) {
      if (!dchain_allocate_new_index(ages, &index, now)) return DROP;
      vector_borrow(flows, index, (void **)&kept);
      *kept = flow;
      map_put(numbers, kept, index);
      vector_return(flows, index, kept);
    } else {
      dchain_rejuvenate_index(ages, index, now);
    }
    ip->src_addr = config.address;
    l4->src_port = rte_cpu_to_be_16(FIRST + index);
    nf_set_rte_ipv4_udptcp_checksum(ip, l4, buffer);
    return 1;
  }
  index = rte_be_to_cpu_16(l4->dst_port) - FIRST;
  if (index < 0 || index >= MOST || !dchain_is_index_allocated(ages, index)) return DROP;
  vector_borrow(flows, index, (void **)&kept);
  struct flow flow = *kept;
  vector_return(flows, index, kept);
  if ((flow.outer != ip->src_addr) | (flow.outer_port != l4->src_port)) return DROP;
  dchain_rejuvenate_index(ages, index, now);
  ip->dst_addr = flow.inner;
  l4->dst_port = flow.inner_port;
  nf_set_rte_ipv4_udptcp_checksum(ip, l4, buffer);
  return 0;
}
