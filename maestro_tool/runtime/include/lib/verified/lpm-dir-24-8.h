/* Longest-prefix match of IPv4 addresses (host byte order) to numbers of 15 bits.
 *
 * DIR-24-8 (Gupta, Lin, McKeown, INFOCOM 1998): one table by the upper 24 bits; where longer prefixes are, its entry
 * leads to a block of 256 by the lowest byte.  A look-up reads one cache line, or two.  Both tables are zero at first,
 * so memory that no rule needs is never touched.  Rules may come in any order (libVig: in ascending prefix length).
 */
#ifndef MAESTRO_LPM_H
#define MAESTRO_LPM_H

#include <stdint.h>

#include "maestro_debug.h"
#include "maestro_sharing.h"

#define INVALID 0xFFFF
#define MAESTRO_LPM_MAX_VALUE 0x7FFF
#define MAESTRO_LPM_MAX_BLOCKS 256

/* Entries are a value + 1; 0: no rule; above MAESTRO_LPM_BLOCK: the number of a block. */
#define MAESTRO_LPM_BLOCK 0x8000

struct lpm {
  uint16_t *by_prefix;                       /* 2^24 entries */
  uint16_t *blocks;                          /* MAESTRO_LPM_MAX_BLOCKS times 256 entries */
  uint8_t *by_prefix_length, *blocks_length; /* of the prefix that an entry comes from */
  uint32_t n_blocks;
  struct lpm *target; /* maestro_sharing.h */
  bool shared;
  bool guarded; /* who changes it must be a writer */
};

/* Returns 1 and an empty table; 0 if there is no memory. */
int lpm_allocate(struct lpm **lpm_out);

/* Does nothing: the memory is the worker's, and goes with it. */
void lpm_free(struct lpm *lpm);

/* Adds a rule, or replaces one.  0 if the length is above 32, the value above 0x7FFF, or prefixes of more than 24 bits
 * need more than 256 blocks. */
int lpm_update_elem(struct lpm *lpm, uint32_t prefix, uint8_t prefix_length, uint16_t value);

/* The value of the longest prefix of the address, or INVALID. */
static inline int lpm_lookup_elem(struct lpm *lpm, uint32_t address) {
  lpm = MAESTRO_TARGET(lpm);
  uint32_t entry = lpm->by_prefix[address >> 8];
  if (MAESTRO_UNLIKELY(entry > MAESTRO_LPM_BLOCK)) entry = lpm->blocks[(entry - MAESTRO_LPM_BLOCK - 1) << 8 | (address & 0xFF)];
  return entry == 0 ? INVALID : (int)entry - 1;
}

#endif
