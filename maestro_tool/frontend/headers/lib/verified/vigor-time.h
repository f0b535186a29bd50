#pragma once
#include <inttypes.h>
#include <stdint.h>
#define vigor_time_t int64_t
#define PRIVIGT PRId64
#define PRVIGT PRId64
#define VIGOR_TIME_SECONDS_MULTIPLIER 1000000000ul
vigor_time_t current_time(void);
vigor_time_t recent_time(void);
