/* The C runtime's objects as plain functions, for test_semantics.py: inline functions get an address, contents can be
 * looked at.  Keys are of 8 bytes. */
/* First: it says how its map finds keys before map.h is read; and no header shows its struct. */
#include "sketch.c"

#include <string.h>

#include "lib/unverified/util.h"
#include "lib/verified/cht.h"
#include "lib/verified/double-map.h"
#include "lib/verified/expirator.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"

enum { KEY = 8 };

/* Three kinds of key functions: all bytes; a hash of two values, so that most keys collide; an equality that is no
 * conjunction of fields, and a hash that agrees with it. */
static uint32_t word(void *key) {
  uint32_t found;
  memcpy(&found, key, sizeof found);
  return found;
}
static bool same(void *a, void *b) { return memcmp(a, b, KEY) == 0; }
static unsigned crc(void *key) { return hash_obj(key, KEY); }
static unsigned parity(void *key) { return word(key) % 2; }
static bool same_third(void *a, void *b) { return word(a) / 3 == word(b) / 3; }
static unsigned third(void *key) { return word(key) / 3; }
static map_keys_equality *const EQUAL[] = {same, same, same_third};
static map_key_hash *const HASH[] = {crc, parity, third};

static void copy_24(char *to, void *from) { memcpy(to, from, 24); }
static void keys_of_24(void *value, void **key_a, void **key_b) {
  *key_a = value;
  *key_b = (char *)value + KEY;
}

struct Map *t_map(unsigned functions, unsigned capacity) {
  struct Map *map;
  return map_allocate(EQUAL[functions], HASH[functions], capacity, &map) ? map : NULL;
}
struct Vector *t_vector(int size, unsigned capacity) {
  struct Vector *vector;
  return vector_allocate(size, capacity, NULL, &vector) ? vector : NULL;
}
struct DoubleChain *t_dchain(int range) {
  struct DoubleChain *chain;
  return dchain_allocate(range, &chain) ? chain : NULL;
}
struct Sketch *t_sketch(uint32_t capacity, uint16_t threshold) {
  struct Sketch *sketch;
  return sketch_allocate(crc, capacity, threshold, &sketch) ? sketch : NULL;
}
struct lpm *t_lpm(void) {
  struct lpm *lpm;
  return lpm_allocate(&lpm) ? lpm : NULL;
}
struct DoubleMap *t_dmap(unsigned a, unsigned b, int capacity) {
  struct DoubleMap *map;
  return dmap_allocate(EQUAL[a], HASH[a], EQUAL[b], HASH[b], 24, copy_24, NULL, keys_of_24, NULL, capacity, capacity,
                       &map)
             ? map
             : NULL;
}

int t_map_get(struct Map *map, void *key, int *value) { return map_get(map, key, value); }
void t_map_put(struct Map *map, void *key, int value) { map_put(map, key, value); }
void t_map_erase(struct Map *map, void *key) { map_erase(map, key, &key); }
unsigned t_map_size(struct Map *map) { return map_size(map); }
/* Entries as their number and the key's bytes; returns how many. */
unsigned t_map_entries(struct Map *map, int *values, char *keys) {
  const struct map_packed *packed = map->packed;
  unsigned n = 0;
  for (uint64_t i = 0; i <= map->mask; i++) {
    if (packed != NULL ? packed->slots[i].mark == 0 : map->slots[i].key == NULL) continue;
    values[n] = packed != NULL ? packed->slots[i].value : map->slots[i].value;
    memcpy(keys + KEY * n++, packed != NULL ? maestro_packed_key(packed, (uint32_t)i) : map->slots[i].key, KEY);
  }
  return n;
}

void *t_vector_element(struct Vector *vector, int index) {
  void *element;
  vector_borrow(vector, index, &element);
  return element;
}

int t_dchain_allocate(struct DoubleChain *chain, int *index, int64_t time) {
  return dchain_allocate_new_index(chain, index, time);
}
int t_dchain_rejuvenate(struct DoubleChain *chain, int index, int64_t time) {
  return dchain_rejuvenate_index(chain, index, time);
}
int t_dchain_free(struct DoubleChain *chain, int index) { return dchain_free_index(chain, index); }
int t_dchain_is_allocated(struct DoubleChain *chain, int index) { return dchain_is_index_allocated(chain, index); }
int t_dchain_expire_one(struct DoubleChain *chain, int *index, int64_t time) {
  return dchain_expire_one_index(chain, index, time);
}
/* The number and time of each index's last use, -1 if it is free; the free ones in the order in which they are handed
 * out.  Returns how many are free. */
unsigned t_dchain_contents(struct DoubleChain *chain, int64_t *uses, int64_t *times, int *free_ones) {
  for (uint32_t i = 0; i < chain->range; i++) {
    const struct dchain_cell *cell = maestro_dchain_cell(chain, i);
    uses[i] = cell->use < DCHAIN_FREE ? (int64_t)cell->use : -1;
    times[i] = cell->time;
  }
  unsigned n = 0;
  for (uint32_t i = chain->free; i != chain->range; i = (uint32_t)maestro_dchain_cell(chain, i)->use) free_ones[n++] = (int)i;
  return n;
}

int t_expire(struct DoubleChain *chain, struct Vector *keys, struct Map *map, int64_t time) {
  return expire_items_single_map(chain, keys, map, time);
}
int t_expire_range(struct Vector *keys, struct Map *map, int start, int end) {
  return expire_items_single_map_iteratively(keys, map, start, end);
}
int t_dmap_expire(struct DoubleChain *chain, struct DoubleMap *map, int64_t time) {
  return expire_items(chain, map, time);
}

/* Names and their slots, and the row that owns each; returns how many.  `counts`: of all rows and slots. */
unsigned t_sketch_names(struct Sketch *sketch, uint32_t *names, int *slots, int *rows, uint32_t *counts) {
  unsigned n = 0;
  for (uint64_t i = 0; i <= sketch->slots->mask; i++) {
    const struct map_slot *slot = &sketch->slots->slots[i];
    if (slot->key == NULL) continue;
    names[n] = *(uint32_t *)slot->key;
    slots[n] = slot->value;
    for (unsigned row = 0; row < ROWS; row++)
      if (slot->key == borrow(sketch, sketch->keys, row, slot->value)) rows[n] = (int)row;
    n++;
  }
  for (unsigned i = 0; i < ROWS * sketch->capacity; i++) counts[i] = *borrow(sketch, sketch->counts, 0, (int)i);
  return n;
}
struct DoubleChain *t_sketch_row(struct Sketch *sketch, unsigned row) { return sketch->allocators[row]; }

int t_lpm_lookup(struct lpm *lpm, uint32_t address) { return lpm_lookup_elem(lpm, address); }

int t_dmap_get_a(struct DoubleMap *map, void *key, int *index) { return dmap_get_a(map, key, index); }
int t_dmap_get_b(struct DoubleMap *map, void *key, int *index) { return dmap_get_b(map, key, index); }
void t_dmap_read(struct DoubleMap *map, int index, void *value) { dmap_get_value(map, index, value); }
int t_dmap_size(struct DoubleMap *map) { return dmap_size(map); }
int t_dmap_used(struct DoubleMap *map, int index) { return map->used[index]; }

int t_cht_find(uint64_t hash, struct Vector *cht, struct DoubleChain *active, uint32_t height, uint32_t backends,
               int *chosen) {
  return cht_find_preferred_available_backend(hash, cht, active, height, backends, chosen);
}
