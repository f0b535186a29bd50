#include "doors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/verified/expirator.h"
#include "state.h"

struct Doors {
  struct State *state;
  uint32_t lifetime_us;
};

struct Doors *doors_build(uint16_t first, uint32_t outer_host, uint16_t outer_device, uint32_t lifetime_us,
                          uint32_t max_channels) {
  struct Doors *doors = malloc(sizeof(struct Doors));
  if (doors != NULL) {
    doors->lifetime_us = lifetime_us;
    doors->state = alloc_state(max_channels, first, outer_host, outer_device);
    if (doors->state == NULL) doors = NULL;
  }
  return doors;
}

void doors_close_old(struct Doors *doors, vigor_time_t now) {
  const vigor_time_t lifetime = (vigor_time_t)doors->lifetime_us * 1000;
  expire_items_single_map(doors->state->doors, doors->state->channels, doors->state->by_channel, now - lifetime);
}

bool doors_find(struct Doors *doors, struct channel *channel, vigor_time_t now, uint16_t *door) {
  int number;
  if (!map_get(doors->state->by_channel, channel, &number)) return false;
  *door = doors->state->first_door + number;
  dchain_rejuvenate_index(doors->state->doors, number, now);
  return true;
}

bool doors_open(struct Doors *doors, struct channel *channel, vigor_time_t now, uint16_t *door) {
  int number;
  if (!dchain_allocate_new_index(doors->state->doors, &number, now)) return false;
  struct channel *place;
  vector_borrow(doors->state->channels, number, (void **)&place);
  *place = *channel;
  map_put(doors->state->by_channel, place, number);
  vector_return(doors->state->channels, number, place);
  *door = doors->state->first_door + number;
  return true;
}

bool doors_behind(struct Doors *doors, uint16_t door, vigor_time_t now, struct channel *channel) {
  int number = door - doors->state->first_door;
  if (!dchain_is_index_allocated(doors->state->doors, number)) return false;
  struct channel *found;
  vector_borrow(doors->state->channels, number, (void **)&found);
  memcpy(channel, found, sizeof(struct channel));
  vector_return(doors->state->channels, number, found);
  dchain_rejuvenate_index(doors->state->doors, number, now);
  return true;
}
