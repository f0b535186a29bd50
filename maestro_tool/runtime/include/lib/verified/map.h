/* Map: key -> int, open addressing with linear probing.
 *
 * Slots are 16 bytes (four in a cache line) in a 64-byte aligned power-of-two array, at most half full, so that a
 * look-up reads one line of it as a rule.  A slot keeps the key's hash: keys (which live in a vector, another line) are
 * compared only when all 32 bits agree.  Deletion shifts back what follows, so there are no tombstones and probes stay
 * short.
 *
 * Large maps are *packed*: their slots are half as large, since where a key lies is not in them.  As a rule, keys are
 * elements of one vector and numbers their indices, so that keys are *near*: at equal distances, in the order of their
 * numbers.  The first two keys that a map has at the same time say at which; each put compares.  With the first key that
 * is not where this would have it, the places of all are written out, and from then on each slot has one.
 */
#ifndef MAESTRO_MAP_H
#define MAESTRO_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/verified/map-util.h"
#include "maestro_crc32c.h"
#include "maestro_debug.h"
#include "maestro_sharing.h"

struct map_slot {
  void *key; /* NULL: free */
  uint32_t hash;
  int32_t value;
};

#define MAESTRO_MAP_USED (UINT32_C(1) << 31) /* in each mark; there are at most as many slots */

struct map_small_slot {
  uint32_t mark; /* the key's hash, with MAESTRO_MAP_USED; 0: free */
  int32_t value;
};

/* Of a packed map. */
struct map_packed {
  struct map_small_slot *slots;
  void **keys;    /* by slot; in use where keys are far */
  uintptr_t home; /* near keys: of the number 0 */
  int64_t apart;  /* near keys: from one number to the next */
  bool far;       /* not all keys are near */
  bool is_known;  /* whether they are: before, they are far */
  uint32_t only;  /* until then: the slot of the only key, if there is one */
};

struct Map {
  struct map_slot *slots;    /* NULL if it is packed */
  struct map_packed *packed; /* NULL if it is not */
  uint32_t mask;             /* number of slots - 1 */
  uint32_t size;
  uint32_t capacity; /* of keys; fewer than there are slots, so a probe always meets a free slot */
  map_keys_equality *equal;
  map_key_hash *hash;
  uint32_t many;      /* so many entries that it pays to look ahead (maestro_stages.h) */
  struct Map *target; /* maestro_sharing.h */
  bool shared;
  bool guarded; /* who changes it must be a writer */
  uint16_t known_hash, known_equal; /* numbers of the functions in generated code; 0: none */
};

/* Generated code (codegen/known.py) defines functions of keys that are inlined here, by their numbers. */
#ifdef MAESTRO_KNOWN_KEYS
/* Where a smaller key is at hand, those of larger keys are never called: the numbers say so, which compilers cannot know. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Warray-bounds"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
MAESTRO_KNOWN_KEYS
#pragma GCC diagnostic pop
#else
static inline bool maestro_known_hash(unsigned number, void *key, uint32_t *result) {
  (void)number, (void)key, (void)result;
  return false;
}
static inline bool maestro_known_equal(unsigned number, void *a, void *b, bool *result) {
  (void)number, (void)a, (void)b, (void)result;
  return false;
}
#endif
/* While maestro_create runs: maps that are given this function get its number. */
void maestro_know_key(void (*function)(void), unsigned number);

static inline uint32_t maestro_map_hash(const struct Map *map, void *key) {
  uint32_t hash;
  return MAESTRO_LIKELY(maestro_known_hash(map->known_hash, key, &hash)) ? hash : map->hash(key);
}

static inline bool maestro_map_equal(const struct Map *map, void *stored, void *key) {
  bool equal;
  return MAESTRO_LIKELY(maestro_known_equal(map->known_equal, stored, key, &equal)) ? equal : map->equal(stored, key);
}

/* Returns 1 and the map; 0 if capacity is 0 or too large, or there is no memory.  Any other capacity will do
 * (libVig wants a power of two). */
int map_allocate(map_keys_equality *equal, map_key_hash *hash, unsigned capacity, struct Map **map_out);

/* Where a near key of this number is. */
static inline void *maestro_map_near(const struct map_packed *packed, int value) {
  return (void *)(packed->home + (uintptr_t)(value * packed->apart)); /* a place that was given as a pointer */
}

static inline void *maestro_packed_key(const struct map_packed *packed, uint32_t i) {
  if (MAESTRO_UNLIKELY(packed->far)) return packed->keys[i];
  return maestro_map_near(packed, packed->slots[i].value);
}

/* Puts into, and frees a slot of, a packed map. */
void maestro_packed_put(struct Map *map, void *key, uint32_t hash, int value);
void maestro_packed_remove(struct Map *map, uint32_t i);

