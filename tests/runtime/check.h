/* What the C tests share: checks that say where, seeded random numbers. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      exit(EXIT_FAILURE);                                                       \
    }                                                                           \
  } while (0)

#define CHECK_EQ(a, b)                                                                            \
  do {                                                                                            \
    const long long a_ = (long long)(a), b_ = (long long)(b);                                     \
    if (a_ != b_) {                                                                               \
      fprintf(stderr, "%s:%d: %s is %lld, but %s is %lld\n", __FILE__, __LINE__, #a, a_, #b, b_); \
      exit(EXIT_FAILURE);                                                                         \
    }                                                                                             \
  } while (0)

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

static inline uint32_t below(uint64_t *state, uint32_t n) { return (uint32_t)(next_random(state) % n); }

#endif
