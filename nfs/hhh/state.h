/* The detector's tables: a level for each prefix length, the shortest first. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

#include "hhh_config.h"

/* Index i names one prefix in all four structures. */
struct Level {
  struct Map *prefixes;     /* IpAddr -> index */
  struct Vector *addresses; /* index -> IpAddr; the keys that the map points to */
  struct Vector *buckets;   /* index -> Bucket */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
};

struct State {
  struct Level levels[MAX_LEVELS];
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t n_levels, uint32_t capacity);
