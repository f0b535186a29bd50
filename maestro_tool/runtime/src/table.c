/* The indirection table: which worker has which index.  The Python twin, with the reasons, is rss/table.py. */
#include <stdlib.h>

#include "maestro.h"

struct entry {
  uint32_t weight;
  uint16_t index;
};

/* Heaviest first, then by index. */
static int compare(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static uint64_t largest(const uint64_t *loads, unsigned n) {
  uint64_t result = 0;
  for (unsigned i = 0; i < n; i++)
    if (loads[i] > result) result = loads[i];
  return result;
}

static unsigned least_loaded(const uint64_t *loads, unsigned n) {
  unsigned best = 0;
  for (unsigned i = 1; i < n; i++)
    if (loads[i] < loads[best]) best = i;
  return best;
}

/* Spreads the indices that had traffic; leaves the table as it is if that is as good. */
static void balance(const struct maestro_port *port, unsigned n_workers, uint16_t *table) {
  struct entry entries[port->table_size];
  uint16_t balanced[port->table_size];
  uint64_t usual[n_workers], loads[n_workers];
  for (unsigned i = 0; i < n_workers; i++) usual[i] = loads[i] = 0;
  unsigned n = 0;
  for (unsigned i = 0; i < port->table_size; i++) {
    usual[table[i]] += port->weights[i];
    balanced[i] = table[i];
    if (port->weights[i] > 0) entries[n++] = (struct entry){port->weights[i], (uint16_t)i};
  }
  qsort(entries, n, sizeof *entries, compare);
  for (unsigned i = 0; i < n; i++) {
    const unsigned worker = least_loaded(loads, n_workers);
    loads[worker] += entries[i].weight;
    balanced[entries[i].index] = (uint16_t)worker;
  }
  if (largest(loads, n_workers) >= largest(usual, n_workers)) return;
  for (unsigned i = 0; i < port->table_size; i++) table[i] = balanced[i];
}

void maestro_fill_table(const struct maestro_port *port, unsigned n_workers, uint16_t *table) {
  for (unsigned i = 0; i < port->table_size; i++) table[i] = (uint16_t)(i * n_workers / port->table_size);
  if (port->weights != NULL) balance(port, n_workers, table);
}
