#include "state.h"

#include <stdlib.h>

#include "flow.h"

struct State *alloc_state(uint32_t max_flows) {
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) {
    return NULL;
  }

  if (!map_allocate(FlowId_eq, FlowId_hash, max_flows, &state->flows)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct FlowId), max_flows, FlowId_allocate, &state->flow_ids)) {
    return NULL;
  }
  if (!dchain_allocate((int)max_flows, &state->ages)) {
    return NULL;
  }
  return state;
}
