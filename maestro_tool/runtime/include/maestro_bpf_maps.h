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

#include <rte_byteorder.h>
#include <rte_debug.h>

/* By <>: the analysis has other headers of some of these names. */
#include <lib/verified/double-chain.h>
#include <lib/verified/lpm-dir-24-8.h>
#include <lib/verified/vector.h>
#include <maestro_raw_keys.h>
#include <maestro_xdp_context.h>
#include <maestro_zeros.h>

enum maestro_bpf_kind { MAESTRO_ARRAY, MAESTRO_HASH, MAESTRO_LRU_HASH, MAESTRO_TRIE };

struct maestro_bpf_map {
  enum maestro_bpf_kind kind;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  struct Map *places; /* of a hash; NULL: an array */
  struct Vector *keys;
  struct Vector *values;
  struct DoubleChain *used;
  struct lpm *routes; /* of a trie: from prefixes to places */
};

typedef struct maestro_bpf_map *maestro_bpf_map_at __attribute__((may_alias));

/* A trie's key: as much of an IPv4 address, in network byte order, as the prefix has bits. */
struct maestro_bpf_prefix {
  uint32_t bits;
  uint32_t address;
};

enum { MAESTRO_MOST_ROUTES = 32767, MAESTRO_ADDRESS_BITS = 32 };

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
  map->routes = NULL;
  *(maestro_bpf_map_at *)definition = map;
  if (kind == MAESTRO_ARRAY) return key_size == sizeof(uint32_t);
  if (kind == MAESTRO_TRIE) {
    if (key_size != sizeof(struct maestro_bpf_prefix))
      rte_exit(EXIT_FAILURE, "LPM tries have keys of 8 bytes, a length and an IPv4 address, and not of %u\n", key_size);
    if (max_entries > MAESTRO_MOST_ROUTES)
      rte_exit(EXIT_FAILURE, "LPM tries have at most 32767 entries, and not %u\n", max_entries);
    if (!lpm_allocate(&map->routes)) return false;
  }
  unsigned slots = 1;
  while (slots < max_entries) slots *= 2;
  return maestro_map_of_bytes(slots, key_size, &map->places) &&
         vector_allocate((int)key_size, max_entries, maestro_zeros, &map->keys) &&
         dchain_allocate((int)max_entries, &map->used);
}

/* The key of this very entry; false: there can be none. */
static inline bool maestro_bpf_prefix(const struct maestro_bpf_map *map, const void *key,
                                      struct maestro_bpf_prefix *prefix) {
  memcpy(prefix, key, map->key_size);
  if (prefix->bits > MAESTRO_ADDRESS_BITS) return false;
  prefix->address &= rte_cpu_to_be_32((uint32_t)(UINT64_C(0xFFFFFFFF) << (MAESTRO_ADDRESS_BITS - prefix->bits)));
  return true;
}

/* Where the entry of a key is, or is in an array; false if it is not there. */
static inline bool maestro_bpf_find(const struct maestro_bpf_map *map, const void *key, int *place) {
  if (map->kind == MAESTRO_ARRAY) {
    uint32_t index;
    memcpy(&index, key, map->key_size); /* theirs: compilers see keys of other maps here, too */
    *place = (int)index;
    return index < map->max_entries;
  }
  if (map->kind == MAESTRO_TRIE) {
    struct maestro_bpf_prefix prefix;
    return maestro_bpf_prefix(map, key, &prefix) && map_get(map->places, &prefix, place);
  }
  if (!map_get(map->places, (void *)(uintptr_t)key, place)) return false;
  if (map->kind == MAESTRO_LRU_HASH) dchain_rejuvenate_index(map->used, *place, recent_time());
  return true;
}

/* Where the entry is that a look-up of a key gives: in a trie, that of the longest prefix. */
static inline bool maestro_bpf_match(const struct maestro_bpf_map *map, const void *key, int *place) {
  if (map->kind != MAESTRO_TRIE) return maestro_bpf_find(map, key, place);
  struct maestro_bpf_prefix whole;
  memcpy(&whole, key, map->key_size);
  *place = whole.bits < MAESTRO_ADDRESS_BITS ? bpf_map_lookup_elem_of_LPM_TRIE_by_a_shorter_prefix()
                                             : lpm_lookup_elem(map->routes, rte_be_to_cpu_32(whole.address));
  return *place != INVALID;
}

