#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "channel.h.gen.h"
#include "lib/verified/vigor-time.h"

/* Each channel has a door: a port of the outer address, by which the remote end answers. */
struct Doors;

struct Doors *doors_build(uint16_t first, uint32_t outer_host, uint16_t outer_device, uint32_t lifetime_us,
                          uint32_t max_channels);
void doors_close_old(struct Doors *doors, vigor_time_t now);
bool doors_find(struct Doors *doors, struct channel *channel, vigor_time_t now, uint16_t *door);
bool doors_open(struct Doors *doors, struct channel *channel, vigor_time_t now, uint16_t *door);
bool doors_behind(struct Doors *doors, uint16_t door, vigor_time_t now, struct channel *channel);
