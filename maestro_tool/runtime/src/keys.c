/* The functions of raw keys, of which there is one each, wherever maps are allocated. */
#include "maestro_raw_keys.h"

extern inline unsigned maestro_hash_bytes(const void *object, unsigned size);

#define DEFINED_HERE(n)                                   \
  extern inline bool maestro_equal_##n(void *a, void *b); \
  extern inline unsigned maestro_hash_##n(void *key);
MAESTRO_KEY_SIZES(DEFINED_HERE)
