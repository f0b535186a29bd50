#include "psd_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#include "state.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_CAPACITY 65536
#define DEFAULT_MAX_PORTS 16
#define DEFAULT_EXPIRE_US (60 * 1000 * 1000)

#define LIMIT_CAPACITY (1u << 18) /* 2^24 ports of all sources */
#define LIMIT_EXPIRE_US (INT64_MAX / 1000)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "psd: " format "\n", ##__VA_ARGS__);                                                               \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"expire", required_argument, NULL, 'e'},
    {"max-ports", required_argument, NULL, 'p'},
    {"capacity", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t expire_us = DEFAULT_EXPIRE_US;
  uintmax_t max_ports = DEFAULT_MAX_PORTS;
  uintmax_t capacity = DEFAULT_CAPACITY;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'w':
      wan = nf_util_parse_int(optarg, "wan", 10, '\0');
      break;
    case 'e':
      expire_us = nf_util_parse_int(optarg, "expire", 10, '\0');
      break;
    case 'p':
      max_ports = nf_util_parse_int(optarg, "max-ports", 10, '\0');
      break;
    case 'c':
      capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the detector joins two ports");
  }
  if (expire_us == 0 || expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }
  if (max_ports == 0 || max_ports > PORTS_PER_SOURCE) {
    PARSE_ERROR("--max-ports must be between 1 and %d", PORTS_PER_SOURCE);
  }
  if (capacity == 0 || capacity > LIMIT_CAPACITY || (capacity & (capacity - 1)) != 0) {
    PARSE_ERROR("--capacity must be a power of two, at most %u", LIMIT_CAPACITY);
  }

  config.wan_device = (uint16_t)wan;
  config.lan_device = (uint16_t)(1 - wan);
  config.capacity = (uint32_t)capacity;
  config.max_ports = (uint32_t)max_ports;
  config.source_timeout = (vigor_time_t)expire_us * 1000;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "psd: a port-scan detector.\n"
          "  --wan PORT        port of the outside, 0 or 1; the other one is the LAN (default %d)\n"
          "  --expire US       microseconds without a packet until a source is forgotten (default %d)\n"
          "  --max-ports N     different ports that a source may try, at most %d (default %d)\n"
          "  --capacity N      sources watched at the same time, a power of two (default %d)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_EXPIRE_US, PORTS_PER_SOURCE, DEFAULT_MAX_PORTS, DEFAULT_CAPACITY);
}

void nf_config_print(void) {
  NF_INFO("psd: LAN port %" PRIu16 ", WAN port %" PRIu16 ", %" PRIu32 " sources of %" PRIu32
          " ports, forgotten after %" PRId64 " us",
          config.lan_device, config.wan_device, config.capacity, config.max_ports, config.source_timeout / 1000);
}
