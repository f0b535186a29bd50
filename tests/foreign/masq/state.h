#pragma once
#include "loop.h"

struct State {
  struct Map *by_channel;
  struct Vector *channels;
  struct DoubleChain *doors; /* numbers of outer ports, from first_door on */
  int max_channels;
  int first_door;
  uint32_t outer_host;
  uint32_t outer_device;
};

extern struct State *allocated_nf_state;

struct State *alloc_state(int max_channels, int first_door, uint32_t outer_host, uint32_t outer_device);
