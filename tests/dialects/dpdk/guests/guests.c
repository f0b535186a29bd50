/* Passes frames between two hosts of which one is a guest (options, IPv4), which is looked up in one go, and marks those
 * of which both are with the smaller of their numbers. */
#include <arpa/inet.h>

#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "nf.h"

#define MOST 16

struct nf_config {
  uint32_t n;
  rte_be32_t guests[MOST];
};
struct nf_config config;

static struct rte_hash *guests;

void nf_config_init(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (config.n == MOST || inet_pton(AF_INET, argv[i], &config.guests[config.n]) != 1)
      rte_exit(EXIT_FAILURE, "ADDRESS ...\n");
    config.n++;
  }
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  const struct rte_hash_parameters parameters = {.name = "guests", .entries = MOST, .key_len = 4};
  guests = rte_hash_create(&parameters);
  if (guests == NULL) return false;
  for (uint32_t i = 0; i < config.n; i++)
    if (rte_hash_add_key_data(guests, &config.guests[i], (void *)(uintptr_t)(i + 1)) != 0) return false;
  return true;
}

int nf_process(struct rte_mbuf *m, int64_t now) {
  (void)now;
  struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
  if (m->data_len < sizeof *ether + sizeof(struct rte_ipv4_hdr)) return NF_DROP;
  if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return NF_DROP;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  const rte_be32_t hosts[2] = {ip->src_addr, ip->dst_addr};
  const void *keys[2] = {&hosts[0], &hosts[1]};
  uint64_t hits = 0;
  void *numbers[2] = {NULL, NULL};
  const int found = rte_hash_lookup_bulk_data(guests, keys, 2, &hits, numbers);
  if (found <= 0) return NF_DROP;
  if (found == 2) {
    const uintptr_t one = (uintptr_t)numbers[0], other = (uintptr_t)numbers[1];
    ip->type_of_service = (uint8_t)(one < other ? one : other);
  } else if (numbers[0] == NULL && (hits & 1)) {
    return NF_FLOOD;
  }
  return m->port ^ 1;
}
