#include "state.h"

#include <stdlib.h>

#include "lib/verified/boilerplate-util.h"
#ifdef KLEE_VERIFICATION
#include <klee/klee.h>
#include "lib/models/verified/map-control.h"
#endif

/* Holds for each home port; asked by verifiers. */
bool home_port_is_inner(void *value, int index, void *state) {
  (void)index;
  return *(uint32_t *)value != ((struct State *)state)->outer_device;
}

static struct State *only_one;

struct State *alloc_state(int capacity, uint32_t outer_device) {
  if (only_one != NULL) return only_one;
  struct State *made = malloc(sizeof *made);
  if (made == NULL) return NULL;
  made->sessions = NULL;
  if (!map_allocate(session_eq, session_hash, capacity, &made->sessions)) return NULL;
  made->session_keys = NULL;
  if (!vector_allocate(sizeof(struct session), capacity, session_allocate, &made->session_keys)) return NULL;
  made->home_ports = NULL;
  if (!vector_allocate(sizeof(uint32_t), capacity, null_init, &made->home_ports)) return NULL;
  made->session_ages = NULL;
  if (!dchain_allocate(capacity, &made->session_ages)) return NULL;
  made->outer_device = outer_device;
#ifdef KLEE_VERIFICATION
  map_set_layout(made->sessions, session_descrs, sizeof session_descrs / sizeof *session_descrs, NULL, 0, "session");
#endif
  only_one = made;
  return made;
}
