/* Internet checksums of changed packets, without reading what did not change (RFC 1624, equation 3).
 *
 * Words are taken as they lie in memory: the sum does not depend on byte order (RFC 1071, section 2 (B)).
 */
#pragma once

#include <stdint.h>

/* A sum in which the word `before` is replaced by `after`. */
static inline uint32_t checksum_replace16(uint32_t sum, uint16_t before, uint16_t after) {
  return sum + (uint16_t)~before + after;
}

static inline uint32_t checksum_replace32(uint32_t sum, uint32_t before, uint32_t after) {
  sum = checksum_replace16(sum, (uint16_t)before, (uint16_t)after);
  return checksum_replace16(sum, (uint16_t)(before >> 16), (uint16_t)(after >> 16));
}

/* The sum that a checksum field stands for, and back; up to six replacements in between. */
static inline uint32_t checksum_open(uint16_t field) { return (uint16_t)~field; }

static inline uint16_t checksum_close(uint32_t sum) {
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return (uint16_t)~sum;
}
