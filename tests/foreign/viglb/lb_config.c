#include "lb_config.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "nf-util.h"
#include "nf-log.h"
#include "lib/verified/cht.h"

#define PARSE_ERROR(format, ...)            \
  {                                         \
    nf_config_usage();                      \
    fprintf(stderr, format, ##__VA_ARGS__); \
    exit(EXIT_FAILURE);                     \
  }

#define PARSE_POSITIVE(field, name)                          \
  config.field = nf_util_parse_int(optarg, name, 10, '\0');  \
  if (config.field == 0)                                     \
    PARSE_ERROR(name " must be strictly positive.\n")

void nf_config_init(int argc, char **argv) {
  // Set the default values
  config.wan_device = 0;
  config.flow_capacity = 1024;
  config.backend_capacity = 32;
  config.cht_height = 97;
  config.flow_expiration_time = 10 * 1000 * 1000;
  config.backend_expiration_time = 4000 * 1000 * 1000U;

  unsigned nb_devices = rte_eth_dev_count_avail();

  struct option long_options[] = { { "flow-expiration", required_argument, NULL, 'x' },
                                   { "flow-capacity", required_argument, NULL, 'f' },
                                   { "backend-capacity", required_argument, NULL, 'b' },
                                   { "cht-height", required_argument, NULL, 'h' },
                                   { "backend-expiration", required_argument, NULL, 't' },
                                   { "wan", required_argument, NULL, 'w' },
                                   { NULL, 0, NULL, 0 } };

  int opt;
  while ((opt = getopt_long(argc, argv, "x:f:b:h:t:w:", long_options, NULL)) != EOF) {
    switch (opt) {
      case 'x': PARSE_POSITIVE(flow_expiration_time, "flow-expiration"); break;
      case 'f': PARSE_POSITIVE(flow_capacity, "flow-capacity"); break;
      case 'b': PARSE_POSITIVE(backend_capacity, "backend-capacity"); break;
      case 'h':
        PARSE_POSITIVE(cht_height, "cht-height");
        if (config.cht_height >= MAX_CHT_HEIGHT) {
          PARSE_ERROR("cht-height must be below %d.\n", MAX_CHT_HEIGHT);
        }
        break;
      case 't': PARSE_POSITIVE(backend_expiration_time, "backend-expiration"); break;
      case 'w':
        config.wan_device = nf_util_parse_int(optarg, "wan-dev", 10, '\0');
        if (config.wan_device >= nb_devices) {
          PARSE_ERROR("WAN device does not exist.\n");
        }
        break;
      default: PARSE_ERROR("Unknown option %c", opt);
    }
  }

  // Fill in the mac addresses
  config.device_macs = (struct rte_ether_addr *)malloc(sizeof(struct rte_ether_addr) * nb_devices);
  for (uint16_t dev = 0; dev < nb_devices; dev++) {
    rte_eth_macaddr_get(dev, &(config.device_macs[dev]));
  }

  // Reset getopt
  optind = 1;
}

void nf_config_usage(void) {
  NF_INFO("Usage:\n"
          "[DPDK EAL options] --\n"
          "\t--flow-expiration <time>: flow expiration time (us).\n"
          "\t--flow-capacity <n>: flow table capacity.\n"
          "\t--backend-capacity <n>: backend table capacity.\n"
          "\t--cht-height <n>: consistent hashing table height: bigger <n> generates more smooth distribution.\n"
          "\t--backend-expiration <time>: backend expiration time (us).\n"
          "\t--wan <device>: set device to be the one facing clients.\n");
}

void nf_config_print(void) {
  NF_INFO("\n--- LoadBalancer Config ---\n");
  NF_INFO("Flow expiration time: %" PRIu32, config.flow_expiration_time);
  NF_INFO("Flow capacity: %" PRIu32, config.flow_capacity);
  NF_INFO("Backend capacity: %" PRIu32, config.backend_capacity);
  NF_INFO("CHT height: %" PRIu32, config.cht_height);
  NF_INFO("\n--- ------ ------ ---\n");
}
