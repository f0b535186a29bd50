#ifndef MAESTRO_UTIL_EXPIRATOR_H
#define MAESTRO_UTIL_EXPIRATOR_H

#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/time.h"
#include "lib/verified/expirator.h"

/* Erases keys[start .. n_elems-1], both at least 0; gives n_elems, whatever start is. */
static inline int maestro_expire_to(struct Vector *keys, struct Map *map, int start, int n_elems) {
  expire_items_single_map_iteratively(keys, map, start, n_elems);
  return n_elems;
}
#define expire_items_single_map_iteratively maestro_expire_to

#endif
