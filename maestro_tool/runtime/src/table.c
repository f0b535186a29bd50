/* The indirection table: which worker has which index.  The Python twin, with the reasons, is rss/table.py. */
#include <stdlib.h>
#include <string.h>

#include "maestro.h"

struct part {
  uint64_t weight;
  uint16_t group;
};

/* Heaviest first, then by group. */
static int compare(const void *a, const void *b) {
  const struct part *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return x->group < y->group ? -1 : x->group > y->group;
}

static unsigned least_loaded(const uint64_t *loads, unsigned n) {
  unsigned best = 0;
  for (unsigned i = 1; i < n; i++)
    if (loads[i] < loads[best]) best = i;
  return best;
}

/* The load of the fullest worker. */
static uint64_t largest(const uint64_t *weights, const uint16_t *owners, unsigned n_groups, unsigned n_workers) {
  uint64_t loads[n_workers], result = 0;
  memset(loads, 0, sizeof loads);
  for (unsigned i = 0; i < n_groups; i++) {
    loads[owners[i]] += weights[i];
    if (loads[owners[i]] > result) result = loads[owners[i]];
  }
  return result;
}

/* Each group to the worker with the least so far; those without weight keep their owners. */
static void deal(const uint64_t *weights, unsigned n_groups, unsigned n_workers, uint16_t *owners) {
  struct part parts[n_groups];
  uint64_t loads[n_workers];
  memset(loads, 0, sizeof loads);
  unsigned n = 0;
  for (unsigned i = 0; i < n_groups; i++)
    if (weights[i] > 0) parts[n++] = (struct part){weights[i], (uint16_t)i};
  qsort(parts, n, sizeof *parts, compare);
  for (unsigned i = 0; i < n; i++) {
    const unsigned worker = least_loaded(loads, n_workers);
    loads[worker] += parts[i].weight;
    owners[parts[i].group] = (uint16_t)worker;
  }
}

static unsigned group_of(const struct maestro_port *port, unsigned index) {
  return port->groups == NULL ? index : port->groups[index];
}

void maestro_fill_table(const struct maestro_port *port, unsigned n_workers, uint16_t *table) {
  const unsigned size = port->table_size;
  uint16_t owners[size], balanced[size];
  uint64_t entries[size], packets[size];
  unsigned n_groups = 0;
  memset(entries, 0, sizeof entries);
  memset(packets, 0, sizeof packets);
  for (unsigned i = 0; i < size; i++) {
    const unsigned group = group_of(port, i);
    if (group >= n_groups) n_groups = group + 1;
    entries[group]++;
    if (port->weights != NULL) packets[group] += port->weights[i];
  }
  if (port->groups != NULL) deal(entries, n_groups, n_workers, owners);
  else
    for (unsigned i = 0; i < size; i++) owners[i] = (uint16_t)(i * n_workers / size);
  memcpy(balanced, owners, sizeof owners);
  deal(packets, n_groups, n_workers, balanced);
  const bool better =
      largest(packets, balanced, n_groups, n_workers) < largest(packets, owners, n_groups, n_workers);
  for (unsigned i = 0; i < size; i++) table[i] = (better ? balanced : owners)[group_of(port, i)];
}
