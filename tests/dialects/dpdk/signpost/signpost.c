/* Routes by the destination: options are ADDRESS/LENGTH=PORT.  Frames of both ports, also back to where they came from. */
#include <arpa/inet.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_log.h>
#include <rte_lpm.h>
#include <rte_mbuf.h>

#include "nf.h"

#define MOST 32

struct nf_config {
  uint32_t n;
  struct route {
    uint32_t address, port;
    uint8_t length;
  } routes[MOST];
};
struct nf_config config;

static struct rte_lpm *lpm;

void nf_config_init(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *length = strchr(argv[i], '/'), *port = strchr(argv[i], '=');
    struct in_addr address;
    if (length == NULL || port == NULL || config.n == MOST) rte_exit(EXIT_FAILURE, "ADDRESS/LENGTH=PORT ...\n");
    *length = '\0';
    if (inet_pton(AF_INET, argv[i], &address) != 1) rte_exit(EXIT_FAILURE, "no address: %s\n", argv[i]);
    struct route *route = &config.routes[config.n];
    route->address = rte_be_to_cpu_32(address.s_addr);
    route->port = (uint32_t)strtoul(port + 1, NULL, 10);
    route->length = (uint8_t)strtoul(length + 1, NULL, 10);
    config.n++;
  }
}
void nf_config_usage(void) {}
void nf_config_print(void) {
  for (uint32_t i = 0; i < config.n; i++)
    RTE_LOG(INFO, USER1, "%08x/%u to port %u\n", config.routes[i].address, config.routes[i].length, config.routes[i].port);
}

bool nf_init(void) {
  const struct rte_lpm_config size = {.max_rules = MOST, .number_tbl8s = 8};
  lpm = rte_lpm_create("routes", 0, &size);
  if (lpm == NULL) return false;
  for (uint32_t i = 0; i < config.n; i++)
    if (rte_lpm_add(lpm, config.routes[i].address, config.routes[i].length, config.routes[i].port) != 0) return false;
  return true;
}

int nf_process(struct rte_mbuf *m, int64_t now) {
  (void)now;
  struct rte_ether_hdr *ether = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
  if (m->pkt_len < sizeof *ether + sizeof(struct rte_ipv4_hdr)) return NF_DROP;
  if (ether->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return NF_DROP;
  struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
  uint32_t port = 0;
  if (ip->time_to_live < 2 || rte_lpm_lookup(lpm, rte_be_to_cpu_32(ip->dst_addr), &port) != 0) return NF_DROP;
  ip->time_to_live--;
  ip->hdr_checksum = (rte_be16_t)(ip->hdr_checksum + rte_cpu_to_be_16(0x0100) +
                                  (ip->hdr_checksum >= rte_cpu_to_be_16(0xFEFF) ? 1 : 0));
  return (int)port;
}
