#include "pol_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#include "bucket.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_RATE 1000000 /* bytes per second */
#define DEFAULT_BURST 100000 /* bytes */
#define DEFAULT_CAPACITY 65536

#define LIMIT_CAPACITY (1u << 20)
/* Two full buckets must fit 64 bits, see refill() in pol_main.c. */
#define LIMIT_BURST (UINT64_MAX / 2 / NANOBYTES_PER_BYTE)
/* 100 Gbyte/s: above the rate of any port. */
#define LIMIT_RATE 100000000000ull

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "pol: " format "\n", ##__VA_ARGS__);                                                               \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'r'},
    {"burst", required_argument, NULL, 'b'},
    {"capacity", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t rate = DEFAULT_RATE;
  uintmax_t burst = DEFAULT_BURST;
  uintmax_t capacity = DEFAULT_CAPACITY;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'w':
      wan = nf_util_parse_int(optarg, "wan", 10, '\0');
      break;
    case 'r':
      rate = nf_util_parse_int(optarg, "rate", 10, '\0');
      break;
    case 'b':
      burst = nf_util_parse_int(optarg, "burst", 10, '\0');
      break;
    case 'c':
      capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the policer joins two ports");
  }
  if (rate == 0 || rate > LIMIT_RATE) {
    PARSE_ERROR("--rate must be between 1 and %llu bytes per second", LIMIT_RATE);
  }
  if (burst == 0 || burst > LIMIT_BURST) {
    PARSE_ERROR("--burst must be between 1 and %llu bytes", LIMIT_BURST);
  }
  if (capacity == 0 || capacity > LIMIT_CAPACITY || (capacity & (capacity - 1)) != 0) {
    PARSE_ERROR("--capacity must be a power of two, at most %u", LIMIT_CAPACITY);
  }

  config.wan_device = (uint16_t)wan;
  config.lan_device = (uint16_t)(1 - wan);
  config.capacity = (uint32_t)capacity;
  config.rate = rate;
  config.burst = burst * NANOBYTES_PER_BYTE;
  /* Rounded up, so that a bucket is surely full after it: t < fill_time if and only if t * rate <= burst. */
  config.fill_time = (vigor_time_t)(config.burst / rate + 1);

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "pol: a token-bucket policer per destination address.\n"
          "  --wan PORT      port of the outside, 0 or 1; the other one is the LAN (default %d)\n"
          "  --rate N        bytes per second that each destination may receive (default %d)\n"
          "  --burst N       bytes in a full bucket (default %d)\n"
          "  --capacity N    destinations policed at the same time, a power of two (default %d)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_RATE, DEFAULT_BURST, DEFAULT_CAPACITY);
}

void nf_config_print(void) {
  NF_INFO("pol: LAN port %" PRIu16 ", WAN port %" PRIu16 ", %" PRIu64 " bytes/s, bursts of %" PRIu64
          " bytes, %" PRIu32 " destinations",
          config.lan_device, config.wan_device, config.rate, (uint64_t)(config.burst / NANOBYTES_PER_BYTE),
          config.capacity);
}
