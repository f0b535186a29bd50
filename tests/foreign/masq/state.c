#include "state.h"

#include <stdlib.h>

#include "lib/verified/boilerplate-util.h"
#ifdef KLEE_VERIFICATION
#include "lib/models/verified/double-chain-control.h"
#include "lib/models/verified/map-control.h"
#include "lib/models/verified/vector-control.h"
#endif

struct State *allocated_nf_state = NULL;

bool channel_is_inside(void *value, int index, void *state) {
  struct channel *c = value;
  return (0 <= index) AND (c->remote_host != ((struct State *)state)->outer_host);
}

struct State *alloc_state(int max_channels, int first_door, uint32_t outer_host, uint32_t outer_device) {
  if (allocated_nf_state != NULL) return allocated_nf_state;
  struct State *state = malloc(sizeof(struct State));
  if (state == NULL) return NULL;
  *state = (struct State){ .max_channels = max_channels,
                           .outer_host = outer_host,
                           .first_door = first_door,
                           .outer_device = outer_device };
  int done = map_allocate(channel_eq, channel_hash, max_channels, &state->by_channel);
  if (done) done = vector_allocate(sizeof(struct channel), max_channels, channel_allocate, &state->channels);
  if (done) done = dchain_allocate(max_channels, &state->doors);
  if (!done) return NULL;
#ifdef KLEE_VERIFICATION
  vector_set_layout(state->channels, NULL, 0, NULL, 0, "channel");
#endif
  allocated_nf_state = state;
  return state;
}
