#ifdef KLEE_VERIFICATION
#  include <klee/klee.h>
#  include "loop.h"
#  include "lib/models/verified/double-chain-control.h"
#  include "lib/models/verified/map-control.h"
#  include "lib/models/verified/vector-control.h"
#  include "lib/models/verified/vigor-time-control.h"

void loop_reset(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, int max_flows, int start_port,
                uint32_t ext_ip, uint32_t nat_device, unsigned int lcore_id, vigor_time_t *time) {
  map_reset(*fm);
  vector_reset(*fv);
  dchain_reset(*heap, max_flows);
  *time = restart_time();
}

void loop_iteration_border(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, int max_flows,
                           int start_port, uint32_t ext_ip, uint32_t nat_device, unsigned int lcore_id,
                           vigor_time_t time) {
  loop_invariant_consume(fm, fv, heap, max_flows, start_port, ext_ip, nat_device, lcore_id, time);
  loop_reset(fm, fv, heap, max_flows, start_port, ext_ip, nat_device, lcore_id, &time);
  loop_invariant_produce(fm, fv, heap, &max_flows, &start_port, &ext_ip, &nat_device, &lcore_id, &time);
}
#endif // KLEE_VERIFICATION
