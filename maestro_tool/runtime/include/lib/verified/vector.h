/* Vector: a fixed number of elements, borrowed by index.
 *
 * Elements of up to 64 bytes are spaced by a power of two: none straddles two cache lines, and finding one is a shift.
 */
#ifndef MAESTRO_VECTOR_H
#define MAESTRO_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "maestro_debug.h"
#include "maestro_sharing.h"

#define VECTOR_CAPACITY_UPPER_LIMIT 140000

typedef void vector_init_elem(void *element);

struct Vector {
  char *data;
  uint32_t cell_at; /* from here on, the bytes up to the next element are a chain's cell (double-chain.h); 0: none */
  uint32_t stride;   /* bytes from one element to the next */
  uint32_t capacity; /* data has one element more: where indices out of range lead */
  uint32_t element_size;
  struct Vector *target; /* maestro_sharing.h */
  bool shared;
  bool guarded; /* packets write elements that they borrowed as readers */
};

/* Returns 1 and the vector, init called on each element; 0 if a size is not positive or there is no memory. */
int vector_allocate(int element_size, unsigned capacity, vector_init_elem *init, struct Vector **vector_out);

/* A pointer to the element.  Out of range (libVig: undefined): to a spare element that nobody else uses. */
static inline void vector_borrow(struct Vector *vector, int index, void **element_out) {
  vector = MAESTRO_TARGET(vector);
  uint32_t i = (uint32_t)index;
  if (MAESTRO_UNLIKELY(i >= vector->capacity)) {
    MAESTRO_MISUSE("no such element", index);
    i = vector->capacity;
  }
  char *element = vector->data + (size_t)i * vector->stride;
  if (MAESTRO_IS_SHARED(vector) && vector->guarded && maestro_share.reader) {
    *element_out = maestro_copy_element(element, vector->element_size);
    return;
  }
  *element_out = element;
}

/* Gives the element back; writing through the pointer has already changed it. */
static inline void vector_return(struct Vector *vector, int index, void *element) {
  (void)vector;
  (void)index;
  (void)element;
}

#endif
