#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;          /* port of the backends */
  uint16_t wan_device;          /* port of the clients */
  uint32_t max_flows;           /* flows remembered at the same time; a power of two */
  uint32_t max_backends;        /* a power of two */
  uint32_t cht_height;          /* rows of the consistent hashing table: a prime above max_backends */
  vigor_time_t flow_timeout;    /* nanoseconds without a packet after which a flow is forgotten */
  vigor_time_t backend_timeout; /* nanoseconds without a frame from it after which a backend is taken for dead */
};
