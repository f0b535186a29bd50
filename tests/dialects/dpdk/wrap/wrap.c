/* Wraps frames of port 0 into a tag of 8 bytes behind the addresses (EtherType, label, the EtherType inside), and takes it
 * off again behind port 1.  Bursts. */
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "nf.h"

#define ETHER_TYPE_LABEL 0x88B5

struct label {
  rte_be16_t ether_type;
  rte_be32_t value;
  rte_be16_t length;
} __attribute__((packed));

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

static uint16_t wrap(struct rte_mbuf *m) {
  if (rte_pktmbuf_data_len(m) < sizeof(struct rte_ether_hdr)) return NF_DROP;
  char *start = rte_pktmbuf_prepend(m, sizeof(struct label));
  if (start == NULL) return NF_DROP;
  memmove(start, start + sizeof(struct label), 2 * RTE_ETHER_ADDR_LEN);
  struct label *label = rte_pktmbuf_mtod_offset(m, struct label *, 2 * RTE_ETHER_ADDR_LEN);
  label->ether_type = rte_cpu_to_be_16(ETHER_TYPE_LABEL);
  label->value = rte_cpu_to_be_32(0xC0FFEE);
  label->length = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof *label));
  return 1;
}

static uint16_t unwrap(struct rte_mbuf *m) {
  const struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
  if (m->data_len < 2 * RTE_ETHER_ADDR_LEN + sizeof(struct label)) return NF_DROP;
  if (ether->ether_type != rte_cpu_to_be_16(ETHER_TYPE_LABEL)) return 0;
  struct rte_ether_addr addresses[2];
  memcpy(addresses, rte_pktmbuf_mtod(m, void *), sizeof addresses);
  char *start = rte_pktmbuf_adj(m, sizeof(struct label));
  if (start == NULL) return NF_DROP;
  memcpy(start, addresses, sizeof addresses);
  return 0;
}

void nf_process(struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs) {
  (void)now;
  for (uint16_t i = 0; i < n; i++) {
    if (i + 1 < n) rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
    outputs[i] = mbufs[i]->port == 0 ? wrap(mbufs[i]) : unwrap(mbufs[i]);
  }
}
