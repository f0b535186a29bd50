/* Small things that NFs and their generated key helpers use. */
#ifndef MAESTRO_BOILERPLATE_UTIL_H
#define MAESTRO_BOILERPLATE_UTIL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/verified/vigor-time.h"

#include "maestro_crc32c.h"

#ifndef AND
#define AND &&
#endif

/* Asked by the symbolic executors of the original; nothing to do when packets are real. */
static inline void vigor_note(int condition) { (void)condition; }
static inline void concretize_devices(uint16_t *device, uint16_t count) {
  (void)device;
  (void)count;
}

/* Initialiser of vectors of uint32_t. */
static inline void null_init(void *object) { *(uint32_t *)object = 0; }

#endif
