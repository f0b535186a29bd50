#include "sbridge_config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#include "nf.h"
#include "nf-log.h"
#include "nf-parse.h"
#include "nf-util.h"

#define DEFAULT_CAPACITY 1024

#define LIMIT_CAPACITY (1u << 20)

#define PARSE_ERROR(format, ...)                                                                                       \
  do {                                                                                                                 \
    fprintf(stderr, "sbridge: " format "\n", ##__VA_ARGS__);                                                           \
    nf_config_usage();                                                                                                 \
    exit(EXIT_FAILURE);                                                                                                \
  } while (0)

/* PORT,MAC */
static void parse_entry(const char *text) {
  uintmax_t device = nf_util_parse_int(text, "entry", 10, ',');
  if (config.n_entries == MAX_STATIC_ENTRIES) {
    PARSE_ERROR("--entry can be given %d times", MAX_STATIC_ENTRIES);
  }
  struct static_entry *entry = &config.entries[config.n_entries];
  if (device >= rte_eth_dev_count_avail() || !nf_parse_etheraddr(strchr(text, ',') + 1, &entry->address)) {
    PARSE_ERROR("--entry must be PORT,MAC with a port of this program");
  }
  entry->device = (uint16_t)device;
  config.n_entries++;
}

void nf_config_init(int argc, char **argv) {
  static const struct option options[] = {
    {"entry", required_argument, NULL, 'e'},
    {"capacity", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
  };

  uintmax_t capacity = DEFAULT_CAPACITY;
  config.n_entries = 0;

  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (option) {
    case 'e':
      parse_entry(optarg);
      break;
    case 'c':
      capacity = nf_util_parse_int(optarg, "capacity", 10, '\0');
      break;
    default:
      PARSE_ERROR("unknown option");
    }
  }

  if (capacity == 0 || capacity > LIMIT_CAPACITY || (capacity & (capacity - 1)) != 0) {
    PARSE_ERROR("--capacity must be a power of two, at most %u", LIMIT_CAPACITY);
  }
  if (config.n_entries >= capacity) { /* one more is that of the bridge group address */
    PARSE_ERROR("%" PRIu32 " entries and one do not fit a table of %" PRIuMAX, config.n_entries, capacity);
  }
  config.capacity = (uint32_t)capacity;

  optind = 1; /* others may parse arguments after us */
}

void nf_config_usage(void) {
  fprintf(stderr,
          "sbridge: a bridge with a static table.\n"
          "  --entry PORT,MAC  frames to MAC leave on PORT; may be given %d times, the first of a MAC counts\n"
          "  --capacity N      addresses that the table has room for, a power of two (default %d)\n",
          MAX_STATIC_ENTRIES, DEFAULT_CAPACITY);
}

void nf_config_print(void) {
  NF_INFO("sbridge: %" PRIu32 " static entries, room for %" PRIu32, config.n_entries, config.capacity);
}
