#include "state.h"

#include <stdlib.h>

#include "lib/verified/boilerplate-util.h"
#ifdef KLEE_VERIFICATION
#include "lib/models/verified/vector-control.h"
#endif

bool server_is_known(void *value, int index, void *state) {
  (void)index;
  return *(uint32_t *)value < ((struct State *)state)->max_servers;
}

static struct State *the_state;

struct State *alloc_state(uint32_t max_servers, uint32_t max_visits, uint32_t height) {
  if (the_state != NULL) return the_state;
  struct State *s = malloc(sizeof *s);
  if (s == NULL) return NULL;
  s->visits = NULL;
  if (map_allocate(visit_eq, visit_hash, max_visits, &s->visits) == 0) return NULL;
  s->visit_keys = NULL;
  if (vector_allocate(sizeof(struct visit), max_visits, visit_allocate, &s->visit_keys) == 0) return NULL;
  s->server_of_visit = NULL;
  if (vector_allocate(sizeof(uint32_t), max_visits, null_init, &s->server_of_visit) == 0) return NULL;
  s->visit_ages = NULL;
  if (dchain_allocate(max_visits, &s->visit_ages) == 0) return NULL;
  s->server_by_address = NULL;
  if (map_allocate(address_eq, address_hash, max_servers, &s->server_by_address) == 0) return NULL;
  s->addresses = NULL;
  if (vector_allocate(sizeof(struct address), max_servers, address_allocate, &s->addresses) == 0) return NULL;
  s->servers = NULL;
  if (vector_allocate(sizeof(struct server), max_servers, server_allocate, &s->servers) == 0) return NULL;
  s->servers_in_use = NULL;
  if (dchain_allocate(max_servers, &s->servers_in_use) == 0) return NULL;
  s->preferences = NULL;
  if (vector_allocate(sizeof(uint32_t), max_servers * height, null_init, &s->preferences) == 0) return NULL;
  if (cht_fill_cht(s->preferences, height, max_servers) == 0) return NULL;
#ifdef KLEE_VERIFICATION
  vector_set_entry_condition(s->server_of_visit, server_is_known, s);
#endif
  s->max_servers = max_servers;
  s->max_visits = max_visits;
  s->height = height;
  return the_state = s;
}
