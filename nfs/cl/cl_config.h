#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct nf_config {
  uint16_t lan_device;       /* port of the servers */
  uint16_t wan_device;       /* port of the clients */
  uint32_t max_flows;        /* connections remembered at the same time; a power of two */
  uint32_t sketch_capacity;  /* buckets in each row of the sketch */
  uint16_t max_connections;  /* that a client may open to a server */
  vigor_time_t flow_timeout; /* nanoseconds without a packet after which a connection is forgotten */
};
