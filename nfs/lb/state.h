/* The balancer's two tables: flows, and backends with the order in which flows prefer them. */
#pragma once

#include <stdint.h>

#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

struct State {
  struct Map *flows;             /* FlowId -> index */
  struct Vector *flow_ids;       /* index -> FlowId; the keys that the map points to */
  struct Vector *flow_backends;  /* index -> Backend */
  struct DoubleChain *flow_ages; /* which of these indices are in use, oldest first */

  struct Map *backends;             /* MAC address -> index */
  struct Vector *backend_addresses; /* index -> MAC address; the keys that the map points to */
  struct DoubleChain *backend_ages; /* which of these indices are in use, oldest first */
  struct Vector *preferences;       /* consistent hashing table */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t max_flows, uint32_t max_backends, uint32_t cht_height);
