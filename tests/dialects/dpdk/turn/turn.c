/* Turns frames: what is a request to the port it came in by goes back there, with addresses swapped; all else goes on. */
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "nf.h"

#define ECHO 7

struct nf_config {
  int unused;
};
struct nf_config config;

void nf_config_init(int argc, char **argv) {
  (void)argc;
  (void)argv;
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) { return true; }

static bool is_request(struct rte_mbuf *m, struct rte_ipv4_hdr *ip) {
  if (ip->version_ihl != 0x45 || ip->next_proto_id != IPPROTO_UDP) return false;
  const size_t offset = sizeof(struct rte_ether_hdr) + sizeof *ip;
  if (rte_pktmbuf_data_len(m) < offset + sizeof(struct rte_udp_hdr)) return false;
  const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, const struct rte_udp_hdr *, offset);
  return udp->dst_port == rte_cpu_to_be_16(ECHO);
}

int nf_process(struct rte_mbuf *m, int64_t now) {
  (void)now;
  if (rte_pktmbuf_pkt_len(m) < sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr)) return NF_DROP;
  struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
  if (rte_is_broadcast_ether_addr(&ether->dst_addr)) return NF_FLOOD;
  if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return m->port ^ 1;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  if (!is_request(m, ip)) return m->port ^ 1;
  struct rte_ether_addr swapped;
  rte_ether_addr_copy(&ether->dst_addr, &swapped);
  rte_ether_addr_copy(&ether->src_addr, &ether->dst_addr);
  rte_ether_addr_copy(&swapped, &ether->src_addr);
  const rte_be32_t address = ip->src_addr;
  ip->src_addr = ip->dst_addr;
  ip->dst_addr = address;
  return m->port;
}
