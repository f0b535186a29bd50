#include "state.h"
#include <stdlib.h>
#include "libvig/verified/boilerplate-util.h"
struct State *allocated_nf_state = NULL;
struct State *alloc_state(uint32_t capacity, uint32_t dev_count) {
  if (allocated_nf_state != NULL) return allocated_nf_state;
  struct State *ret = malloc(sizeof(struct State));
  if (ret == NULL) return NULL;
  ret->dyn_map = NULL;
  if (map_allocate(ip_addr_eq, ip_addr_hash, capacity, &(ret->dyn_map)) == 0) return NULL;
  ret->dyn_keys = NULL;
  if (vector_allocate(sizeof(struct ip_addr), capacity, ip_addr_allocate, &(ret->dyn_keys)) == 0) return NULL;
  ret->dyn_heap = NULL;
  if (dchain_allocate(capacity, &(ret->dyn_heap)) == 0) return NULL;
  ret->dyn_vals = NULL;
  if (vector_allocate(sizeof(struct DynamicValue), capacity, DynamicValue_allocate, &(ret->dyn_vals)) == 0) return NULL;
  ret->capacity = capacity;
  ret->dev_count = dev_count;
  allocated_nf_state = ret;
  return ret;
}
