/* Consistent hashing table (Maglev): which backend a hash prefers, among those that are active. */
#ifndef MAESTRO_CHT_H
#define MAESTRO_CHT_H

#include <stdint.h>

#include "lib/verified/double-chain.h"
#include "lib/verified/vector.h"

#define MAX_CHT_HEIGHT 40000

/* Fills a vector of cht_height * backend_capacity uint32_t: row r lists all backends, the preferred first.  The height
 * should be a prime and greater than the number of backends.  Returns 1; 0 without memory or if the vector is too
 * small. */
int cht_fill_cht(struct Vector *cht, uint32_t cht_height, uint32_t backend_capacity);

/* 1 and the first backend of the hash's row that is allocated in `active`, else 0. */
static inline int cht_find_preferred_available_backend(uint64_t hash, struct Vector *cht, struct DoubleChain *active,
                                                       uint32_t cht_height, uint32_t backend_capacity, int *chosen) {
  const uint64_t row = hash % cht_height;
  for (uint32_t i = 0; i < backend_capacity; i++) {
    uint32_t *candidate;
    vector_borrow(cht, (int)(row * backend_capacity + i), (void **)&candidate);
    if (dchain_is_index_allocated(active, (int)*candidate)) {
      *chosen = (int)*candidate;
      return 1;
    }
  }
  return 0;
}

#endif
