#include "bridge_config.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "nf-util.h"
#include "nf-log.h"

void nf_config_init(int argc, char **argv) {
  static const struct option long_options[] = { { "config", required_argument, NULL, 'f' },
                                                { "capacity", required_argument, NULL, 'c' },
                                                { NULL, 0, NULL, 0 } };
  config.static_capacity = 64;
  config.static_config_fname[0] = '\0';
  for (int opt; (opt = getopt_long(argc, argv, "f:c:", long_options, NULL)) != -1;) {
    switch (opt) {
      case 'f':
        strncpy(config.static_config_fname, optarg, CONFIG_FNAME_LEN - 1);
        config.static_config_fname[CONFIG_FNAME_LEN - 1] = '\0';
        break;
      case 'c':
        config.static_capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
        break;
      default:
        nf_config_usage();
        exit(EXIT_FAILURE);
    }
  }
  optind = 1;
}

void nf_config_usage(void) { NF_INFO("--config <fname>: static filtering table\n--capacity <n>"); }
void nf_config_print(void) { NF_INFO("Static configuration: %s", config.static_config_fname); }
