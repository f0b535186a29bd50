#include "nat_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_EXTERNAL_IP "192.0.2.1" /* TEST-NET-1, RFC 5737 */
#define DEFAULT_START_PORT 1024         /* behind the well-known ports */
#define DEFAULT_MAX_FLOWS 32768
#define DEFAULT_EXPIRE_US (60 * 1000 * 1000)

#define LIMIT_EXPIRE_US (INT64_MAX / 1000)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "nat: " format "\n", ##__VA_ARGS__);                                                               \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"external-ip", required_argument, NULL, 'i'},
    {"start-port", required_argument, NULL, 's'},
    {"expire", required_argument, NULL, 'e'},
    {"max-flows", required_argument, NULL, 'm'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t start_port = DEFAULT_START_PORT;
  uintmax_t expire_us = DEFAULT_EXPIRE_US;
  uintmax_t max_flows = DEFAULT_MAX_FLOWS;
  const char *external_ip = DEFAULT_EXTERNAL_IP;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'w':
      wan = nf_util_parse_int(optarg, "wan", 10, '\0');
      break;
    case 'i':
      external_ip = optarg;
      break;
    case 's':
      start_port = nf_util_parse_int(optarg, "start-port", 10, '\0');
      break;
    case 'e':
      expire_us = nf_util_parse_int(optarg, "expire", 10, '\0');
      break;
    case 'm':
      max_flows = nf_util_parse_int(optarg, "max-flows", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the NAT joins two ports");
  }
  if (!nf_parse_ipv4addr(external_ip, &config.external_ip)) {
    PARSE_ERROR("--external-ip must be an IPv4 address");
  }
  if (expire_us == 0 || expire_us > LIMIT_EXPIRE_US) {
    PARSE_ERROR("--expire must be between 1 and %" PRId64 " microseconds", LIMIT_EXPIRE_US);
  }
  if (max_flows == 0 || max_flows > 65536 || (max_flows & (max_flows - 1)) != 0) {
    PARSE_ERROR("--max-flows must be a power of two, at most 65536");
  }
  if (start_port > 65536 - max_flows) {
    PARSE_ERROR("--start-port and --max-flows: the last external port would be above 65535");
  }

  config.wan_device = (uint16_t)wan;
  config.lan_device = (uint16_t)(1 - wan);
  config.start_port = (uint32_t)start_port;
  config.max_flows = (uint32_t)max_flows;
  config.flow_timeout = (vigor_time_t)expire_us * 1000;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "nat: source NAT to one external address.\n"
          "  --wan PORT          port of the outside, 0 or 1; the other one is the LAN (default %d)\n"
          "  --external-ip IP    the address that LAN hosts share (default %s)\n"
          "  --start-port N      first external port (default %d)\n"
          "  --max-flows N       flows translated at the same time, a power of two (default %d)\n"
          "  --expire US         microseconds without a packet until a flow is forgotten (default %d)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_EXTERNAL_IP, DEFAULT_START_PORT, DEFAULT_MAX_FLOWS, DEFAULT_EXPIRE_US);
}

void nf_config_print(void) {
  NF_INFO("nat: LAN port %" PRIu16 ", WAN port %" PRIu16 ", external ports %" PRIu32 " to %" PRIu32
          ", flows forgotten after %" PRId64 " us",
          config.lan_device, config.wan_device, config.start_port, config.start_port + config.max_flows - 1,
          config.flow_timeout / 1000);
}
