/* A token bucket, exact and without a division per packet.
 *
 * Tokens are counted in nanobytes (1e-9 byte), because a rate of r bytes per second fills exactly r
 * nanobytes per nanosecond.
 */
#pragma once

#include <stdint.h>

#include "lib/verified/vigor-time.h"

#define NANOBYTES_PER_BYTE 1000000000ull

struct Bucket {
  uint64_t tokens;      /* nanobytes, as of `updated` */
  vigor_time_t updated; /* nanoseconds */
};

void Bucket_allocate(void *obj);
