/* Sends IPv4 back where it came from, with the addresses of Ethernet swapped; floods ARP, drops all else. */
#include "nf.h"
#include "../nf-util.h"

struct nf_config {};
struct nf_config config;

bool nf_init(void) { return true; }
void nf_config_init(int argc, char **argv) {}
void nf_config_usage(void) {}
void nf_config_print(void) {}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  if (ether->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP)) return FLOOD;
  if (!nf_has_ipv4_header(ether)) return DROP;
  struct rte_ether_addr kept = ether->src_addr;
  ether->src_addr = ether->dst_addr;
  ether->dst_addr = kept;
  return device;
}
