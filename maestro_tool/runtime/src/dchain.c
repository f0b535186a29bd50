/* The colder half of the double chain: its memory, and finding its oldest index. */
#include "lib/verified/double-chain.h"

#include "objects.h"

struct DoubleChain *maestro_dchain_new(uint32_t range) {
  if (range == 0 || range > INT32_MAX) return NULL;
  struct DoubleChain *chain = maestro_object_memory(sizeof *chain);
  if (chain == NULL) return NULL;
  const struct dchain_cell nothing = {.time = INT64_MAX, .use = DCHAIN_FREE};
  *chain = (struct DoubleChain){.oldest = nothing, .range = range};
  /* Whole groups: those at the end of a level are filled up with free cells. */
  for (uint32_t n = range; chain->top == 0 || n > 1; chain->top++) {
    const uint32_t n_groups = (n - 1) / DCHAIN_GROUP + 1;
    struct dchain_cell *cells = maestro_object_memory((size_t)n_groups * DCHAIN_GROUP * sizeof *cells);
    if (cells == NULL) return NULL;
    for (size_t i = 0; i < (size_t)n_groups * DCHAIN_GROUP; i++) cells[i] = nothing;
    chain->levels[chain->top] = cells;
    n = n_groups;
  }
  chain->levels[chain->top] = &chain->oldest;
  chain->cells = chain->levels[0];
  for (uint32_t i = 0; i < range; i++) chain->cells[i].use = DCHAIN_FREE | (i + 1);
  return chain;
}

void maestro_dchain_restrict(struct DoubleChain *chain, uint32_t first, uint32_t end) {
  for (uint32_t i = first; i < end; i++) chain->cells[i].use = DCHAIN_FREE | (i + 1 < end ? i + 1 : chain->range);
  chain->free = first < end ? first : chain->range;
}

/* The oldest cell of a group.  Which it is cannot be predicted: no branches, so the place is part of what is compared.
 */
static uint32_t oldest_of(const struct dchain_cell *level, uint32_t group) {
  const struct dchain_cell *cells = &level[(size_t)group * DCHAIN_GROUP];
  uint64_t oldest = UINT64_MAX;
  for (uint32_t i = 0; i < DCHAIN_GROUP; i++) {
    const uint64_t place = cells[i].use * DCHAIN_GROUP + i;
    oldest = place < oldest ? place : oldest;
  }
  return group * DCHAIN_GROUP + (uint32_t)(oldest % DCHAIN_GROUP);
}

/* Puts the bounds above an index right. */
static void tighten(struct DoubleChain *chain, uint32_t index) {
  for (uint32_t level = 0; level < chain->top; level++) {
    index /= DCHAIN_GROUP;
    chain->levels[level + 1][index] = chain->levels[level][oldest_of(chain->levels[level], index)];
  }
}

/* Follows the oldest bounds down to an index.  If that is as old as the bound at the top, none is older; else bounds
 * were too low: once put right, they lead elsewhere.  An empty chain's bound ends this: its time is INT64_MAX. */
int maestro_dchain_expire(struct DoubleChain *chain, int *index_out, vigor_time_t time) {
  while (chain->oldest.time < time) {
    uint32_t index = 0;
    for (uint32_t level = chain->top; level > 0; level--) index = oldest_of(chain->levels[level - 1], index);
    const bool found = chain->cells[index].use == chain->oldest.use;
    if (found) maestro_dchain_release(chain, index);
    tighten(chain, index);
    if (!found) continue;
    *index_out = (int)index;
    return 1;
  }
  return 0;
}
