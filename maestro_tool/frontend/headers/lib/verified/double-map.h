#pragma once
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
struct DoubleMap;
typedef void dmap_extract_keys(void *value, void **key_a, void **key_b);
typedef void dmap_pack_keys(void *value, void *key_a, void *key_b);
typedef void uq_value_copy(char *to, void *from);
typedef void uq_value_destr(void *value);
int dmap_allocate(map_keys_equality *eq_a, map_key_hash *hash_a, map_keys_equality *eq_b, map_key_hash *hash_b,
                  int value_size, uq_value_copy *copy, uq_value_destr *destroy, dmap_extract_keys *extract,
                  dmap_pack_keys *pack, int keys_capacity, int capacity, struct DoubleMap **map_out);
int dmap_get_a(struct DoubleMap *map, void *key, int *index);
int dmap_get_b(struct DoubleMap *map, void *key, int *index);
int dmap_put(struct DoubleMap *map, void *value, int index);
void dmap_get_value(struct DoubleMap *map, int index, void *value_out);
int dmap_erase(struct DoubleMap *map, int index);
int dmap_size(struct DoubleMap *map);
