/* What the detector knows about one source. */
#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

struct Source {
  vigor_time_t since; /* nanoseconds: when its watch began */
  uint64_t n_ports;   /* different ports that it tried */
};

void Source_allocate(void *obj);
