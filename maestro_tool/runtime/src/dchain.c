/* The colder half of the double chain: its memory, and finding its oldest index. */
#include "lib/verified/double-chain.h"

#include "lib/verified/vector.h"
#include "objects.h"

_Thread_local struct maestro_noted maestro_noted;

_Static_assert(2 * DCHAIN_FREE - 1 <= UINT64_MAX / DCHAIN_GROUP, "a rank fits");

static const struct dchain_cell NOTHING = {.time = INT64_MAX, .use = DCHAIN_FREE};

struct DoubleChain *maestro_dchain_new(uint32_t range, const struct Vector *with) {
  if (range == 0 || range > INT32_MAX) return NULL;
  /* Whole groups: those at the end of a level are filled up with what is younger than anything. */
  size_t n = (range - 1) / DCHAIN_GROUP + 1;
  struct DoubleChain *chain = maestro_object_memory(sizeof *chain);
  char *cells = with != NULL ? with->data + with->cell_at
                             : maestro_object_memory(n * DCHAIN_GROUP * sizeof(struct dchain_cell));
  if (chain == NULL || cells == NULL) return NULL;
  *chain = (struct DoubleChain){.oldest = {.cell = NOTHING},
                                .cells = cells,
                                .apart = with != NULL ? with->stride : sizeof(struct dchain_cell),
                                .range = range,
                                .target = chain};
  for (uint32_t i = 0; i < n * DCHAIN_GROUP; i++) *maestro_dchain_cell(chain, i) = NOTHING;
  for (uint32_t i = 0; i < range; i++) maestro_dchain_cell(chain, i)->use = DCHAIN_FREE | (i + 1);
  for (; n > 1; chain->n_levels++) {
    n = (n - 1) / DCHAIN_GROUP + 1;
    struct dchain_bound *bounds = maestro_object_memory(n * DCHAIN_GROUP * sizeof *bounds);
    if (bounds == NULL) return NULL;
    for (size_t i = 0; i < n * DCHAIN_GROUP; i++) bounds[i].cell = NOTHING;
    chain->levels[chain->n_levels] = bounds;
  }
  chain->levels[chain->n_levels++] = &chain->oldest;
  return chain;
}

void maestro_dchain_restrict(struct DoubleChain *chain, uint32_t first, uint32_t end) {
  for (uint32_t i = first; i < end; i++)
    maestro_dchain_cell(chain, i)->use = DCHAIN_FREE | (i + 1 < end ? i + 1 : chain->range);
  chain->free = first < end ? first : chain->range;
}

/* Which of a group is the oldest cannot be predicted, so there are no branches on it: members are compared by their use
 * and, in the lowest bits, their place.  Where several workers number the uses, times come first: these are what
 * packets can tell. */
typedef unsigned __int128 rank_t;

static inline rank_t rank(const struct dchain_cell *cell, uint32_t place, bool by_time) {
  const uint64_t low = cell->use * DCHAIN_GROUP + place;
  return by_time ? (rank_t)((uint64_t)cell->time ^ UINT64_C(1) << 63) << 64 | low : low;
}

static inline rank_t older(rank_t a, rank_t b) { return a < b ? a : b; }

/* Puts the bounds above an index right, all of which were made of it. */
static inline __attribute__((always_inline)) void tighten(struct DoubleChain *chain, uint32_t index, bool by_time) {
  const uint32_t first = index / DCHAIN_GROUP * DCHAIN_GROUP;
  rank_t oldest = rank(maestro_dchain_cell(chain, first), 0, by_time);
  for (uint32_t i = 1; i < DCHAIN_GROUP; i++)
    oldest = older(oldest, rank(maestro_dchain_cell(chain, first + i), i, by_time));
  const uint32_t found = first + (uint32_t)(oldest % DCHAIN_GROUP);
  struct dchain_bound bound = {.cell = *maestro_dchain_cell(chain, found), .index = found};
  uint32_t at = index / DCHAIN_GROUP;
  chain->levels[0][at] = bound;
  for (uint32_t level = 1; level < chain->n_levels; level++) {
    struct dchain_bound *group = &chain->levels[level - 1][at / DCHAIN_GROUP * DCHAIN_GROUP];
    /* The others first: that need not wait for the level below. */
    oldest = rank(&group[(at + 1) % DCHAIN_GROUP].cell, (at + 1) % DCHAIN_GROUP, by_time);
    for (uint32_t i = 2; i < DCHAIN_GROUP; i++) {
      const uint32_t place = (at + i) % DCHAIN_GROUP;
      oldest = older(oldest, rank(&group[place].cell, place, by_time));
    }
    oldest = older(oldest, rank(&bound.cell, at % DCHAIN_GROUP, by_time));
    bound = group[oldest % DCHAIN_GROUP];
    at /= DCHAIN_GROUP;
    chain->levels[level][at] = bound;
  }
}

/* Brings the index's cell up to date with what workers noted.  What they noted about an earlier owner of the index is
 * older than its allocation. */
static void consult_workers(struct DoubleChain *chain, uint32_t index) {
  struct dchain_cell *cell = maestro_dchain_cell(chain, index);
  for (unsigned worker = 0; worker < chain->n_ages; worker++) {
    const struct dchain_cell *own = &chain->ages[worker][index];
    if (rank(own, 0, true) > rank(cell, 0, true)) *cell = *own;
  }
}

/* The bound at the top names the oldest index, unless that has been used since: then another bound gets there.  An
 * empty chain's bound ends this: its time is INT64_MAX. */
static inline __attribute__((always_inline)) int expire(struct DoubleChain *chain, int *index_out, vigor_time_t time,
                                                        bool shared) {
  while (chain->oldest.cell.time < time) {
    const uint32_t index = chain->oldest.index;
    if (shared) consult_workers(chain, index);
    const struct dchain_cell *cell = maestro_dchain_cell(chain, index);
    const bool unused = cell->use == chain->oldest.cell.use && cell->time == chain->oldest.cell.time;
    if (unused) maestro_dchain_release(chain, index);
    tighten(chain, index, shared);
    if (!unused) continue;
    *index_out = (int)index;
    return 1;
  }
  return 0;
}

int maestro_dchain_expire(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  return chain->ages != NULL ? expire(chain, index_out, time, true) : expire(chain, index_out, time, false);
}

bool maestro_dchain_share(struct DoubleChain *chain, unsigned n_workers) {
  struct dchain_cell **ages = maestro_object_memory(n_workers * sizeof(struct dchain_cell *));
  if (ages == NULL) return false;
  for (unsigned worker = 0; worker < n_workers; worker++) {
    ages[worker] = maestro_object_memory(chain->range * sizeof **ages);
    if (ages[worker] == NULL) return false;
    for (uint32_t i = 0; i < chain->range; i++) ages[worker][i].time = INT64_MIN;
  }
  chain->ages = ages;
  chain->n_ages = n_workers;
  return true;
}
