#pragma once
#include "nf.h"
#include "nf-util.h"

struct nf_config {
  struct { uint16_t *device; size_t n; } inside;
  struct { struct { uint16_t from, to; } *rule; size_t n; } ways;
  time_us_t expiry;
  uint32_t most;
};
