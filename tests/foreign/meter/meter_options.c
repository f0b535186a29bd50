#include "meter_options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf-log.h"
#include "nf-util.h"

static void at_least(uint64_t value, uint64_t least, const char *name) {
  if (value >= least) return;
  fprintf(stderr, "%s must be at least %" PRIu64 "\n", name, least);
  nf_config_usage();
  exit(1);
}

void nf_config_init(int argc, char **argv) {
  struct option table[] = { { "metered", required_argument, 0, 1 },
                            { "rate", required_argument, 0, 2 },
                            { "burst", required_argument, 0, 3 },
                            { "capacity", required_argument, 0, 4 },
                            { 0, 0, 0, 0 } };
  config = (struct nf_config){ .metered = 1, .rate = 1000000, .burst = 100000, .capacity = 65536 };
  for (;;) {
    int found = getopt_long(argc, argv, "", table, NULL);
    if (found == -1) break;
    switch (found) {
      case 1:
        config.metered = nf_util_parse_int(optarg, "metered", 10, '\0');
        at_least(rte_eth_dev_count_avail(), config.metered + 1, "the number of devices");
        break;
      case 2: config.rate = nf_util_parse_int(optarg, "rate", 10, '\0'); break;
      case 3: config.burst = nf_util_parse_int(optarg, "burst", 10, '\0'); break;
      case 4: config.capacity = nf_util_parse_int(optarg, "capacity", 10, '\0'); break;
      default: at_least(0, 1, "what is known of this option");
    }
  }
  at_least(config.rate, 1, "rate");
  at_least(config.burst, 1, "burst");
  at_least(config.capacity, 1, "capacity");
  optind = 1;
}

void nf_config_usage(void) { NF_INFO("[--metered DEVICE] [--rate BYTES] [--burst BYTES] [--capacity N]"); }

void nf_config_print(void) {
  NF_INFO("device %u: %" PRIu64 " bytes/s, %" PRIu64 " at once", config.metered, config.rate, config.burst);
}
