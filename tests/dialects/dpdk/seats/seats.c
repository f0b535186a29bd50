/* Counts what each source sends, in an array of its own by the positions of a table, and marks frames with that. */
#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "nf.h"

#define SEATS 1000

struct nf_config {
  int unused;
};
struct nf_config config;

static struct rte_hash *table;
static struct seat {
  uint32_t packets;
  uint32_t bytes;
} seats[SEATS];

void nf_config_init(int argc, char **argv) {
  (void)argc;
  (void)argv;
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  const struct rte_hash_parameters parameters = {.name = "seats", .entries = SEATS, .key_len = 4};
  return (table = rte_hash_create(&parameters)) != NULL;
}

int nf_process(struct rte_mbuf *m, int64_t now) {
  (void)now;
  struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
  if (m->data_len < sizeof *ether + sizeof(struct rte_ipv4_hdr)) return NF_DROP;
  if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return NF_DROP;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  const rte_be32_t source = ip->src_addr;
  const int32_t position = rte_hash_add_key(table, &source);
  if (position < 0) return NF_DROP;
  struct seat *seat = &seats[position];
  seat->packets++;
  seat->bytes += m->pkt_len;
  ip->packet_id = rte_cpu_to_be_16((uint16_t)seat->packets);
  return m->port ^ 1;
}
