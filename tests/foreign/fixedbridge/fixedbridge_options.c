#include "fixedbridge_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nf-log.h"
#include "nf-util.h"

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    { "table", required_argument, NULL, 't' },
    { "most", required_argument, NULL, 'm' },
    { NULL, 0, NULL, 0 },
  };
  memset(&config, 0, sizeof config);
  config.most_lanes = 64;
  int option = getopt_long(argc, argv, "t:m:", options, NULL);
  while (option != -1) {
    if (option == 't') {
      strncpy(config.table, optarg, sizeof config.table - 1);
    } else if (option == 'm') {
      config.most_lanes = (uint32_t)nf_util_parse_int(optarg, "most", 10, '\0');
    } else {
      nf_config_usage();
      exit(EXIT_FAILURE);
    }
    option = getopt_long(argc, argv, "t:m:", options, NULL);
  }
  optind = 1;
}

void nf_config_usage(void) { NF_INFO("--table FILE (a line for each lane: MAC DEVICE TO|drop), --most N"); }
void nf_config_print(void) { NF_INFO("table: %s", config.table[0] == '\0' ? "none" : config.table); }
