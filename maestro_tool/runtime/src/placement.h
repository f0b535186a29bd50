/* Which of the packets that came to a worker's queue it handles, and whether the queue is the right one. */
#ifndef MAESTRO_PLACEMENT_H
#define MAESTRO_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "maestro.h"

/* Per class, port and queue: so many packets are compared at first; then one is due after so many on the queue.  Where
 * classes are not asked for (placement.c), one is due after SAMPLE_PICKED, and chance picks one of each PLACEMENT_BLOCK. */
enum { PLACEMENT_FIRST = 64, PLACEMENT_SAMPLE = 4096, PLACEMENT_SAMPLE_PICKED = 8192, PLACEMENT_BLOCK = 256 };

struct worker;
struct placement;

size_t placement_size(void);
void placement_init(struct placement *placement, const struct maestro_port *port);
/* Of n packets that the worker received on port `id`: moves those that it handles to the front, and returns how many
 * they are.  Others go to their owners; compares what is due.  If one came to the wrong worker, it and those behind it
 * are freed, and the program ends. */
uint16_t placement_sort(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n);
/* Moves those to the front that are contiguous, or become it; frees the others. */
uint16_t placement_keep_contiguous(struct worker *worker, struct rte_mbuf **packets, uint16_t n);

#endif
