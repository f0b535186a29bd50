#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;       /* port of the hosts that share an address */
  uint16_t wan_device;       /* port of the outside */
  uint32_t external_ip;      /* the address they share, in network byte order */
  uint32_t start_port;       /* external ports are start_port .. start_port + max_flows - 1 */
  uint32_t max_flows;        /* flows translated at the same time; a power of two */
  vigor_time_t flow_timeout; /* nanoseconds without a packet after which a flow is forgotten */
};
