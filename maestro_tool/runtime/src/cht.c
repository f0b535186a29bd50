/* Filling a consistent hashing table: once, while nf_init runs. */
#include "lib/verified/cht.h"

#include <stdlib.h>

int cht_fill_cht(struct Vector *cht, uint32_t cht_height, uint32_t backend_capacity) {
  if (cht_height < 2 || (uint64_t)cht_height * backend_capacity > cht->capacity) return 0;
  uint32_t *filled = calloc(cht_height, sizeof *filled); /* entries of each row so far */
  if (filled == NULL) return 0;
  for (uint32_t i = 0; i < cht_height; i++) {
    for (uint32_t j = 0; j < backend_capacity; j++) {
      /* The i-th row in the permutation of backend j. */
      const uint64_t offset = 31 * (uint64_t)j % cht_height, step = j % (cht_height - 1) + 1;
      const uint32_t row = (uint32_t)((offset + step * i) % cht_height);
      if (filled[row] == backend_capacity)
        continue; /* only if the height is no prime: the step then meets rows twice */
      uint32_t *entry;
      vector_borrow(cht, (int)(row * backend_capacity + filled[row]++), (void **)&entry);
      *entry = j;
    }
  }
  free(filled);
  return 1;
}
