#include "registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/verified/expirator.h"
#include "state.h"

struct Registry {
  struct State *state;
  vigor_time_t patience; /* ns */
};

struct Registry *registry_new(int capacity, vigor_time_t patience_us, uint32_t outer_device) {
  struct Registry *registry = malloc(sizeof(struct Registry));
  if (registry == NULL) return NULL;
  registry->patience = 1000 * patience_us;
  registry->state = alloc_state(capacity, outer_device);
  return registry->state != NULL ? registry : NULL;
}

void registry_forget(struct Registry *registry, vigor_time_t now) {
  assert(now >= 0);
  const struct State *s = registry->state;
  expire_items_single_map(s->session_ages, s->session_keys, s->sessions, now - registry->patience);
}

void registry_note(struct Registry *registry, struct session *session, uint32_t home, vigor_time_t now) {
  const struct State *s = registry->state;
  int at = -1;
  if (map_get(s->sessions, session, &at)) {
    dchain_rejuvenate_index(s->session_ages, at, now);
    return;
  }
  if (!dchain_allocate_new_index(s->session_ages, &at, now)) return; /* full: it passes, but gets no answers */
  struct session *kept = NULL;
  vector_borrow(s->session_keys, at, (void **)&kept);
  memcpy(kept, session, sizeof *kept);
  map_put(s->sessions, kept, at);
  vector_return(s->session_keys, at, kept);
  uint32_t *port = NULL;
  vector_borrow(s->home_ports, at, (void **)&port);
  *port = home;
  vector_return(s->home_ports, at, port);
}

bool registry_find(struct Registry *registry, struct session *session, vigor_time_t now, uint32_t *home) {
  const struct State *s = registry->state;
  int at = -1;
  if (!map_get(s->sessions, session, &at)) return false;
  uint32_t *port;
  vector_borrow(s->home_ports, at, (void **)&port);
  *home = *port;
  vector_return(s->home_ports, at, port);
  dchain_rejuvenate_index(s->session_ages, at, now);
  return true;
}
