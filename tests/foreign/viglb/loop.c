#include "loop.h"
#ifdef KLEE_VERIFICATION
#  include <klee/klee.h>
#  include "lib/models/verified/cht-control.h"
#  include "lib/models/verified/double-chain-control.h"
#  include "lib/models/verified/map-control.h"
#  include "lib/models/verified/vector-control.h"
void loop_iteration_border(struct Map **flow_to_flow_id, struct Vector **flow_heap, struct DoubleChain **flow_chain,
                           struct Vector **flow_id_to_backend_id, struct Map **ip_to_backend_id,
                           struct Vector **backend_ips, struct Vector **backends,
                           struct DoubleChain **active_backends, struct Vector **cht, uint32_t backend_capacity,
                           uint32_t flow_capacity, uint32_t cht_height, unsigned int lcore_id, vigor_time_t time) {
  loop_invariant_consume(flow_to_flow_id, flow_heap, flow_chain, flow_id_to_backend_id, ip_to_backend_id, backend_ips,
                         backends, active_backends, cht, backend_capacity, flow_capacity, cht_height, lcore_id, time);
}
#endif // KLEE_VERIFICATION
