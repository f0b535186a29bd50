/* The limiter's flow table, in which index i names one flow in all three structures, and its sketch. */
#pragma once

#include <stdint.h>

#include "lib/unverified/sketch.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *flows;        /* FlowId -> index */
  struct Vector *flow_ids;  /* index -> FlowId; the keys that the map points to */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
  struct Sketch *opened;    /* Client -> connections that it opened, about */
};

/* `threshold`: of the sketch.  NULL if there is not enough memory. */
struct State *alloc_state(uint32_t max_flows, uint32_t sketch_capacity, uint16_t threshold);
