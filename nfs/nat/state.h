/* The NAT's flow table: index i names one flow in all three structures, and its external port start_port + i. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *flows;        /* FlowId -> index */
  struct Vector *flow_ids;  /* index -> FlowId; the keys that the map points to */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t max_flows);
