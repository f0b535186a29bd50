#pragma once
#include <stdint.h>
#include "lib/util/time.h"

/* 14 bytes, and 2 of padding in between.  `since`: of the source's entry, so that keys of an earlier one differ. */
struct touched {
  uint32_t source;
  uint16_t port;
  time_ns_t since;
};

struct watched {
  time_ns_t since;
  uint32_t n_ports;
};
