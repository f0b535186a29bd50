#include "cl_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_MAX_FLOWS 65536
#define DEFAULT_EXPIRE_US (60 * 1000 * 1000)
#define DEFAULT_MAX_CONNECTIONS 64
#define DEFAULT_SKETCH_CAPACITY 65536

#define LIMIT_MAX_FLOWS (1u << 20)
#define LIMIT_SKETCH_CAPACITY (1u << 24)
#define LIMIT_EXPIRE_US (INT64_MAX / 1000)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "cl: " format "\n", ##__VA_ARGS__);                                                                \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"expire", required_argument, NULL, 'e'},
    {"max-flows", required_argument, NULL, 'm'},
    {"max-connections", required_argument, NULL, 'n'},
    {"sketch-capacity", required_argument, NULL, 's'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t expire_us = DEFAULT_EXPIRE_US;
  uintmax_t max_flows = DEFAULT_MAX_FLOWS;
  uintmax_t max_connections = DEFAULT_MAX_CONNECTIONS;
  uintmax_t sketch_capacity = DEFAULT_SKETCH_CAPACITY;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'w':
      wan = nf_util_parse_int(optarg, "wan", 10, '\0');
      break;
    case 'e':
      expire_us = nf_util_parse_int(optarg, "expire", 10, '\0');
      break;
    case 'm':
      max_flows = nf_util_parse_int(optarg, "max-flows", 10, '\0');
      break;
    case 'n':
      max_connections = nf_util_parse_int(optarg, "max-connections", 10, '\0');
      break;
    case 's':
      sketch_capacity = nf_util_parse_int(optarg, "sketch-capacity", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the limiter joins two ports");
  }
  if (expire_us == 0 || expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }
  if (max_flows == 0 || max_flows > LIMIT_MAX_FLOWS || (max_flows & (max_flows - 1)) != 0) {
    PARSE_ERROR("--max-flows must be a power of two, at most %u", LIMIT_MAX_FLOWS);
  }
  if (max_connections < 2 || max_connections > UINT16_MAX) {
    PARSE_ERROR("--max-connections must be between 2 and %d", UINT16_MAX);
  }
  if (sketch_capacity == 0 || sketch_capacity > LIMIT_SKETCH_CAPACITY) {
    PARSE_ERROR("--sketch-capacity must be between 1 and %u", LIMIT_SKETCH_CAPACITY);
  }

  config.wan_device = (uint16_t)wan;
  config.lan_device = (uint16_t)(1 - wan);
  config.max_flows = (uint32_t)max_flows;
  config.max_connections = (uint16_t)max_connections;
  config.sketch_capacity = (uint32_t)sketch_capacity;
  config.flow_timeout = (vigor_time_t)expire_us * 1000;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "cl: limits the connections from each client to each server.\n"
          "  --wan PORT            port of the clients, 0 or 1; the other one is the LAN (default %d)\n"
          "  --expire US           microseconds without a packet until a connection is forgotten (default %d)\n"
          "  --max-flows N         connections remembered at the same time, a power of two (default %d)\n"
          "  --max-connections N   that a client may open to a server, at least 2 (default %d)\n"
          "  --sketch-capacity N   buckets in each row of the sketch that counts them (default %d)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_EXPIRE_US, DEFAULT_MAX_FLOWS, DEFAULT_MAX_CONNECTIONS, DEFAULT_SKETCH_CAPACITY);
}

void nf_config_print(void) {
  NF_INFO("cl: LAN port %" PRIu16 ", WAN port %" PRIu16 ", %" PRIu32 " connections, %" PRIu16
          " per client and server, forgotten after %" PRId64 " us",
          config.lan_device, config.wan_device, config.max_flows, config.max_connections, config.flow_timeout / 1000);
}
