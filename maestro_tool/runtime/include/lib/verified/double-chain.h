/* Double chain: an allocator of indices that knows which was used longest ago.
 *
 * libVig keeps a linked list in the order of use, so that using an index writes to four places in memory.  Here it
 * writes to one, the index's own cell: its time, and the number of this use.  The oldest index, the one with the
 * smallest number, is found by bounds: each bounds eight cells, those of the next level eight bounds, and so on.  Using
 * an index makes it younger, which leaves all bounds true.  So they are put right (dchain.c) only when the one at the
 * top is older than what shall expire: for an index at most once in the time that it takes to expire.  What expires,
 * and in what order, is exactly as with the list.
 *
 * If workers share a chain, each notes its uses of an index in a cell of its own, so that this is no write to shared
 * state.  The index's cell then holds a use that was the last at some time, which bounds can be made of as well; before
 * an index expires, all workers' cells are consulted.
 */
#ifndef MAESTRO_DOUBLE_CHAIN_H
#define MAESTRO_DOUBLE_CHAIN_H

#include <stdint.h>

#include "lib/verified/vigor-time.h"
#include "maestro_debug.h"
#include "maestro_noted.h"
#include "maestro_sharing.h"

#define IRANG_LIMIT 1048576

#define DCHAIN_FREE ((uint64_t)1 << 60) /* as `use`, with the next free index: not allocated */
#define DCHAIN_GROUP 8                  /* cells under one bound: two cache lines */
#define DCHAIN_MAX_LEVELS 12            /* enough for 2^31 indices */

/* No use of the cells below is older than this one, of which `index` was made. */
struct dchain_bound {
  struct dchain_cell cell;
  uint32_t index;
};

struct DoubleChain {
  struct dchain_bound oldest; /* the bound of all: the only one of the highest level */
  char *cells;                /* by index: maestro_dchain_cell */
  uint32_t apart;             /* bytes from cell to cell: more than a cell where elements lie between them */
  uint64_t n_uses;
  uint32_t range;
  uint32_t free; /* first free index; range: none */
  uint32_t n_levels;
  bool shared;     /* maestro_sharing.h */
  bool guarded;    /* who changes it must be a writer */
  bool guards_use; /* who uses an index, too: there are no `ages` */
  struct DoubleChain *target;
  struct dchain_cell **ages; /* n_ages workers' own cells by index, if workers share the chain; else NULL */
  unsigned n_ages;
  struct dchain_bound *levels[DCHAIN_MAX_LEVELS]; /* the lowest has a bound for each group of cells */
};

/* Returns 1 and a chain of indices 0..range-1, all free; 0 if range is not positive or there is no memory. */
int dchain_allocate(int range, struct DoubleChain **chain_out);

/* dchain_expire_one_index, once the bound does not rule it out. */
int maestro_dchain_expire(struct DoubleChain *chain, int *index_out, vigor_time_t time);

static inline struct dchain_cell *maestro_dchain_cell(const struct DoubleChain *chain, uint32_t index) {
  return (struct dchain_cell *)(void *)(chain->cells + (size_t)index * chain->apart);
}

static inline void maestro_dchain_release(struct DoubleChain *chain, uint32_t index) {
  *maestro_dchain_cell(chain, index) = (struct dchain_cell){.time = INT64_MAX, .use = DCHAIN_FREE | chain->free};
  chain->free = index;
}

/* 1/0; out of range (libVig: undefined) is 0. */
static inline int dchain_is_index_allocated(struct DoubleChain *chain, int index) {
  chain = MAESTRO_TARGET(chain);
  return (uint32_t)index < chain->range && maestro_dchain_cell(chain, (uint32_t)index)->use < DCHAIN_FREE;
}

/* The number of a use.  Uses of a shared chain are numbered by the threads: greater than all before. */
static inline uint64_t maestro_dchain_use(struct DoubleChain *chain) {
  if (MAESTRO_IS_SHARED(chain) && chain->ages != NULL) return maestro_share.use++;
  return chain->n_uses++;
}

/* 1 and an index, 0 if all are taken.  0, 1, 2 ... at first, then what was freed last. */
static inline int dchain_allocate_new_index(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  chain = MAESTRO_TARGET(chain);
  const uint32_t index = chain->free;
  if (MAESTRO_UNLIKELY(index == chain->range)) {
    maestro_noted.full++;
    return 0;
  }
  MAESTRO_BEFORE_WRITE(chain);
  const struct dchain_cell cell = {.time = time, .use = maestro_dchain_use(chain)};
  struct dchain_cell *place = maestro_dchain_cell(chain, index);
  chain->free = (uint32_t)place->use;
  *place = cell;
  /* Bounds made of a use are true for this one, too.  Others had only free cells below. */
  for (uint32_t level = 0, i = index / DCHAIN_GROUP; level < chain->n_levels; level++, i /= DCHAIN_GROUP) {
    struct dchain_bound *bound = &chain->levels[level][i];
    if (bound->cell.use < DCHAIN_FREE) break;
    *bound = (struct dchain_bound){.cell = cell, .index = index};
  }
  *index_out = (int)index;
  return 1;
}

/* Makes the index the newest, with this time; 0 if it is not allocated (-1 is harmless). */
static inline int dchain_rejuvenate_index(struct DoubleChain *chain, int index, vigor_time_t time) {
  chain = MAESTRO_TARGET(chain);
  if (MAESTRO_UNLIKELY(!dchain_is_index_allocated(chain, index))) return 0;
  struct dchain_cell *cell = maestro_dchain_cell(chain, (uint32_t)index);
  if (MAESTRO_IS_SHARED(chain)) {
    if (chain->ages != NULL) cell = &chain->ages[maestro_share.worker][(uint32_t)index];
    if (chain->guards_use)
      maestro_before_write();
    else if (chain->guarded)
      maestro_remember_use(cell);
  }
  *cell = (struct dchain_cell){.time = time, .use = maestro_dchain_use(chain)};
  return 1;
}

/* Frees the oldest index if its time is before `time`: 1 and the index, else 0.  The order is that of use:
 * times must not decrease from call to call. */
static inline int dchain_expire_one_index(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  chain = MAESTRO_TARGET(chain);
  if (MAESTRO_LIKELY(chain->oldest.cell.time >= time)) return 0;
  MAESTRO_BEFORE_WRITE(chain);
  return maestro_dchain_expire(chain, index_out, time);
}

/* 1, or 0 if it was free. */
static inline int dchain_free_index(struct DoubleChain *chain, int index) {
  chain = MAESTRO_TARGET(chain);
  if (!dchain_is_index_allocated(chain, index)) return 0;
  MAESTRO_BEFORE_WRITE(chain);
  maestro_dchain_release(chain, (uint32_t)index);
  return 1;
}

#endif
