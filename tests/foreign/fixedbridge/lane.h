#pragma once
#include <stdint.h>
#include <rte_ether.h>

/* Frames that come in at a device, to a station. */
struct lane {
  struct rte_ether_addr station;
  uint16_t device;
};
