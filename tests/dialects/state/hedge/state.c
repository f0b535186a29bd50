#include "state.h"
#include <stdlib.h>

struct State *allocated_nf_state;

struct State *alloc_state(uint32_t most, uint16_t devices) {
  if (allocated_nf_state != NULL) return allocated_nf_state;
  struct State *s = malloc(sizeof *s);
  if (s == NULL) return NULL;
  if (map_allocate(most, sizeof(struct session), &s->numbers) == 0) return NULL;
  if (vector_allocate(sizeof(struct session), most, &s->sessions) == 0) return NULL;
  if (dchain_allocate(most, &s->ages) == 0) return NULL;
  if (vector_allocate(sizeof(int), devices, &s->inside) == 0) return NULL;
  if (vector_allocate(sizeof(uint16_t), devices, &s->next) == 0) return NULL;
  allocated_nf_state = s;
  return s;
}
