/* The bridge's table, filled once. */
#pragma once

#include <stdint.h>

#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *devices;      /* MAC address -> port */
  struct Vector *addresses; /* the keys that the map points to, in order of the options */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t capacity);
