#ifndef _LOOP_H_INCLUDED_
#define _LOOP_H_INCLUDED_
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/proof/coherence.h"
#include "lib/verified/vigor-time.h"
#include "flow.h.gen.h"

void loop_invariant_consume(struct Map **fm, struct Vector **fv, struct DoubleChain **heap, unsigned int lcore_id,
                            vigor_time_t time);
#endif // _LOOP_H_INCLUDED_
