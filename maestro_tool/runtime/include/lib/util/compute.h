/* Numbers that options are checked with. */
#ifndef MAESTRO_UTIL_COMPUTE_H
#define MAESTRO_UTIL_COMPUTE_H

#include <stdbool.h>
#include <stdint.h>

/* The smallest power of two above n: of a power of two the next one. */
static inline uint64_t ensure_power_of_two(uint64_t n) {
  uint64_t power = 1;
  while (power <= n) power *= 2;
  return power;
}

/* Also of 0, as in the original. */
static inline bool is_power_of_two(uint64_t n) { return (n & (n - 1)) == 0; }

static inline bool is_prime(uint64_t n) {
  for (uint64_t i = 2; i * i <= n; i++)
    if (n % i == 0) return false;
  return n > 1;
}

#endif
