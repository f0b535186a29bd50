#ifndef _LOOP_H_INCLUDED_
#define _LOOP_H_INCLUDED_
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/verified/cht.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/proof/coherence.h"
#include "lib/verified/vigor-time.h"
#include "flow.h.gen.h"

/*@
predicate evproc_loop_invariant(struct Map *fm, struct Vector *fv, struct DoubleChain *heap, int max_flows,
                                int start_port, uint32_t ext_ip, uint32_t nat_device, unsigned int lcore_id,
                                vigor_time_t time) =
  mapp<FlowIdi>(fm, FlowIdp, _FlowId_hash, nop_true, mapc(max_flows, ?_fm, ?_fm_addrs)) &*&
  vectorp<FlowIdi>(fv, FlowIdp, ?_fv, ?_fv_addrs) &*&
  double_chainp(?_heap, heap) &*& last_time(time) &*& lcore_id == 0;
@*/

void loop_invariant_consume(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, int max_flows,
                            int start_port, uint32_t ext_ip, uint32_t nat_device, unsigned int lcore_id,
                            vigor_time_t time);
/*@ requires *fm |-> ?_fm &*& *fv |-> ?_fv &*& *heap |-> ?_heap &*& evproc_loop_invariant(_fm, _fv, _heap, max_flows,
             start_port, ext_ip, nat_device, lcore_id, time); @*/
/*@ ensures *fm |-> _fm &*& *fv |-> _fv &*& *heap |-> _heap; @*/

void loop_invariant_produce(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, int *max_flows,
                            int *start_port, uint32_t *ext_ip, uint32_t *nat_device, unsigned int *lcore_id,
                            vigor_time_t *time);

void loop_iteration_border(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, int max_flows,
                           int start_port, uint32_t ext_ip, uint32_t nat_device, unsigned int lcore_id,
                           vigor_time_t time);
#endif //_LOOP_H_INCLUDED_
