/* A port that a source tried: the key of the detector's second table.
 *
 * `since` is when the source's watch began.  A source that is forgotten and comes back starts anew, so what it tried
 * before must not count, wherever that may still be stored.  16 bytes without padding.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/verified/boilerplate-util.h"
#include "lib/verified/vigor-time.h"

struct TouchedPort {
  uint32_t src_ip;
  uint32_t dst_port;
  vigor_time_t since;
};

unsigned TouchedPort_hash(void *obj);
bool TouchedPort_eq(void *a, void *b);
void TouchedPort_allocate(void *obj);
