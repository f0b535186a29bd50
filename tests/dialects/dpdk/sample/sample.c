/* Sends on one flow of `-1` (of 256, by default 64) by a hash of its addresses, both directions alike, and logs others. */
#include <getopt.h>

#include <rte_ether.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include "nf.h"

struct nf_config {
  uint32_t share;
  uint32_t seed;
};
struct nf_config config;

void nf_config_init(int argc, char **argv) {
  config = (struct nf_config){.share = 64, .seed = 1};
  int opt;
  while ((opt = getopt(argc, argv, "n:s:")) != -1) {
    if (opt == 'n') config.share = (uint32_t)strtoul(optarg, NULL, 10);
    else if (opt == 's') config.seed = (uint32_t)strtoul(optarg, NULL, 0);
    else rte_exit(EXIT_FAILURE, "[-n FLOWS_OF_256] [-s SEED]\n");
  }
  optind = 1;
}
void nf_config_usage(void) {}
void nf_config_print(void) { RTE_LOG(INFO, USER1, "%u of 256 flows, seed %u\n", config.share, config.seed); }

bool nf_init(void) { return true; }

int nf_process(struct rte_mbuf *mbuf, int64_t now) {
  (void)now;
  const uint16_t out = mbuf->port == 0 ? 1 : 0;
  struct rte_ipv4_hdr copy;
  const struct rte_ipv4_hdr *ip = rte_pktmbuf_read(mbuf, sizeof(struct rte_ether_hdr), sizeof copy, &copy);
  if (ip == NULL || (ip->version_ihl >> 4) != IPVERSION) return NF_DROP;
  const uint32_t low = RTE_MIN(ip->src_addr, ip->dst_addr), high = RTE_MAX(ip->src_addr, ip->dst_addr);
  const uint32_t hash = rte_jhash_2words(low, high, config.seed) ^ rte_hash_crc_4byte(low + high, config.seed);
  if ((hash & 0xFF) >= config.share) {
    RTE_LOG_DP(DEBUG, USER1, "left out by %u\n", hash);
    return NF_DROP;
  }
  return out;
}
