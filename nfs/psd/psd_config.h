#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;         /* port of the protected hosts */
  uint16_t wan_device;         /* port of the outside */
  uint32_t capacity;           /* sources watched at the same time; a power of two */
  uint32_t max_ports;          /* different ports that a source may try, at most PORTS_PER_SOURCE */
  vigor_time_t source_timeout; /* nanoseconds without a packet after which a source is forgotten */
};
