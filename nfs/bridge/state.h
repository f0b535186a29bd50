/* The bridge's table: index i names one address in all four structures. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *indices;      /* MAC address -> index */
  struct Vector *addresses; /* index -> MAC address; the keys that the map points to */
  struct Vector *devices;   /* index -> struct Device */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t capacity);
