#pragma once

#include <stdint.h>

#include <rte_ether.h>

#include "nf.h"

#define CONFIG_FNAME_LEN 512

struct nf_config {
  // WAN device, i.e. external
  uint16_t wan_device;

  // "Main" LAN device, i.e. internal
  // used for no-op
  uint16_t lan_main_device;

  // MAC addresses of devices
  struct rte_ether_addr *device_macs;

  // MAC addresses of the endpoints the devices are linked to
  struct rte_ether_addr *endpoint_macs;

  // External IP address
  uint32_t external_addr;

  // External port at which to start allocating flows
  // i.e. ports will be allocated in [start_port, start_port + max_flows]
  uint16_t start_port;

  // Expiration time of flows in microseconds
  uint32_t expiration_time;

  // Size of the flow table
  uint32_t max_flows;
};
