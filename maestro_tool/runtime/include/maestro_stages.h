/* For generated code: looking ahead in a burst (codegen/stages.py).
 *
 * What packets will look up is fetched into the cache, for all of them, before the first is handled.  Nothing is written,
 * and nothing that packets do depends on it: a hash that is wrong fetches in vain.  What is loaded are frames, within
 * their length, slots of maps, and elements at clamped indices; never what a stored key pointer leads to.  Nothing
 * outlives the call, so a burst that starts again after a packet left (sharing.h) looks ahead anew.
 */
#ifndef MAESTRO_STAGES_H
#define MAESTRO_STAGES_H

#include <rte_mbuf.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "maestro_sharing.h"

enum {
  MAESTRO_STAGE_MOST = 32,  /* packets that are looked ahead for at once; a bit for each fits 32 bits */
  MAESTRO_STAGE_LEAST = 4,  /* with fewer there is nothing to win; a transaction has one */
  MAESTRO_STAGE_PROBES = 4,
  MAESTRO_STAGE_FRAMES = 4  /* how far ahead frames are fetched: about the time one comes from memory */
};

/* Tests look ahead for wrong ones. */
#ifndef MAESTRO_STAGE_HASH
#define MAESTRO_STAGE_HASH(hash) (hash)
#endif
/* From so many entries on, of all maps that are looked up, it pays; tests look ahead in small maps, too. */
#ifndef MAESTRO_STAGE_ENTRIES
#define MAESTRO_STAGE_ENTRIES(map) ((map)->many)
#endif

/* The objects of the worker that this thread runs, in the order of maestro_nf.staged; NULL: it does not look ahead. */
extern _Thread_local void *const *maestro_staged_objects;

/* How often this thread has looked ahead, and for how many packets. */
struct maestro_looked {
  uint64_t times, packets;
};
extern _Thread_local struct maestro_looked maestro_looked;

static inline void maestro_stage_count(uint32_t n) {
  maestro_looked.times++;
  maestro_looked.packets += n;
}

static inline void maestro_stage_frame(struct rte_mbuf **packets, uint32_t i, uint32_t n) {
  if (i + MAESTRO_STAGE_FRAMES < n) rte_prefetch0(rte_pktmbuf_mtod(packets[i + MAESTRO_STAGE_FRAMES], const void *));
}

static inline void maestro_stage_frames(struct rte_mbuf **packets, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) rte_prefetch0(rte_pktmbuf_mtod(packets[i], const void *));
}

static inline void maestro_stage_slot(const struct Map *map, uint32_t hash) {
  const uint32_t i = hash & map->mask;
  __builtin_prefetch(map->packed != NULL ? (const void *)&map->packed->slots[i] : (const void *)&map->slots[i]);
}

static inline bool maestro_stage_found_packed(const struct Map *map, uint32_t hash, uint32_t *value) {
  for (uint32_t probe = 0; probe < MAESTRO_STAGE_PROBES; probe++) {
    const uint32_t i = (hash + probe) & map->mask;
    const struct map_small_slot *slot = &map->packed->slots[i];
    if (slot->mark == 0) return false;
    if (slot->mark != (hash | MAESTRO_MAP_USED)) continue;
    __builtin_prefetch(maestro_packed_key(map->packed, i));
    *value = (uint32_t)slot->value;
    return true;
  }
  return false;
}

/* Whether a slot has the hash, near where it belongs; fetches its key. */
static inline bool maestro_stage_found(const struct Map *map, uint32_t hash, uint32_t *value) {
  if (map->packed != NULL) return maestro_stage_found_packed(map, hash, value);
  for (uint32_t probe = 0; probe < MAESTRO_STAGE_PROBES; probe++) {
    const struct map_slot *slot = &map->slots[(hash + probe) & map->mask];
    if (slot->key == NULL) return false;
    if (slot->hash != hash) continue;
    __builtin_prefetch(slot->key);
    *value = (uint32_t)slot->value;
    return true;
  }
  return false;
}

static inline void maestro_stage_cell(const struct DoubleChain *chain, uint64_t index) {
  if (MAESTRO_UNLIKELY(index >= chain->range)) return;
  if (MAESTRO_IS_SHARED(chain) && chain->ages != NULL)
    __builtin_prefetch(&chain->ages[maestro_share.worker][index]);
  __builtin_prefetch(maestro_dchain_cell(chain, (uint32_t)index));
}

/* Of a double map. */
static inline void maestro_stage_value(const struct DoubleMap *map, uint64_t index) {
  if (MAESTRO_UNLIKELY(index >= map->capacity)) return;
  __builtin_prefetch(&map->used[index]);
  __builtin_prefetch(map->values + index * map->stride);
}

/* The element, or the spare one. */
static inline const unsigned char *maestro_stage_element(const struct Vector *vector, uint64_t index) {
  if (MAESTRO_UNLIKELY(index > vector->capacity)) index = vector->capacity;
  const char *element = vector->data + index * vector->stride;
  __builtin_prefetch(element);
  return (const unsigned char *)element;
}

#endif
