#pragma once
#include <stdint.h>

/* Who talks to whom, as the inner side sees it. */
struct session {
  uint32_t inner_host;
  uint32_t outer_host;
  uint16_t inner_port;
  uint16_t outer_port;
  uint8_t transport;
};
