#include "hhh_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-util.h"

#include "bucket.h"

#define DEFAULT_WAN_DEVICE 1
#define DEFAULT_RATE 1000000 /* bytes per second */
#define DEFAULT_BURST 100000 /* bytes */
#define DEFAULT_CAPACITY 65536
#define DEFAULT_PREFIXES "28,30,32"

#define LIMIT_CAPACITY (1u << 20)
/* Two full buckets must fit 64 bits, see refill() in hhh_main.c. */
#define LIMIT_BURST (UINT64_MAX / 2 / NANOBYTES_PER_BYTE)
/* 100 Gbyte/s: above the rate of any port. */
#define LIMIT_RATE 100000000000ull

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "hhh: " format "\n", ##__VA_ARGS__);                                                               \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

/* LENGTH[,LENGTH]...: fills in the masks */
static void parse_prefixes(const char *text) {
  uintmax_t previous = 0;
  config.n_levels = 0;
  for (bool more = true; more;) {
    const char *comma = strchr(text, ',');
    more = comma != NULL;
    uintmax_t length = nf_util_parse_int(text, "prefixes", 10, more ? ',' : '\0');
    if (length <= previous || length > 32 || config.n_levels == MAX_LEVELS) {
      PARSE_ERROR("--prefixes must be up to %d lengths between 1 and 32, the shortest first", MAX_LEVELS);
    }
    config.masks[config.n_levels] = rte_cpu_to_be_32(UINT32_MAX << (32 - length));
    config.n_levels++;
    previous = length;
    if (more) {
      text = comma + 1;
    }
  }
}

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"wan", required_argument, NULL, 'w'},
    {"rate", required_argument, NULL, 'r'},
    {"burst", required_argument, NULL, 'b'},
    {"capacity", required_argument, NULL, 'c'},
    {"prefixes", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t wan = DEFAULT_WAN_DEVICE;
  uintmax_t rate = DEFAULT_RATE;
  uintmax_t burst = DEFAULT_BURST;
  uintmax_t capacity = DEFAULT_CAPACITY;
  parse_prefixes(DEFAULT_PREFIXES);

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
    case 'p':
      parse_prefixes(optarg);
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (wan > 1) {
    PARSE_ERROR("--wan must be 0 or 1: the detector joins two ports");
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
          "hhh: hierarchical heavy hitters, a token bucket per source prefix.\n"
          "  --wan PORT      port of the outside, 0 or 1; the other one is the LAN (default %d)\n"
          "  --rate N        bytes per second that each prefix may send (default %d)\n"
          "  --burst N       bytes in a full bucket (default %d)\n"
          "  --capacity N    prefixes of each length at the same time, a power of two (default %d)\n"
          "  --prefixes L,L  lengths of the prefixes, up to %d, the shortest first (default %s)\n",
          DEFAULT_WAN_DEVICE, DEFAULT_RATE, DEFAULT_BURST, DEFAULT_CAPACITY, MAX_LEVELS, DEFAULT_PREFIXES);
}

void nf_config_print(void) {
  NF_INFO("hhh: LAN port %" PRIu16 ", WAN port %" PRIu16 ", %" PRIu64 " bytes/s, bursts of %" PRIu64
          " bytes, %" PRIu32 " prefixes of each of %" PRIu32 " lengths",
          config.lan_device, config.wan_device, config.rate, (uint64_t)(config.burst / NANOBYTES_PER_BYTE),
          config.capacity, config.n_levels);
}
