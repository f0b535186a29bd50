#pragma once
#include "loop.h"

struct State {
  struct Map *sessions;
  struct Vector *session_keys;
  struct Vector *home_ports; /* uint32_t: the device behind which the inner host is */
  struct DoubleChain *session_ages;
  uint32_t outer_device;
};

struct State *alloc_state(int capacity, uint32_t outer_device);
