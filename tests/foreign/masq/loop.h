#pragma once
#include "lib/verified/cht.h"
#include "lib/verified/double-chain.h"
#include "lib/verified/lpm-dir-24-8.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/proof/coherence.h"
#include "lib/verified/vigor-time.h"
#include "channel.h.gen.h"

void masq_loop_reset(struct Map **by_channel, struct Vector **channels, struct DoubleChain **doors, vigor_time_t *time);
