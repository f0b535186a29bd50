#pragma once
#include "lib/verified/boilerplate-util.h"
static inline unsigned hash_obj(void *object, int size) {
  const uint8_t *bytes = object;
  unsigned hash = 0;
  for (int i = 0; i < size; i++) hash = __builtin_ia32_crc32si(hash, bytes[i]);
  return hash;
}
