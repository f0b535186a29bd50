#include "state.h"

#include <stdbool.h>
#include <stdlib.h>

#include "bucket.h"
#include "ip_addr.h"

static bool alloc_level(struct Level *level, uint32_t capacity) {
  if (!map_allocate(IpAddr_eq, IpAddr_hash, capacity, &level->prefixes)) {
    return false;
  }
  if (!vector_allocate(sizeof(struct IpAddr), capacity, IpAddr_allocate, &level->addresses)) {
    return false;
  }
  if (!vector_allocate(sizeof(struct Bucket), capacity, Bucket_allocate, &level->buckets)) {
    return false;
  }
  return dchain_allocate((int)capacity, &level->ages);
}

struct State *alloc_state(uint32_t n_levels, uint32_t capacity) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }

  for (uint32_t i = 0; i < n_levels; i++) {
    if (!alloc_level(&state->levels[i], capacity)) {
      return NULL;
    }
  }
  return state;
}
