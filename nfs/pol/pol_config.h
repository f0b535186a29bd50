#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;    /* port of the policed hosts */
  uint16_t wan_device;    /* port of the outside */
  uint32_t capacity;      /* destinations policed at the same time; a power of two */
  uint64_t rate;          /* bytes per second per destination */
  uint64_t burst;         /* nanobytes (bucket.h) in a full bucket */
  vigor_time_t fill_time; /* nanoseconds after which any bucket is full */
};
