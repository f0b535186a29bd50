/* Time of the packets being handled, in nanoseconds.
 *
 * A burst has one time (maestro_process_burst's `now`): what the NF sees does not depend on when it looks,
 * so a replay is repeatable.  Before the first packet (in nf_init) it is 0.
 */
#ifndef MAESTRO_VIGOR_TIME_H
#define MAESTRO_VIGOR_TIME_H

#include <inttypes.h>
#include <stdint.h>

#define vigor_time_t int64_t /* a macro in libVig too */
#define PRIVIGT PRId64
#define PRVIGT PRId64
#define VIGOR_TIME_SECONDS_MULTIPLIER 1000000000ul

extern _Thread_local vigor_time_t maestro_now;

static inline vigor_time_t current_time(void) { return maestro_now; }
static inline vigor_time_t recent_time(void) { return maestro_now; }

#endif
