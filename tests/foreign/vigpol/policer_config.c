#include "policer_config.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nf-util.h"
#include "nf-log.h"

#define DEFAULT_LAN 1
#define DEFAULT_WAN 0
#define DEFAULT_RATE 1000000  // 1MB/s
#define DEFAULT_BURST 100000  // 100kB
#define DEFAULT_CAPACITY 128

#define PARSE_ERROR(format, ...)          \
  nf_config_usage();                      \
  fprintf(stderr, format, ##__VA_ARGS__); \
  exit(EXIT_FAILURE);

void nf_config_init(int argc, char **argv) {
  config.lan_device = DEFAULT_LAN;
  config.wan_device = DEFAULT_WAN;
  config.rate = DEFAULT_RATE;
  config.burst = DEFAULT_BURST;
  config.dyn_capacity = DEFAULT_CAPACITY; // MUST be power of 2

  unsigned nb_devices = rte_eth_dev_count_avail();

  struct option long_options[] = { { "lan", required_argument, NULL, 'l' },
                                   { "wan", required_argument, NULL, 'w' },
                                   { "rate", required_argument, NULL, 'r' },
                                   { "burst", required_argument, NULL, 'b' },
                                   { "capacity", required_argument, NULL, 'c' },
                                   { NULL, 0, NULL, 0 } };

  int opt;
  while ((opt = getopt_long(argc, argv, "l:w:r:b:c:", long_options, NULL)) != EOF) {
    switch (opt) {
      case 'l':
        config.lan_device = nf_util_parse_int(optarg, "lan", 10, '\0');
        if (config.lan_device >= nb_devices) {
          PARSE_ERROR("Invalid LAN device.\n");
        }
        break;
      case 'w':
        config.wan_device = nf_util_parse_int(optarg, "wan", 10, '\0');
        if (config.wan_device >= nb_devices) {
          PARSE_ERROR("Invalid WAN device.\n");
        }
        break;
      case 'r':
        config.rate = nf_util_parse_int(optarg, "rate", 10, '\0');
        if (config.rate == 0) {
          PARSE_ERROR("Policer rate must be strictly positive.\n");
        }
        break;
      case 'b':
        config.burst = nf_util_parse_int(optarg, "burst", 10, '\0');
        if (config.burst == 0) {
          PARSE_ERROR("Policer burst size must be strictly positive.\n");
        }
        break;
      case 'c':
        config.dyn_capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
        if (config.dyn_capacity <= 0) {
          PARSE_ERROR("Flow table size must be strictly positive.\n");
        }
        break;
      default:
        PARSE_ERROR("Unknown option %c", opt);
    }
  }
  optind = 1;
}

void nf_config_usage(void) {
  NF_INFO("Usage:\n[DPDK EAL options] --\n\t--lan <device>\n\t--wan <device>\n\t--rate <rate>\n\t--burst <size>\n");
}

void nf_config_print(void) {
  NF_INFO("\n--- Policer Config ---\n");
  NF_INFO("LAN Device: %" PRIu16, config.lan_device);
  NF_INFO("WAN Device: %" PRIu16, config.wan_device);
  NF_INFO("Rate: %" PRIu64, config.rate);
  NF_INFO("Burst: %" PRIu64, config.burst);
  NF_INFO("Capacity: %" PRIu32, config.dyn_capacity);
}
