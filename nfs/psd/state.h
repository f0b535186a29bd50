/* The detector's tables.  Index i names one source; its ports are stored from slot i * PORTS_PER_SOURCE on. */
#pragma once

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

/* Room for the ports of one source.  A constant, so that nothing but capacities depends on the option that limits them. */
#define PORTS_PER_SOURCE 64

struct State {
  struct Map *indices;      /* IpAddr -> index */
  struct Vector *addresses; /* index -> IpAddr; the keys that the map points to */
  struct Vector *sources;   /* index -> Source */
  struct DoubleChain *ages; /* which indices are in use, oldest first */
  struct Map *ports;        /* TouchedPort -> slot */
  struct Vector *port_keys; /* slot -> TouchedPort; the keys that the map points to */
};

/* NULL if there is not enough memory. */
struct State *alloc_state(uint32_t capacity);
