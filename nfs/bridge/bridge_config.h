#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint32_t capacity;            /* addresses known at the same time; a power of two */
  vigor_time_t address_timeout; /* nanoseconds without a frame from it after which an address is forgotten */
};
