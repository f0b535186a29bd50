#include "state.h"

#include <stdlib.h>

#include "ip_addr.h"
#include "source.h"
#include "touched_port.h"

struct State *alloc_state(uint32_t capacity) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }

  if (!map_allocate(IpAddr_eq, IpAddr_hash, capacity, &state->indices)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct IpAddr), capacity, IpAddr_allocate, &state->addresses)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct Source), capacity, Source_allocate, &state->sources)) {
    return NULL;
  }
  if (!dchain_allocate((int)capacity, &state->ages)) {
    return NULL;
  }
  if (!map_allocate(TouchedPort_eq, TouchedPort_hash, capacity * PORTS_PER_SOURCE, &state->ports)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct TouchedPort), capacity * PORTS_PER_SOURCE, TouchedPort_allocate, &state->port_keys)) {
    return NULL;
  }
  return state;
}
