#pragma once
#include "lib/verified/double-chain.h"
#include "lib/verified/map.h"
#include "lib/verified/vector.h"
#include "lib/proof/coherence.h"
#include "lib/verified/vigor-time.h"
#include "session.h.gen.h"

/* For verification only: nothing calls it. */
void gate_loop_border(struct Map **sessions, struct Vector **session_keys, struct DoubleChain **session_ages,
                      vigor_time_t now);
