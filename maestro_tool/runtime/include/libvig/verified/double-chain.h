/* libVig's older name. */
#include "lib/verified/double-chain.h"
