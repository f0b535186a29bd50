#include "hedge_config.h"
#include <getopt.h>
#include <stdlib.h>
#include "nf-log.h"

static const struct option options[] = {
  {"internal-devs", required_argument, NULL, 'i'}, {"fwd-rule", required_argument, NULL, 'f'},
  {"expire", required_argument, NULL, 'e'}, {"max-flows", required_argument, NULL, 'm'}, {NULL, 0, NULL, 0}};

static void add_rule(const char *text) {
  struct int_list_t pair = nf_util_parse_int_list(text, "fwd-rule", 10, ',');
  if (pair.n != 2) rte_exit(EXIT_FAILURE, "--fwd-rule wants FROM,TO\n");
  config.ways.n++;
  config.ways.rule = realloc(config.ways.rule, config.ways.n * sizeof *config.ways.rule);
  config.ways.rule[config.ways.n - 1].from = pair.list[0];
  config.ways.rule[config.ways.n - 1].to = pair.list[1];
}

void nf_config_init(int argc, char **argv) {
  config.expiry = 1000000;
  config.most = 1024;
  int opt;
  while ((opt = getopt_long(argc, argv, "i:f:e:m:", options, NULL)) != -1) {
    switch (opt) {
      case 'i': {
        struct int_list_t list = nf_util_parse_int_list(optarg, "internal-devs", 10, ',');
        config.inside.device = malloc(list.n * sizeof *config.inside.device);
        for (size_t i = 0; i < list.n; i++) config.inside.device[i] = list.list[i];
        config.inside.n = list.n;
        break;
      }
      case 'f': add_rule(optarg); break;
      case 'e': config.expiry = nf_util_parse_int(optarg, "expire", 10, '\0'); break;
      case 'm': config.most = nf_util_parse_int(optarg, "max-flows", 10, '\0'); break;
      default: nf_config_usage(); exit(EXIT_FAILURE);
    }
  }
  optind = 1;
}

void nf_config_usage(void) { NF_INFO("[--internal-devs A,B] [--fwd-rule FROM,TO] [--expire US] [--max-flows N]"); }
void nf_config_print(void) { NF_INFO("%zu devices inside", config.inside.n); }
