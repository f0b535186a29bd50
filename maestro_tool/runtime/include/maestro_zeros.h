#ifndef MAESTRO_ZEROS_H
#define MAESTRO_ZEROS_H

/* For vector_allocate: elements come zeroed. */
static inline void maestro_zeros(void *element) { (void)element; }

#endif
