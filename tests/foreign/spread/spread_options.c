#include "spread_options.h"

#include <getopt.h>
#include <stdlib.h>

#include "lib/verified/cht.h"
#include "nf-log.h"
#include "nf-util.h"

enum { VISITS, SERVERS, HEIGHT, VISIT_TIME, SERVER_TIME, CLIENTS, N_OPTIONS };

static const char *const names[N_OPTIONS] = {
  [VISITS] = "visits", [SERVERS] = "servers", [HEIGHT] = "height",
  [VISIT_TIME] = "visit-time", [SERVER_TIME] = "server-time", [CLIENTS] = "clients",
};

void nf_config_init(int argc, char **argv) {
  uintmax_t values[N_OPTIONS] = { 65536, 32, 1009, 30000000, 60000000, 0 };
  struct option table[N_OPTIONS + 1];
  for (int i = 0; i < N_OPTIONS; i++) table[i] = (struct option){ names[i], required_argument, NULL, 'a' + i };
  table[N_OPTIONS] = (struct option){ 0 };
  int found;
  while ((found = getopt_long(argc, argv, "", table, NULL)) != -1) {
    if (found < 'a' || found >= 'a' + N_OPTIONS) {
      nf_config_usage();
      rte_exit(EXIT_FAILURE, "unknown option\n");
    }
    values[found - 'a'] = nf_util_parse_int(optarg, names[found - 'a'], 10, '\0');
  }
  for (int i = 0; i < CLIENTS; i++)
    if (values[i] == 0) rte_exit(EXIT_FAILURE, "%s may not be 0\n", names[i]);
  if (values[HEIGHT] <= values[SERVERS] || values[HEIGHT] >= MAX_CHT_HEIGHT)
    rte_exit(EXIT_FAILURE, "the height is above the number of servers, and prime\n");
  const uint16_t devices = rte_eth_dev_count_avail();
  if (values[CLIENTS] >= devices) rte_exit(EXIT_FAILURE, "clients are behind a device\n");

  config.stations = calloc(devices, sizeof(struct rte_ether_addr));
  for (uint16_t n = 0; n < devices; n++) rte_eth_macaddr_get(n, &config.stations[n]);
  config.max_visits = values[VISITS];
  config.max_servers = values[SERVERS];
  config.height = values[HEIGHT];
  config.visit_us = values[VISIT_TIME];
  config.server_us = values[SERVER_TIME];
  config.clients = values[CLIENTS];
  optind = 1;
}

void nf_config_usage(void) {
  for (int i = 0; i < N_OPTIONS; i++) {
    NF_INFO("  --%s N", names[i]);
  }
}

void nf_config_print(void) {
  NF_INFO("%u visits to %u servers; clients behind %u", config.max_visits, config.max_servers, config.clients);
}
