#include "state.h"

#include <stdlib.h>

#include "libvig/verified/boilerplate-util.h"

bool allowance_is_sane(void *value, int index, void *state) {
  const struct allowance *allowance = value;
  return (0 <= allowance->refreshed) AND (allowance->refreshed <= recent_time());
}

static struct State *made;

struct State *alloc_state(uint32_t capacity) {
  if (made != NULL) return made;
  struct State *s = malloc(sizeof(struct State));
  if (s == NULL) return NULL;
  s->capacity = capacity;
  if (map_allocate(host_eq, host_hash, capacity, &s->known) == 0 ||
      vector_allocate(sizeof(struct host), capacity, host_allocate, &s->hosts) == 0 ||
      vector_allocate(sizeof(struct allowance), capacity, allowance_allocate, &s->allowances) == 0 ||
      dchain_allocate(capacity, &s->ages) == 0)
    return NULL;
  return made = s;
}
