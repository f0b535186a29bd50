/* What happened to a thread's packets that relaxations may make different from the sequential NF (docs/guarantees.md):
 * where all of it is 0, they made nothing different. */
#ifndef MAESTRO_NOTED_H
#define MAESTRO_NOTED_H

#include <stdint.h>

struct maestro_noted {
  uint64_t full;    /* packets that found no free index */
  uint64_t counted; /* packets for which a sketch said that its threshold is passed */
};
extern _Thread_local struct maestro_noted maestro_noted;

#endif
