#pragma once
#include <stdint.h>

/* One conversation of a host inside. */
struct channel {
  uint16_t local_port;
  uint16_t remote_port;
  uint32_t local_host;
  uint32_t remote_host;
  uint16_t local_device;
  uint8_t transport;
};
