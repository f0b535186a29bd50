/* Expiry of the entries of a map whose indices come from a chain and whose keys lie in a vector. */
#ifndef MAESTRO_EXPIRATOR_H
#define MAESTRO_EXPIRATOR_H

#include "lib/verified/double-chain.h"
#include "lib/verified/double-map.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/vigor-time.h"

/* The function below, once something may be old enough; rarely, so that its registers are no one else's loss. */
__attribute__((noinline, unused)) static int maestro_expire_items(struct DoubleChain *chain, struct Vector *keys,
                                                                  struct Map *map, vigor_time_t time) {
  int count = 0;
  int index = -1;
  while (MAESTRO_UNLIKELY(dchain_expire_one_index(chain, &index, time))) {
    void *key;
    vector_borrow(keys, index, &key);
    map_erase(map, key, &key);
    vector_return(keys, index, key);
    count++;
  }
  return count;
}

/* Frees every index used before `time`, erases its key from the map; returns how many. */
static inline int expire_items_single_map(struct DoubleChain *chain, struct Vector *keys, struct Map *map,
                                          vigor_time_t time) {
  if (MAESTRO_LIKELY(MAESTRO_TARGET(chain)->oldest.cell.time >= time)) return 0;
  return maestro_expire_items(chain, keys, map, time);
}

/* The same for the values of a double map. */
int expire_items(struct DoubleChain *chain, struct DoubleMap *map, vigor_time_t time);

/* Erases keys[start .. end-1] from the map; returns how many those are.  (libVig calls `end` n_elems and treats it so.)
 */
static inline int expire_items_single_map_iteratively(struct Vector *keys, struct Map *map, int start, int end) {
  for (int i = start; i < end; i++) {
    void *key;
    vector_borrow(keys, i, &key);
    map_erase(map, key, &key);
    vector_return(keys, i, key);
  }
  return end > start ? end - start : 0;
}

#endif
