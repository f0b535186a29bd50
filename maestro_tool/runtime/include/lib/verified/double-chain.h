/* Double chain: an allocator of indices that knows which was used longest ago.
 *
 * A cell is 16 bytes (four in a cache line): time and both links.  The oldest and the newest index are the neighbours
 * of a sentinel cell behind the last index; free cells are chained through `next`, last freed first.
 */
#ifndef MAESTRO_DOUBLE_CHAIN_H
#define MAESTRO_DOUBLE_CHAIN_H

#include <stdint.h>

#include "lib/verified/vigor-time.h"
#include "maestro_debug.h"

#define IRANG_LIMIT 1048576

#define DCHAIN_FREE UINT32_MAX /* as `prev`: the index is not allocated */

struct dchain_cell {
  vigor_time_t time;
  uint32_t prev, next;
};

struct DoubleChain {
  struct dchain_cell *cells; /* range + 1: the last is the sentinel */
  uint32_t range;
  uint32_t free; /* first free index; range: none */
};

/* Returns 1 and a chain of indices 0..range-1, all free; 0 if range is not positive or there is no memory. */
int dchain_allocate(int range, struct DoubleChain **chain_out);

static inline void maestro_dchain_unlink(struct DoubleChain *chain, uint32_t index) {
  const struct dchain_cell *cell = &chain->cells[index];
  chain->cells[cell->prev].next = cell->next;
  chain->cells[cell->next].prev = cell->prev;
}

static inline void maestro_dchain_append(struct DoubleChain *chain, uint32_t index, vigor_time_t time) {
  struct dchain_cell *sentinel = &chain->cells[chain->range];
  const uint32_t newest = sentinel->prev;
  chain->cells[index] = (struct dchain_cell){.time = time, .prev = newest, .next = chain->range};
  chain->cells[newest].next = index;
  sentinel->prev = index;
}

static inline void maestro_dchain_release(struct DoubleChain *chain, uint32_t index) {
  maestro_dchain_unlink(chain, index);
  chain->cells[index].prev = DCHAIN_FREE;
  chain->cells[index].next = chain->free;
  chain->free = index;
}

/* 1/0; out of range (libVig: undefined) is 0. */
static inline int dchain_is_index_allocated(struct DoubleChain *chain, int index) {
  return (uint32_t)index < chain->range && chain->cells[(uint32_t)index].prev != DCHAIN_FREE;
}

/* 1 and an index, 0 if all are taken.  0, 1, 2 ... at first, then what was freed last. */
static inline int dchain_allocate_new_index(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  const uint32_t index = chain->free;
  if (MAESTRO_UNLIKELY(index == chain->range)) return 0;
  chain->free = chain->cells[index].next;
  maestro_dchain_append(chain, index, time);
  *index_out = (int)index;
  return 1;
}

/* Makes the index the newest, with this time; 0 if it is not allocated (-1 is harmless). */
static inline int dchain_rejuvenate_index(struct DoubleChain *chain, int index, vigor_time_t time) {
  if (MAESTRO_UNLIKELY(!dchain_is_index_allocated(chain, index))) return 0;
  struct dchain_cell *cell = &chain->cells[(uint32_t)index];
  if (cell->next == chain->range) { /* the newest already: packets of one flow come in trains */
    cell->time = time;
    return 1;
  }
  maestro_dchain_unlink(chain, (uint32_t)index);
  maestro_dchain_append(chain, (uint32_t)index, time);
  return 1;
}

/* Frees the oldest index if its time is before `time`: 1 and the index, else 0.  The order is that of use:
 * times must not decrease from call to call. */
static inline int dchain_expire_one_index(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  const uint32_t oldest = chain->cells[chain->range].next;
  /* An empty chain's sentinel is its own neighbour; its time is INT64_MAX. */
  if (MAESTRO_LIKELY(chain->cells[oldest].time >= time)) return 0;
  maestro_dchain_release(chain, oldest);
  *index_out = (int)oldest;
  return 1;
}

/* 1, or 0 if it was free. */
static inline int dchain_free_index(struct DoubleChain *chain, int index) {
  if (!dchain_is_index_allocated(chain, index)) return 0;
  maestro_dchain_release(chain, (uint32_t)index);
  return 1;
}

#endif
