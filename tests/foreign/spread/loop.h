#pragma once
#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/proof/coherence.h"
#include "lib/verified/vigor-time.h"
#include "address.h.gen.h"
#include "server.h.gen.h"
#include "visit.h.gen.h"

void spread_loop_border(struct Map **visits, struct DoubleChain **servers_in_use, vigor_time_t now);
