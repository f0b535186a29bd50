#pragma once
#include <stdint.h>

struct allowance {
  uint64_t bytes;    /* that may still pass */
  int64_t refreshed; /* when they were counted, ns */
};
