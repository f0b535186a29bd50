/* Whether the packets that a plan leaves to a card come to the worker that it names. */
#ifndef MAESTRO_PLACEMENT_H
#define MAESTRO_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "maestro.h"

/* Per class, port and queue: so many packets are compared at first; then one of at most so many on the queue. */
enum { PLACEMENT_FIRST = 64, PLACEMENT_SAMPLE = 4096 };

struct worker;
struct placement;

size_t placement_size(void);
void placement_init(struct placement *placement, const struct maestro_port *port);
/* Compares what is due of n packets that the worker received on port `id`.  Returns how many, from the first on, may be
 * handled; fewer than n if one came to the wrong worker: it and those behind it are freed, and the program ends. */
uint16_t placement_check(struct worker *worker, uint16_t id, struct rte_mbuf **packets, uint16_t n);

#endif
