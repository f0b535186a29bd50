/* Maps whose keys are 1 to 64 raw bytes, for dialects that have such maps. */
#ifndef MAESTRO_RAW_KEYS_H
#define MAESTRO_RAW_KEYS_H

#include <string.h>

/* By <>: the analysis has other headers of some of these names. */
#include <lib/util/hash.h>
#include <lib/verified/map.h>

#define MAESTRO_MAX_KEY_SIZE 64

/* Sizes of keys, in bytes. */
#define MAESTRO_KEY_SIZES(of) \
  of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) of(15) of(16) \
  of(17) of(18) of(19) of(20) of(21) of(22) of(23) of(24) of(25) of(26) of(27) of(28) of(29) of(30) of(31) of(32) \
  of(33) of(34) of(35) of(36) of(37) of(38) of(39) of(40) of(41) of(42) of(43) of(44) of(45) of(46) of(47) of(48) \
  of(49) of(50) of(51) of(52) of(53) of(54) of(55) of(56) of(57) of(58) of(59) of(60) of(61) of(62) of(63) of(64)

/* Each exists once in the process (src/keys.c): generated programs compare which ones a map has. */
#define MAESTRO_KEY_FUNCTIONS(n)                                                                    \
  inline bool maestro_equal_##n(void *a, void *b) { return memcmp(a, b, n) == 0; }                  \
  inline unsigned maestro_hash_##n(void *key) { return maestro_hash_bytes(key, n); }
MAESTRO_KEY_SIZES(MAESTRO_KEY_FUNCTIONS)

/* 0, too, if keys have no or more than 64 bytes. */
static inline int maestro_map_of_bytes(unsigned capacity, unsigned key_size, struct Map **map_out) {
  switch (key_size) {
#define MAESTRO_KEY_CASE(n) \
  case n: return map_allocate(maestro_equal_##n, maestro_hash_##n, capacity, map_out);
    MAESTRO_KEY_SIZES(MAESTRO_KEY_CASE)
  }
  return 0;
}

#endif
