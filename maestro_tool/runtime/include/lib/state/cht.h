#ifndef MAESTRO_STATE_CHT_H
#define MAESTRO_STATE_CHT_H

#include "lib/state/double-chain.h"
#include "lib/state/vector.h"
#include "lib/verified/cht.h"

#endif
