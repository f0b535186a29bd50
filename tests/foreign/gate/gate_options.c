#include "gate_options.h"

#include <getopt.h>
#include <stdlib.h>

#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

#define GIVE_UP(...)                \
  do {                              \
    nf_config_usage();              \
    fprintf(stderr, __VA_ARGS__);   \
    exit(EXIT_FAILURE);             \
  } while (0)

void nf_config_init(int argc, char **argv) {
  const uint16_t devices = rte_eth_dev_count_avail();
  config.outer = 0;
  config.patience_us = 10 * 1000 * 1000;
  config.max_sessions = 65536;
  config.own = calloc(devices, sizeof(struct rte_ether_addr));
  config.next = calloc(devices, sizeof(struct rte_ether_addr));
  for (uint16_t n = 0; n < devices; n++) {
    rte_eth_macaddr_get(n, &config.own[n]);
    if (!nf_parse_etheraddr("02:00:00:00:00:fe", &config.next[n])) GIVE_UP("no address for device %u\n", n);
  }

  static const struct option known[] = {
    { "outer", required_argument, NULL, 'o' },
    { "expire", required_argument, NULL, 'e' },
    { "max-sessions", required_argument, NULL, 'm' },
    { "next", required_argument, NULL, 'n' },
    { NULL, 0, NULL, 0 },
  };
  int letter;
  while ((letter = getopt_long(argc, argv, "o:e:m:n:", known, NULL)) != EOF) {
    if (letter == 'o') {
      config.outer = (uint16_t)nf_util_parse_int(optarg, "outer", 10, '\0');
      if (config.outer >= devices) GIVE_UP("there is no device %u\n", config.outer);
    } else if (letter == 'e') {
      config.patience_us = (uint32_t)nf_util_parse_int(optarg, "expire", 10, '\0');
      if (config.patience_us == 0) GIVE_UP("sessions must last\n");
    } else if (letter == 'm') {
      config.max_sessions = (uint32_t)nf_util_parse_int(optarg, "max-sessions", 10, '\0');
      if (config.max_sessions == 0) GIVE_UP("there must be sessions\n");
    } else if (letter == 'n') { /* DEVICE,MAC */
      const uintmax_t device = nf_util_parse_int(optarg, "next", 10, ',');
      if (device >= devices || !nf_parse_etheraddr(strchr(optarg, ',') + 1, &config.next[device]))
        GIVE_UP("not a device and an address: %s\n", optarg);
    } else {
      GIVE_UP("unknown option\n");
    }
  }
  optind = 1;
}

void nf_config_usage(void) {
  NF_INFO("usage: [--outer DEVICE] [--expire US] [--max-sessions N] [--next DEVICE,MAC]...");
}

void nf_config_print(void) {
  NF_INFO("outer device %" PRIu16 ", %" PRIu32 " sessions, %" PRIu32 " us", config.outer, config.max_sessions,
          config.patience_us);
  for (uint16_t n = 0; n < rte_eth_dev_count_avail(); n++) {
    char *own = nf_mac_to_str(&config.own[n]), *next = nf_mac_to_str(&config.next[n]);
    NF_INFO("device %" PRIu16 ": %s sends to %s", n, own, next);
    free(own);
    free(next);
  }
}
