#include "lb_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"
#include "lib/verified/cht.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_MAX_FLOWS 65536
#define DEFAULT_EXPIRE_US (60 * 1000 * 1000)
#define DEFAULT_MAX_BACKENDS 32
#define DEFAULT_CHT_HEIGHT 1009 /* a prime; rows per backend bound how unequal the shares are */
#define DEFAULT_BACKEND_EXPIRE_US (10 * 1000 * 1000)

#define LIMIT_MAX_FLOWS (1u << 20)
#define LIMIT_MAX_BACKENDS 1024
#define LIMIT_EXPIRE_US (INT64_MAX / 1000)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "lb: " format "\n", ##__VA_ARGS__);                                                                \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"expire", required_argument, NULL, 'e'},
    {"max-flows", required_argument, NULL, 'm'},
    {"max-backends", required_argument, NULL, 'b'},
    {"cht-height", required_argument, NULL, 'h'},
    {"backend-expire", required_argument, NULL, 'x'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t expire_us = DEFAULT_EXPIRE_US;
  uintmax_t max_flows = DEFAULT_MAX_FLOWS;
  uintmax_t max_backends = DEFAULT_MAX_BACKENDS;
  uintmax_t cht_height = DEFAULT_CHT_HEIGHT;
  uintmax_t backend_expire_us = DEFAULT_BACKEND_EXPIRE_US;

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
    case 'b':
      max_backends = nf_util_parse_int(optarg, "max-backends", 10, '\0');
      break;
    case 'h':
      cht_height = nf_util_parse_int(optarg, "cht-height", 10, '\0');
      break;
    case 'x':
      backend_expire_us = nf_util_parse_int(optarg, "backend-expire", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the balancer joins two ports");
  }
  if (expire_us == 0 || expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }
  if (max_flows == 0 || max_flows > LIMIT_MAX_FLOWS || (max_flows & (max_flows - 1)) != 0) {
    PARSE_ERROR("--max-flows must be a power of two, at most %u", LIMIT_MAX_FLOWS);
  }
  if (max_backends == 0 || max_backends > LIMIT_MAX_BACKENDS || (max_backends & (max_backends - 1)) != 0) {
    PARSE_ERROR("--max-backends must be a power of two, at most %d", LIMIT_MAX_BACKENDS);
  }
  if (cht_height <= max_backends || cht_height > MAX_CHT_HEIGHT) {
    PARSE_ERROR("--cht-height must be above --max-backends, at most %d", MAX_CHT_HEIGHT);
  }
  if (backend_expire_us == 0 || backend_expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--backend-expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }

  config.wan_device = (uint16_t)wan;
  config.lan_device = (uint16_t)(1 - wan);
  config.max_flows = (uint32_t)max_flows;
  config.max_backends = (uint32_t)max_backends;
  config.cht_height = (uint32_t)cht_height;
  config.backend_timeout = (vigor_time_t)backend_expire_us * 1000;
  config.flow_timeout = (vigor_time_t)expire_us * 1000;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "lb: a load balancer that rewrites destination MAC addresses.\n"
          "  --wan PORT            port of the clients, 0 or 1; the backends are on the other one (default %d)\n"
          "  --expire US           microseconds without a packet until a flow is forgotten (default %d)\n"
          "  --max-flows N         flows remembered at the same time, a power of two (default %d)\n"
          "  --max-backends N      backends at the same time, a power of two (default %d)\n"
          "  --cht-height N        rows of the consistent hashing table, a prime (default %d)\n"
          "  --backend-expire US   microseconds without a frame until a backend is taken for dead (default %d)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_EXPIRE_US, DEFAULT_MAX_FLOWS, DEFAULT_MAX_BACKENDS, DEFAULT_CHT_HEIGHT,
          DEFAULT_BACKEND_EXPIRE_US);
}

void nf_config_print(void) {
  NF_INFO("lb: LAN port %" PRIu16 ", WAN port %" PRIu16 ", %" PRIu32 " flows, %" PRIu32 " backends", config.lan_device,
          config.wan_device, config.max_flows, config.max_backends);
}
