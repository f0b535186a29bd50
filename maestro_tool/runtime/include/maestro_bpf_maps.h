/* Maps of programs for XDP.
 *
 * A map's definition is a variable of the program's, which no program looks into but by helpers.  nf_init makes the map
 * and leaves its address in the first bytes of the definition.  A hash is a map from keys (raw bytes, copied) to places of
 * values, which an allocator hands out; an array has its values only.
 */
#ifndef MAESTRO_BPF_MAPS_H
#define MAESTRO_BPF_MAPS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* By <>: the analysis has other headers of some of these names. */
#include <lib/verified/double-chain.h>
#include <lib/verified/vector.h>
#include <maestro_raw_keys.h>
#include <maestro_zeros.h>

enum maestro_bpf_kind { MAESTRO_ARRAY, MAESTRO_HASH, MAESTRO_LRU_HASH };

struct maestro_bpf_map {
  enum maestro_bpf_kind kind;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  struct Map *places; /* of a hash; NULL: an array */
  struct Vector *keys;
  struct Vector *values;
  struct DoubleChain *used;
};

typedef struct maestro_bpf_map *maestro_bpf_map_at __attribute__((may_alias));

/* For generated code, in nf_init. */
static inline bool maestro_bpf_map_create(void *definition, enum maestro_bpf_kind kind, uint32_t key_size,
                                          uint32_t value_size, uint32_t max_entries) {
  struct maestro_bpf_map *map = malloc(sizeof *map);
  if (map == NULL || !vector_allocate((int)value_size, max_entries, maestro_zeros, &map->values)) return false;
  map->kind = kind;
  map->key_size = key_size;
  map->value_size = value_size;
  map->max_entries = max_entries;
  map->places = NULL;
  map->keys = NULL;
  map->used = NULL;
  *(maestro_bpf_map_at *)definition = map;
  if (kind == MAESTRO_ARRAY) return key_size == sizeof(uint32_t);
  unsigned slots = 1;
  while (slots < max_entries) slots *= 2;
  return maestro_map_of_bytes(slots, key_size, &map->places) &&
         vector_allocate((int)key_size, max_entries, maestro_zeros, &map->keys) &&
         dchain_allocate((int)max_entries, &map->used);
}

/* Where the value of a key is, or would be in an array; false if it is not there. */
static inline bool maestro_bpf_find(const struct maestro_bpf_map *map, const void *key, int *place) {
  if (map->kind != MAESTRO_ARRAY) {
    if (!map_get(map->places, (void *)(uintptr_t)key, place)) return false;
    if (map->kind == MAESTRO_LRU_HASH) dchain_rejuvenate_index(map->used, *place, recent_time());
    return true;
  }
  uint32_t index;
  memcpy(&index, key, sizeof index);
  *place = (int)index;
  return index < map->max_entries;
}

/* The entry that was used least recently is gone. */
static inline void maestro_bpf_evict(const struct maestro_bpf_map *map) {
  int place = 0;
  void *kept = NULL, *erased = NULL;
  if (!dchain_expire_one_index(map->used, &place, INT64_MAX)) return;
  vector_borrow(map->keys, place, &kept);
  map_erase(map->places, kept, &erased);
  vector_return(map->keys, place, kept);
}

static inline long maestro_bpf_add(const struct maestro_bpf_map *map, const void *key, int *place) {
  void *kept = NULL;
  if (map->kind == MAESTRO_LRU_HASH && dchain_allocate_new_index(map->used, place, recent_time()) == 0) {
    maestro_bpf_evict(map);
    if (!dchain_allocate_new_index(map->used, place, recent_time())) return -E2BIG;
  } else if (map->kind == MAESTRO_HASH && !dchain_allocate_new_index(map->used, place, recent_time())) {
    return -E2BIG;
  }
  vector_borrow(map->keys, *place, &kept);
  memcpy(kept, key, map->key_size);
  map_put(map->places, kept, *place);
  vector_return(map->keys, *place, kept);
  return 0;
}

/* Whether a number is at `*at`, which is left behind it. */
static inline bool maestro_bpf_number(char **at, uint64_t *number) {
  char *const start = *at;
  *number = strtoull(start, at, 0);
  return *at != start;
}

/* For generated code, in nf_init: a word "NAME[KEY]=VALUE" of the command line says an entry of the map of that name.
 * KEY: a number, or bytes with dots between them; VALUE: a number.  False: it says nothing of this map, or nothing that
 * fits. */
static inline bool maestro_bpf_map_set(void *definition, const char *name, const char *word) {
  const struct maestro_bpf_map *map = *(maestro_bpf_map_at *)definition;
  const size_t length = strlen(name);
  if (strncmp(word, name, length) != 0 || word[length] != '[') return false;
  uint8_t key[MAESTRO_MAX_KEY_SIZE] = {0};
  char *end = (char *)(uintptr_t)word + length + 1;
  uint64_t number = 0;
  if (!maestro_bpf_number(&end, &number)) return false;
  memcpy(key, &number, sizeof number);
  for (unsigned byte = 0; *end == '.' && byte + 1 < map->key_size; byte++) {
    key[byte] = (uint8_t)number;
    end++;
    if (!maestro_bpf_number(&end, &number)) return false;
    key[byte + 1] = (uint8_t)number;
  }
  if (end[0] != ']' || end[1] != '=') return false;
  end += 2;
  if (!maestro_bpf_number(&end, &number) || *end != 0) return false;
  int place = 0;
  void *kept = NULL;
  if (!maestro_bpf_find(map, key, &place) && (map->kind == MAESTRO_ARRAY || maestro_bpf_add(map, key, &place) != 0)) return false;
  vector_borrow(map->values, place, &kept);
  memcpy(kept, &number, map->value_size < sizeof number ? map->value_size : sizeof number);
  vector_return(map->values, place, kept);
  return true;
}

#endif
