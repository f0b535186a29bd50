#include "nop_config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

void nf_config_init(int argc, char **argv) {
  static const struct option none[] = {{NULL, 0, NULL, 0}};

  if (getopt_long(argc, argv, "", none, NULL) != -1) {
    nf_config_usage();
    exit(EXIT_FAILURE);
  }

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) { fprintf(stderr, "nop takes no options.\n"); }

void nf_config_print(void) { NF_INFO("nop: forwards each frame to the other port of its pair"); }
