/* Double maps: allocation, adding and removing values. */
/* Not inlined into the NF, so compiled for workers that share state, too. */
#define MAESTRO_SHARING 1
#include "lib/verified/double-map.h"

#include "lib/verified/expirator.h"
#include "objects.h"

int dmap_allocate(map_keys_equality *eq_a, map_key_hash *hash_a, map_keys_equality *eq_b, map_key_hash *hash_b,
                  int value_size, uq_value_copy *copy, uq_value_destr *destroy, dmap_extract_keys *extract,
                  dmap_pack_keys *pack, int keys_capacity, int capacity, struct DoubleMap **map_out) {
  (void)pack;
  const int n = keys_capacity > capacity ? keys_capacity : capacity;
  const struct maestro_object *object = maestro_number_object(MAESTRO_DMAP, n > 0 ? (unsigned)n : 0);
  if (value_size <= 0 || n <= 0 || copy == NULL || extract == NULL) return 0;
  struct DoubleMap *map = maestro_object_memory(sizeof *map);
  if (map == NULL) return 0;
  const size_t stride = ((size_t)value_size + 7) / 8 * 8; /* keys inside stay aligned */
  *map = (struct DoubleMap){
      .by_a = maestro_map_new(eq_a, hash_a, (unsigned)n),
      .by_b = maestro_map_new(eq_b, hash_b, (unsigned)n),
      .values = maestro_object_memory((size_t)n * stride),
      .stride = stride,
      .capacity = (uint32_t)n,
      .used = maestro_object_memory((size_t)n),
      .copy = copy,
      .destroy = destroy,
      .extract = extract,
      .target = map,
  };
  if (map->by_a == NULL || map->by_b == NULL || map->values == NULL || map->used == NULL) return 0;
  if (!maestro_keys_are_known(map->by_a) || !maestro_keys_are_known(map->by_b)) return 0;
  MAESTRO_GUARD(map, object);
  maestro_made_object(map);
  *map_out = map;
  return 1;
}

int dmap_put(struct DoubleMap *map, void *value, int index) {
  map = MAESTRO_TARGET(map);
  MAESTRO_BEFORE_WRITE(map);
  if ((uint32_t)index >= map->capacity || map->used[(uint32_t)index]) {
    MAESTRO_MISUSE("the index is taken or out of range", index);
    return 0;
  }
  char *stored = map->values + (size_t)index * map->stride;
  map->copy(stored, value);
  void *key_a, *key_b; /* inside the stored value, where they live as long as it does */
  map->extract(stored, &key_a, &key_b);
  map_put(map->by_a, key_a, index);
  map_put(map->by_b, key_b, index);
  map->used[(uint32_t)index] = 1;
  map->size++;
  return 1;
}

int dmap_erase(struct DoubleMap *map, int index) {
  map = MAESTRO_TARGET(map);
  MAESTRO_BEFORE_WRITE(map);
  if ((uint32_t)index >= map->capacity || !map->used[(uint32_t)index]) return 0;
  char *stored = map->values + (size_t)index * map->stride;
  void *key_a, *key_b, *trash;
  map->extract(stored, &key_a, &key_b);
  map_erase(map->by_a, key_a, &trash);
  map_erase(map->by_b, key_b, &trash);
  if (map->destroy != NULL) map->destroy(stored);
  map->used[(uint32_t)index] = 0;
  map->size--;
  return 1;
}

int expire_items(struct DoubleChain *chain, struct DoubleMap *map, vigor_time_t time) {
  int count = 0, index;
  while (dchain_expire_one_index(chain, &index, time)) {
    dmap_erase(map, index);
    count++;
  }
  return count;
}
