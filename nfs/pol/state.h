/* The policer's table: index i names one destination in all four structures. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *destinations; /* IpAddr -> index */
  struct Vector *addresses; /* index -> IpAddr; the keys that the map points to */
  struct Vector *buckets;   /* index -> Bucket */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t capacity);
