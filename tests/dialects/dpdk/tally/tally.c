/* A quota of bytes for each source of port 0, which a TCP packet with RST gives back.  Bursts. */
#include <getopt.h>

#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "nf.h"

struct nf_config {
  uint64_t quota;
  uint32_t hosts;
};
struct nf_config config;

static struct rte_hash *used;

void nf_config_init(int argc, char **argv) {
  config = (struct nf_config){.quota = 1000, .hosts = 500};
  int opt;
  while ((opt = getopt(argc, argv, "q:h:")) != -1) {
    if (opt == 'q') config.quota = strtoull(optarg, NULL, 10);
    else if (opt == 'h') config.hosts = (uint32_t)strtoul(optarg, NULL, 10);
    else rte_exit(EXIT_FAILURE, "[-q BYTES] [-h HOSTS]\n");
  }
  optind = 1;
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  const struct rte_hash_parameters parameters = {
      .name = "used", .entries = config.hosts, .key_len = sizeof(rte_be32_t), .hash_func = rte_hash_crc};
  return (used = rte_hash_create(&parameters)) != NULL;
}

static bool gives_back(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip) {
  if (ip->next_proto_id != IPPROTO_TCP || m->data_len < sizeof(struct rte_ether_hdr) + sizeof *ip + sizeof(struct rte_tcp_hdr))
    return false;
  return ((const struct rte_tcp_hdr *)(ip + 1))->tcp_flags & RTE_TCP_RST_FLAG;
}

static uint16_t counted(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip) {
  const rte_be32_t source = ip->src_addr;
  if (gives_back(m, ip)) return rte_hash_del_key(used, &source) >= 0 ? 1 : NF_DROP;
  void *before = NULL;
  const int found = rte_hash_lookup_data(used, &source, &before);
  const uint64_t bytes = (found < 0 ? 0 : (uint64_t)(uintptr_t)before) + m->pkt_len;
  if (bytes > config.quota) return NF_DROP;
  return rte_hash_add_key_data(used, &source, (void *)(uintptr_t)bytes) == 0 ? 1 : NF_DROP;
}

void nf_process(struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs) {
  (void)now;
  for (uint16_t i = 0; i < n; i++) {
    struct rte_mbuf *m = mbufs[i];
    outputs[i] = NF_DROP;
    if (rte_pktmbuf_data_len(m) < sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr)) continue;
    const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
    if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) continue;
    outputs[i] = m->port == 0 ? counted(m, (const struct rte_ipv4_hdr *)(ether + 1)) : 0;
  }
}
