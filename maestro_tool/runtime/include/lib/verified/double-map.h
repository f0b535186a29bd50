/* Double map: values by index, each found by two keys that lie inside the value. */
#ifndef MAESTRO_DOUBLE_MAP_H
#define MAESTRO_DOUBLE_MAP_H

#include "lib/verified/map.h"
#include "lib/verified/vector.h"

typedef void uq_value_copy(char *to, void *from);
typedef void uq_value_destr(void *value);
/* Where the keys of a value are. */
typedef void dmap_extract_keys(void *value, void **key_a, void **key_b);
/* The reverse, for proofs: never called. */
typedef void dmap_pack_keys(void *value, void *key_a, void *key_b);

struct DoubleMap {
  struct Map *by_a, *by_b; /* key -> index */
  char *values;
  size_t stride;
  uint32_t capacity;
  uint32_t size;
  uint8_t *used; /* per index: whether a value is there */
  uq_value_copy *copy;
  uq_value_destr *destroy;
  dmap_extract_keys *extract;
  struct DoubleMap *target; /* maestro_sharing.h */
  bool shared;
  bool guarded; /* who changes it must be a writer */
};

/* Returns 1 and an empty map of indices 0..n-1, n the larger capacity; 0 if a size is not positive or there is no
 * memory.  `destroy` may be NULL. */
int dmap_allocate(map_keys_equality *eq_a, map_key_hash *hash_a, map_keys_equality *eq_b, map_key_hash *hash_b,
                  int value_size, uq_value_copy *copy, uq_value_destr *destroy, dmap_extract_keys *extract,
                  dmap_pack_keys *pack, int keys_capacity, int capacity, struct DoubleMap **map_out);

/* 1 and the value's index, or 0 and *index unchanged. */
static inline int dmap_get_a(struct DoubleMap *map, void *key, int *index) {
  return map_get(MAESTRO_TARGET(map)->by_a, key, index);
}
static inline int dmap_get_b(struct DoubleMap *map, void *key, int *index) {
  return map_get(MAESTRO_TARGET(map)->by_b, key, index);
}

/* Copies the value to the index, which must be free; 0, and nothing changed, if it is not or is out of range. */
int dmap_put(struct DoubleMap *map, void *value, int index);

/* Forgets the value at the index; 0 if none is there. */
int dmap_erase(struct DoubleMap *map, int index);

/* Copies the value at the index to *value_out; an index without a value (libVig: undefined) changes nothing. */
static inline void dmap_get_value(struct DoubleMap *map, int index, void *value_out) {
  map = MAESTRO_TARGET(map);
  if (MAESTRO_UNLIKELY((uint32_t)index >= map->capacity || !map->used[(uint32_t)index])) {
    MAESTRO_MISUSE("no value has this index", index);
    return;
  }
  map->copy((char *)value_out, map->values + (size_t)index * map->stride);
}

static inline int dmap_size(struct DoubleMap *map) { return (int)MAESTRO_TARGET(map)->size; }

#endif
