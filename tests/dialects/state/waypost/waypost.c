/* Routes by destination: rules of the command line, PREFIX LENGTH PORT; an address without a rule is dropped. */
#include <stdlib.h>
#include "nf.h"
#include "nf-parse.h"
#include "nf-util.h"
#include "lib/state/lpm-dir-24-8.h"

struct nf_config { int unused; };
struct nf_config config;
static struct LPM *routes;
static struct { uint32_t prefix; uint8_t length; uint16_t port; } rules[8];
static int n_rules;

void nf_config_init(int argc, char **argv) {
  for (int i = 1; i + 2 < argc && n_rules < 8; i += 3, n_rules++) {
    if (!nf_parse_ipv4addr(argv[i], &rules[n_rules].prefix)) rte_exit(EXIT_FAILURE, "no address: %s\n", argv[i]);
    rules[n_rules].length = nf_util_parse_int(argv[i + 1], "length", 10, '\0');
    if (!nf_parse_device(argv[i + 2], &rules[n_rules].port)) rte_exit(EXIT_FAILURE, "no port: %s\n", argv[i + 2]);
  }
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  if (!lpm_allocate(&routes)) return false;
  for (int i = 0; i < n_rules; i++)
    if (!lpm_update(routes, rules[i].prefix, rules[i].length, rules[i].port)) return false;
  return true;
}

int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, time_ns_t now, struct rte_mbuf *mbuf) {
  struct rte_ether_hdr *ether = nf_then_get_ether_header(buffer);
  struct rte_ipv4_hdr *ip = nf_then_get_ipv4_header(ether, buffer);
  if (ip == NULL) return DROP;
  uint16_t port = DROP;
  if (!lpm_lookup(routes, ip->dst_addr, &port)) return DROP;
  return port;
}
