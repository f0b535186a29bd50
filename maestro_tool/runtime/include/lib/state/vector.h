/* Vectors whose elements are zeros at first. */
#ifndef MAESTRO_STATE_VECTOR_H
#define MAESTRO_STATE_VECTOR_H

#include "lib/verified/vector.h"
#include "maestro_zeros.h"

/* Not supported: declared, so that their use is told by name. */
void vector_clear(struct Vector *vector);
int vector_sample_lt(struct Vector *vector, int samples, void *threshold, int *index_out);

static inline int maestro_vector_of_zeros(int element_size, unsigned capacity, struct Vector **vector_out) {
  return vector_allocate(element_size, capacity, maestro_zeros, vector_out);
}
#define vector_allocate(element_size, capacity, vector_out) maestro_vector_of_zeros(element_size, capacity, vector_out)

#endif
