#pragma once

#include <stdint.h>

#include "nf.h"

#include <rte_ethdev.h>

struct nf_config {
  // WAN device, i.e. facing clients
  uint16_t wan_device;

  // MAC addresses of devices
  struct rte_ether_addr *device_macs;

  // Size of the flow table
  uint32_t flow_capacity;

  // Size of the backend table
  uint32_t backend_capacity;

  // Height of the CHT: a prime number larger than backend_capacity
  uint32_t cht_height;

  // Expiration time of flows and backends in microseconds
  uint32_t flow_expiration_time;
  uint32_t backend_expiration_time;
};
