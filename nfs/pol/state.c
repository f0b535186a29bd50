#include "state.h"

#include <stdlib.h>

#include "bucket.h"
#include "ip_addr.h"

struct State *alloc_state(uint32_t capacity) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }

  if (!map_allocate(IpAddr_eq, IpAddr_hash, capacity, &state->destinations)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct IpAddr), capacity, IpAddr_allocate, &state->addresses)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct Bucket), capacity, Bucket_allocate, &state->buckets)) {
    return NULL;
  }
  if (!dchain_allocate((int)capacity, &state->ages)) {
    return NULL;
  }
  return state;
}
