#pragma once
#include "nf.h"

struct nf_config {
  uint16_t metered; /* the device whose packets are counted */
  uint64_t rate;    /* bytes per second for each host */
  uint64_t burst;   /* bytes at once */
  uint32_t capacity;
};
