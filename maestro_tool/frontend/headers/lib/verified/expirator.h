#pragma once
#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
int expire_items(struct DoubleChain *chain, struct DoubleMap *map, vigor_time_t time);
int expire_items_single_map(struct DoubleChain *chain, struct Vector *keys, struct Map *map, vigor_time_t time);
int expire_items_single_map_iteratively(struct Vector *keys, struct Map *map, int start, int n_elems);
