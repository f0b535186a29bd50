/* Hash of raw bytes: CRC32C over words of four bytes as they lie in memory, then over each byte that is left. */
#ifndef MAESTRO_UTIL_HASH_H
#define MAESTRO_UTIL_HASH_H

#include "lib/verified/boilerplate-util.h"
#include "maestro_key.h"

/* Once in the process (src/keys.c), as are the functions of keys that call it. */
inline unsigned maestro_hash_bytes(const void *object, unsigned size) {
  const uint8_t *bytes = object;
  unsigned hash = 0, i = 0;
  for (; i + 4 <= size; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, sizeof word);
    hash = __builtin_ia32_crc32si(hash, word);
  }
  for (; i < size; i++) hash = __builtin_ia32_crc32si(hash, bytes[i]);
  return hash;
}

static inline unsigned hash_obj(void *object, unsigned size) { return maestro_hash_bytes(object, size); }
#define hash_obj(object, size) hash_obj(MAESTRO_KEY(object), size)

#endif
