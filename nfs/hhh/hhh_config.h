#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

#define MAX_LEVELS 8

struct nf_config {
  uint16_t lan_device;        /* port of the protected hosts */
  uint16_t wan_device;        /* port of the outside */
  uint32_t n_levels;          /* prefix lengths in use */
  uint32_t masks[MAX_LEVELS]; /* of the prefixes, in network byte order; the shortest comes first */
  uint32_t capacity;          /* prefixes of each length at the same time; a power of two */
  uint64_t rate;              /* bytes per second per prefix */
  uint64_t burst;             /* nanobytes (bucket.h) in a full bucket */
  vigor_time_t fill_time;     /* nanoseconds after which any bucket is full */
};
