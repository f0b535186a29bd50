#ifndef MAESTRO_STATE_DOUBLE_CHAIN_H
#define MAESTRO_STATE_DOUBLE_CHAIN_H

#include "lib/util/time.h"
#include "lib/verified/double-chain.h"

#endif
