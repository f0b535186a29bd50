#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;       /* port of the protected network */
  uint16_t wan_device;       /* port of the outside */
  uint32_t max_flows;        /* flows remembered at the same time; a power of two */
  vigor_time_t flow_timeout; /* nanoseconds without a packet after which a flow is forgotten */
};
