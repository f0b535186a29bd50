#pragma once
#include <stdint.h>
#include "nf.h"

#define CONFIG_FNAME_LEN 512

struct nf_config {
  uint16_t lan_device;
  uint16_t wan_device;
  uint64_t rate;  // B/s
  uint64_t burst; // B
  uint32_t dyn_capacity;
};
