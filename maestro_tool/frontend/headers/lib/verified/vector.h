#pragma once
#include <stdint.h>
#define VECTOR_CAPACITY_UPPER_LIMIT 140000
typedef void vector_init_elem(void *element);
struct Vector;
int vector_allocate(int element_size, unsigned capacity, vector_init_elem *init, struct Vector **vector_out);
void vector_borrow(struct Vector *vector, int index, void **element_out);
void vector_return(struct Vector *vector, int index, void *element);
