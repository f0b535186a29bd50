#include "state.h"

#include <stdlib.h>

#include "lib/verified/ether.h"

struct State *alloc_state(uint32_t capacity) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }

  if (!map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, capacity, &state->devices)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct rte_ether_addr), capacity, rte_ether_addr_allocate, &state->addresses)) {
    return NULL;
  }
  return state;
}
