#include "flow.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

bool flow_of(struct rte_mbuf *m, bool turned, struct flow *flow) {
  const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
  if (m->data_len < sizeof *ether + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr)) return false;
  if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return false;
  const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ether + 1);
  if (ip->version_ihl != 0x45 || (ip->next_proto_id != IPPROTO_UDP && ip->next_proto_id != IPPROTO_TCP)) return false;
  const struct rte_udp_hdr *ports = (const struct rte_udp_hdr *)(ip + 1);
  flow->inside = turned ? ip->dst_addr : ip->src_addr;
  flow->outside = turned ? ip->src_addr : ip->dst_addr;
  flow->inside_port = turned ? ports->dst_port : ports->src_port;
  flow->outside_port = turned ? ports->src_port : ports->dst_port;
  flow->protocol = ip->next_proto_id;
  return true;
}
