#pragma once
#include <stdint.h>
#include <rte_ether.h>

/* Where a server is. */
struct server {
  uint16_t device;
  struct rte_ether_addr station;
  uint32_t host;
};
