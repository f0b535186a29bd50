#pragma once
#include "lib/verified/map-util.h"
#include "lib/verified/vigor-time.h"
struct Sketch;
int sketch_allocate(map_key_hash *hash, uint32_t capacity, uint16_t threshold, struct Sketch **sketch_out);
void sketch_compute_hashes(struct Sketch *sketch, void *key);
void sketch_refresh(struct Sketch *sketch, vigor_time_t time);
int sketch_fetch(struct Sketch *sketch);
int sketch_touch_buckets(struct Sketch *sketch, vigor_time_t time);
void sketch_expire(struct Sketch *sketch, vigor_time_t time);
