/* Count-min sketch of 4 rows, whose buckets expire. */
#ifndef MAESTRO_SKETCH_H
#define MAESTRO_SKETCH_H

#include <stdint.h>

#include "lib/verified/map-util.h"
#include "lib/verified/vigor-time.h"

struct Sketch;

/* `capacity` buckets per row.  Returns 1 and the sketch, 0 if capacity is 0 or there is no memory. */
int sketch_allocate(map_key_hash *hash, uint32_t capacity, uint16_t threshold, struct Sketch **sketch_out);

/* Remembers, inside the sketch, which buckets belong to the key: before each of the next three. */
void sketch_compute_hashes(struct Sketch *sketch, void *key);
/* Makes the buckets that are there the newest. */
void sketch_refresh(struct Sketch *sketch, vigor_time_t now);
/* 1 if the smallest of the buckets that are there is above the threshold; 0 otherwise, or if none is there. */
int sketch_fetch(struct Sketch *sketch);
/* Adds one to each bucket, new ones start at 0.  Returns 1: there is always room. */
int sketch_touch_buckets(struct Sketch *sketch, vigor_time_t now);
/* Forgets hash values whose row has not used their slots since `time`. */
void sketch_expire(struct Sketch *sketch, vigor_time_t time);

#endif
