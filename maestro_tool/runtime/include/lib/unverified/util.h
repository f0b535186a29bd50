/* Hash of any object. */
#ifndef MAESTRO_UNVERIFIED_UTIL_H
#define MAESTRO_UNVERIFIED_UTIL_H

#include "lib/verified/boilerplate-util.h"

/* CRC32C over `size` bytes, padding included. */
static inline unsigned hash_obj(void *object, int size) {
  const uint8_t *bytes = object;
  unsigned hash = 0;
  for (int i = 0; i < size; i++) hash = __builtin_ia32_crc32si(hash, bytes[i]);
  return hash;
}

#endif
