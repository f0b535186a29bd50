#pragma once
#include <stdint.h>

/* 13 bytes, and 3 of padding. */
struct session {
  uint32_t inner, outer;
  uint16_t inner_port, outer_port;
  uint8_t protocol;
};
