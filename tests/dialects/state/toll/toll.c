/* A policer: what comes in by port 1 has a token bucket per destination address; the key lies in the packet. */
#include <getopt.h>
#include <stdlib.h>
#include "nf.h"
#include "nf-util.h"
#include "lib/state/token-bucket.h"

struct nf_config {
  uint64_t rate, burst;
  uint32_t capacity;
};
struct nf_config config;
static struct TokenBucket *buckets;

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {{"rate", required_argument, NULL, 'r'}, {"burst", required_argument, NULL, 'b'},
                                          {"capacity", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
  config = (struct nf_config){.rate = 1000, .burst = 3000, .capacity = 64};
  int opt;
  while ((opt = getopt_long(argc, argv, "r:b:c:", options, NULL)) != -1) {
    uintmax_t number = nf_util_parse_int(optarg, "option", 10, '\0');
    if (opt == 'r') config.rate = number;
    else if (opt == 'b') config.burst = number;
    else config.capacity = number;
  }
  optind = 1;
}
void nf_config_usage(void) { NF_INFO("[--rate N] [--burst N] [--capacity N]"); }
void nf_config_print(void) { NF_INFO("rate %lu, burst %lu", config.rate, config.burst); }

bool nf_init(void) { return tb_allocate(config.capacity, config.rate, config.burst, sizeof(uint32_t), &buckets); }

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  tb_expire(buckets, now);
  if (device == 0) return 1;
  int index = -1;
  if (tb_is_tracing(buckets, &ip->dst_addr, &index)) return tb_update_and_check(buckets, index, packet_length, now) ? 0 : DROP;
  return tb_trace(buckets, &ip->dst_addr, packet_length, now, &index) ? 0 : DROP;
}