#define MAESTRO_MAP_NONE UINT32_MAX /* there are at most 2^31 slots */

static inline uint32_t maestro_packed_find(const struct Map *map, void *key, uint32_t hash) {
  const struct map_packed *packed = map->packed;
  const uint32_t mark = hash | MAESTRO_MAP_USED;
  for (uint32_t i = hash & map->mask;; i = (i + 1) & map->mask) {
    if (packed->slots[i].mark == 0) return MAESTRO_MAP_NONE;
    if (packed->slots[i].mark == mark && maestro_map_equal(map, maestro_packed_key(packed, i), key)) return i;
  }
}

/* The slot of the key, or NULL; of a map that is not packed. */
static inline struct map_slot *maestro_map_find(const struct Map *map, void *key, uint32_t hash) {
  for (uint32_t i = hash & map->mask;; i = (i + 1) & map->mask) {
    struct map_slot *slot = &map->slots[i];
    if (slot->key == NULL) return NULL;
    if (slot->hash == hash && MAESTRO_LIKELY(maestro_map_equal(map, slot->key, key))) return slot;
  }
}

/* 1 and the value, or 0 and *value_out unchanged. */
static inline int map_get(struct Map *map, void *key, int *value_out) {
  map = MAESTRO_TARGET(map);
  const uint32_t hash = maestro_map_hash(map, key);
  if (MAESTRO_UNLIKELY(map->packed != NULL)) {
    const uint32_t i = maestro_packed_find(map, key, hash);
    if (i == MAESTRO_MAP_NONE) return 0;
    *value_out = map->packed->slots[i].value;
    return 1;
  }
  const struct map_slot *slot = maestro_map_find(map, key, hash);
  if (slot == NULL) return 0;
  *value_out = slot->value;
  return 1;
}

/* Stores the key's pointer: the key must live on (in a vector).  Does not look for an equal key: a second put
 * makes a second entry, which get sees once the first is erased.  A full map stays as it is. */
static inline void map_put(struct Map *map, void *key, int value) {
  map = MAESTRO_TARGET(map);
  MAESTRO_BEFORE_WRITE(map);
  if (MAESTRO_UNLIKELY(map->size >= map->capacity || key == NULL)) {
    MAESTRO_MISUSE("the map is full, or the key NULL; size", map->size);
    return;
  }
  const uint32_t hash = maestro_map_hash(map, key);
  if (MAESTRO_UNLIKELY(map->packed != NULL)) {
    maestro_packed_put(map, key, hash, value);
    return;
  }
  uint32_t i = hash & map->mask;
  while (map->slots[i].key != NULL) i = (i + 1) & map->mask;
  map->slots[i] = (struct map_slot){.key = key, .hash = hash, .value = value};
  map->size++;
}

/* Whether the entry of slot `i` may move to slot `hole` before it: if its home is not (cyclically) inside (hole, i]. */
static inline bool maestro_map_moves(uint32_t mask, uint32_t home, uint32_t hole, uint32_t i) {
  return ((i - home) & mask) >= ((i - hole) & mask);
}

/* Frees a slot, and moves back the entries behind it that a probe would no longer reach. */
static inline void maestro_map_remove(struct Map *map, struct map_slot *slot) {
  const uint32_t mask = map->mask;
  uint32_t hole = (uint32_t)(slot - map->slots);
  for (uint32_t i = (hole + 1) & mask; map->slots[i].key != NULL; i = (i + 1) & mask) {
    if (maestro_map_moves(mask, map->slots[i].hash & mask, hole, i)) {
      map->slots[hole] = map->slots[i];
      hole = i;
    }
  }
  map->slots[hole].key = NULL;
  map->size--;
}

/* *trash is the stored key pointer; key and trash may alias.  An absent key changes nothing. */
static inline void map_erase(struct Map *map, void *key, void **trash) {
  map = MAESTRO_TARGET(map);
  MAESTRO_BEFORE_WRITE(map);
  const uint32_t hash = maestro_map_hash(map, key);
  if (MAESTRO_UNLIKELY(map->packed != NULL)) {
    const uint32_t i = maestro_packed_find(map, key, hash);
    if (i == MAESTRO_MAP_NONE) {
      MAESTRO_MISUSE("the key is not in the map; size", map->size);
      return;
    }
    *trash = maestro_packed_key(map->packed, i);
    maestro_packed_remove(map, i);
    return;
  }
  struct map_slot *slot = maestro_map_find(map, key, hash);
  if (MAESTRO_UNLIKELY(slot == NULL)) {
    MAESTRO_MISUSE("the key is not in the map; size", map->size);
    return;
  }
  *trash = slot->key;
  maestro_map_remove(map, slot);
}

static inline unsigned map_size(struct Map *map) { return MAESTRO_TARGET(map)->size; }

#endif
