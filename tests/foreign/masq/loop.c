#include "loop.h"
#ifdef KLEE_VERIFICATION
#include <klee/klee.h>
#include "lib/models/verified/double-chain-control.h"
#include "lib/models/verified/map-control.h"
#include "lib/models/verified/vector-control.h"

void masq_loop_reset(struct Map **by_channel, struct Vector **channels, struct DoubleChain **doors, vigor_time_t *time) {
  map_reset(*by_channel);
  vector_reset(*channels);
  dchain_reset(*doors);
  *time = restart_time();
}
#endif
