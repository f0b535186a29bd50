#include "state.h"

#include <stdlib.h>

#include "backend.h"
#include "flow.h"
#include "lib/verified/ether.h"

struct State *alloc_state(uint32_t max_flows, uint32_t max_backends, uint32_t cht_height) {
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
  if (!vector_allocate(sizeof(struct Backend), max_flows, Backend_allocate, &state->flow_backends)) {
    return NULL;
  }
  if (!dchain_allocate((int)max_flows, &state->flow_ages)) {
    return NULL;
  }

  if (!map_allocate(rte_ether_addr_eq, rte_ether_addr_hash, max_backends, &state->backends)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(struct rte_ether_addr), max_backends, rte_ether_addr_allocate,
                       &state->backend_addresses)) {
    return NULL;
  }
  if (!dchain_allocate((int)max_backends, &state->backend_ages)) {
    return NULL;
  }
  if (!vector_allocate(sizeof(uint32_t), max_backends * cht_height, null_init, &state->preferences)) {
    return NULL;
  }
  if (!cht_fill_cht(state->preferences, cht_height, max_backends)) {
    return NULL;
  }
  return state;
}
