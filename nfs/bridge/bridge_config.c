#include "bridge_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#define DEFAULT_CAPACITY 65536
#define DEFAULT_EXPIRE_US (60 * 1000 * 1000)

#define LIMIT_CAPACITY (1u << 20)
#define LIMIT_EXPIRE_US (INT64_MAX / 1000)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "bridge: " format "\n", ##__VA_ARGS__);                                                            \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"expire", required_argument, NULL, 'e'},
    {"capacity", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t expire_us = DEFAULT_EXPIRE_US;
  uintmax_t capacity = DEFAULT_CAPACITY;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'e':
      expire_us = nf_util_parse_int(optarg, "expire", 10, '\0');
      break;
    case 'c':
      capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (expire_us == 0 || expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }
  if (capacity == 0 || capacity > LIMIT_CAPACITY || (capacity & (capacity - 1)) != 0) {
    PARSE_ERROR("--capacity must be a power of two, at most %u", LIMIT_CAPACITY);
  }

  config.capacity = (uint32_t)capacity;
  config.address_timeout = (vigor_time_t)expire_us * 1000;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "bridge: a bridge that learns where addresses are.\n"
          "  --expire US     microseconds without a frame until an address is forgotten (default %d)\n"
          "  --capacity N    addresses known at the same time, a power of two (default %d)\n",
          DEFAULT_EXPIRE_US, DEFAULT_CAPACITY);
}

void nf_config_print(void) {
  NF_INFO("bridge: %" PRIu32 " addresses, forgotten after %" PRId64 " us", config.capacity,
          config.address_timeout / 1000);
}
