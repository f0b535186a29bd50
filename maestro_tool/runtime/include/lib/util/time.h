/* Time in this dialect: macros, as in its original. */
#ifndef MAESTRO_UTIL_TIME_H
#define MAESTRO_UTIL_TIME_H

#include "lib/verified/vigor-time.h"

#define time_ns_t int64_t
#define time_us_t int64_t
#define NS_TO_S_MULTIPLIER 1000000000ul

#endif
