/* A stateful firewall: flows that port 0 opens may answer from port 1 while they are young. */
#include <getopt.h>

#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "flow.h"
#include "nf.h"

struct nf_config {
  uint32_t flows;
  uint32_t seconds;
};
struct nf_config config;

static struct rte_hash *table;

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
      {"flows", required_argument, NULL, 'f'}, {"age", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
  config = (struct nf_config){.flows = 1000, .seconds = 10};
  int opt;
  while ((opt = getopt_long(argc, argv, "f:a:", options, NULL)) != -1) {
    if (opt == 'f') config.flows = (uint32_t)strtoul(optarg, NULL, 10);
    else if (opt == 'a') config.seconds = (uint32_t)strtoul(optarg, NULL, 10);
    else rte_exit(EXIT_FAILURE, "[--flows N] [--age SECONDS]\n");
  }
  optind = 1;
}
void nf_config_usage(void) {}
void nf_config_print(void) {}

bool nf_init(void) {
  const struct rte_hash_parameters parameters = {.name = "flows",
                                                 .entries = config.flows,
                                                 .key_len = sizeof(struct flow),
                                                 .hash_func = rte_jhash,
                                                 .socket_id = 0};
  table = rte_hash_create(&parameters);
  return table != NULL;
}

/* With each flow lies when it was last seen. */
static bool is_known(const struct flow *flow, int64_t now) {
  void *seen = NULL;
  if (rte_hash_lookup_data(table, flow, &seen) < 0) return false;
  if (now - (int64_t)(uintptr_t)seen <= (int64_t)config.seconds * 1000000000) return true;
  rte_hash_del_key(table, flow);
  return false;
}

int nf_process(struct rte_mbuf *m, int64_t now) {
  struct flow flow;
  if (!flow_of(m, m->port == 1, &flow)) return NF_DROP;
  if (m->port == 1) return is_known(&flow, now) ? 0 : NF_DROP;
  return rte_hash_add_key_data(table, &flow, (void *)(uintptr_t)now) == 0 ? 1 : NF_DROP;
}
