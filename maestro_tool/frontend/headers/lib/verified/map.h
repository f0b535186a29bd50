#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "lib/verified/map-util.h"
struct Map;
int map_allocate(map_keys_equality *equal, map_key_hash *hash, unsigned capacity, struct Map **map_out);
int map_get(struct Map *map, void *key, int *value_out);
void map_put(struct Map *map, void *key, int value);
void map_erase(struct Map *map, void *key, void **trash);
unsigned map_size(struct Map *map);