/* The entry that was used least recently is gone. */
static inline bool maestro_bpf_evict(const struct maestro_bpf_map *map) {
  int place = 0;
  void *kept = NULL, *erased = NULL;
  if (!dchain_expire_one_index(map->used, &place, INT64_MAX)) return false;
  vector_borrow(map->keys, place, &kept);
  map_erase(map->places, kept, &erased);
  vector_return(map->keys, place, kept);
  return true;
}

/* 0 and the place of a key that is new; -E2BIG, or -ENOSPC of a trie, without room. */
static inline long maestro_bpf_add(const struct maestro_bpf_map *map, const void *key, int *place) {
  struct maestro_bpf_prefix prefix;
  void *kept = NULL;
  if (map->kind == MAESTRO_TRIE && !maestro_bpf_prefix(map, key, &prefix)) return -EINVAL;
  if (!dchain_allocate_new_index(map->used, place, recent_time())) {
    if (map->kind == MAESTRO_TRIE) return -ENOSPC;
    if (map->kind != MAESTRO_LRU_HASH || !maestro_bpf_evict(map)) return -E2BIG;
    if (!dchain_allocate_new_index(map->used, place, recent_time())) return -E2BIG;
  }
  if (map->kind == MAESTRO_TRIE) {
    if (!lpm_update_elem(map->routes, rte_be_to_cpu_32(prefix.address), (uint8_t)prefix.bits, (uint16_t)*place)) {
      dchain_free_index(map->used, *place);
      return -ENOSPC;
    }
    key = &prefix;
  }
  vector_borrow(map->keys, *place, &kept);
  memcpy(kept, key, map->key_size);
  map_put(map->places, kept, *place);
  vector_return(map->keys, *place, kept);
  return 0;
}

/* Whether a number of so many bytes is at `*at`, which is left behind it. */
static inline bool maestro_bpf_number(char **at, uint64_t *number, uint32_t bytes) {
  char *const start = *at;
  *number = strtoull(start, at, 0);
  return *at != start && (bytes >= sizeof *number || *number >> (8 * bytes) == 0);
}

/* Whether a key is at `*at`: a number, or all of its bytes with dots between them; in a trie, these and a length. */
static inline bool maestro_bpf_key(const struct maestro_bpf_map *map, char **at, uint8_t *key) {
  const uint32_t before = map->kind == MAESTRO_TRIE ? sizeof(uint32_t) : 0, bytes = map->key_size - before;
  uint64_t number = 0;
  if (!maestro_bpf_number(at, &number, bytes)) return false;
  memcpy(key + before, &number, sizeof number);
  for (uint32_t byte = 0; **at == '.'; byte++) {
    if (byte + 1 == bytes || number > UINT8_MAX) return false;
    key[before + byte] = (uint8_t)number;
    ++*at;
    if (!maestro_bpf_number(at, &number, 1)) return false;
    key[before + byte + 1] = (uint8_t)number;
    if (**at != '.' && byte + 2 != bytes) return false;
  }
  if (map->kind != MAESTRO_TRIE) return true;
  if (**at != '/') return false;
  ++*at;
  if (!maestro_bpf_number(at, &number, sizeof(uint32_t)) || number > MAESTRO_ADDRESS_BITS) return false;
  const uint32_t bits = (uint32_t)number;
  memcpy(key, &bits, sizeof bits);
  return true;
}

/* For generated code, in nf_init: a word "NAME[KEY]=VALUE" of the command line says an entry of the map of that name.
 * VALUE: a number.  False: it says nothing of this map, or nothing that fits. */
static inline bool maestro_bpf_map_set(void *definition, const char *name, const char *word) {
  const struct maestro_bpf_map *map = *(maestro_bpf_map_at *)definition;
  const size_t length = strlen(name);
  if (strncmp(word, name, length) != 0 || word[length] != '[') return false;
  uint8_t key[MAESTRO_MAX_KEY_SIZE + sizeof(uint64_t)] = {0};
  char *end = (char *)(uintptr_t)word + length + 1;
  uint64_t number = 0;
  if (!maestro_bpf_key(map, &end, key) || end[0] != ']' || end[1] != '=') return false;
  end += 2;
  if (!maestro_bpf_number(&end, &number, map->value_size) || *end != 0) return false;
  int place = 0;
  void *kept = NULL;
  if (!maestro_bpf_find(map, key, &place) && (map->kind == MAESTRO_ARRAY || maestro_bpf_add(map, key, &place) != 0))
    return false;
  vector_borrow(map->values, place, &kept);
  memcpy(kept, &number, map->value_size < sizeof number ? map->value_size : sizeof number);
  vector_return(map->values, place, kept);
  return true;
}

#endif
