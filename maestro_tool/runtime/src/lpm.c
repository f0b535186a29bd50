/* Filling the longest-prefix match. */
/* Not inlined into the NF, so compiled for workers that share state, too. */
#define MAESTRO_SHARING 1
#include "lib/verified/lpm-dir-24-8.h"

#include <string.h>

#include "objects.h"

enum { N_PREFIXES = 1 << 24, BLOCK_SIZE = 256 };

int lpm_allocate(struct lpm **lpm_out) {
  const struct maestro_object *object = maestro_number_object(MAESTRO_LPM, 0);
  struct lpm *lpm = maestro_object_memory(sizeof *lpm);
  if (lpm == NULL) return 0;
  *lpm = (struct lpm){
      .by_prefix = maestro_object_memory(N_PREFIXES * sizeof(uint16_t)),
      .by_prefix_length = maestro_object_memory(N_PREFIXES),
      .blocks = maestro_object_memory(MAESTRO_LPM_MAX_BLOCKS * BLOCK_SIZE * sizeof(uint16_t)),
      .blocks_length = maestro_object_memory(MAESTRO_LPM_MAX_BLOCKS * BLOCK_SIZE),
      .target = lpm,
  };
  if (lpm->by_prefix == NULL || lpm->by_prefix_length == NULL || lpm->blocks == NULL || lpm->blocks_length == NULL)
    return 0;
  MAESTRO_GUARD(lpm, object);
  maestro_made_object(lpm);
  *lpm_out = lpm;
  return 1;
}

void lpm_free(struct lpm *lpm) { (void)lpm; }

/* Entries first..first+n-1 get the rule, but those of longer prefixes. */
static void set(uint16_t *entries, uint8_t *lengths, uint32_t first, uint32_t n, uint8_t length, uint16_t entry) {
  for (uint32_t i = first; i < first + n; i++) {
    if (lengths[i] > length) continue;
    entries[i] = entry;
    lengths[i] = length;
  }
}

/* First entry of the block of a 24-bit prefix, made if it has none; the number of all blocks' entries if there is none
 * left. */
static uint32_t block_of(struct lpm *lpm, uint32_t prefix) {
  const uint16_t entry = lpm->by_prefix[prefix];
  if (entry > MAESTRO_LPM_BLOCK) return (uint32_t)(entry - MAESTRO_LPM_BLOCK - 1) * BLOCK_SIZE;
  if (lpm->n_blocks == MAESTRO_LPM_MAX_BLOCKS) return MAESTRO_LPM_MAX_BLOCKS * BLOCK_SIZE;
  const uint32_t first = lpm->n_blocks++ * BLOCK_SIZE;
  for (uint32_t i = first; i < first + BLOCK_SIZE; i++) lpm->blocks[i] = entry;
  memset(lpm->blocks_length + first, lpm->by_prefix_length[prefix], BLOCK_SIZE);
  lpm->by_prefix[prefix] = (uint16_t)(MAESTRO_LPM_BLOCK + lpm->n_blocks);
  return first;
}

int lpm_update_elem(struct lpm *lpm, uint32_t prefix, uint8_t length, uint16_t value) {
  if (length > 32 || value > MAESTRO_LPM_MAX_VALUE) return 0;
  lpm = MAESTRO_TARGET(lpm);
  MAESTRO_BEFORE_WRITE(lpm);
  const uint16_t entry = (uint16_t)(value + 1);
  prefix &= (uint32_t)(UINT64_C(0xFFFFFFFF) << (32 - length));
  if (length > 24) {
    const uint32_t first = block_of(lpm, prefix >> 8);
    if (first == MAESTRO_LPM_MAX_BLOCKS * BLOCK_SIZE) return 0;
    set(lpm->blocks, lpm->blocks_length, first + (prefix & 0xFF), 1U << (32 - length), length, entry);
    return 1;
  }
  const uint32_t end = (prefix >> 8) + (1U << (24 - length));
  for (uint32_t i = prefix >> 8; i < end; i++) {
    if (lpm->by_prefix[i] > MAESTRO_LPM_BLOCK)
      set(lpm->blocks, lpm->blocks_length, block_of(lpm, i), BLOCK_SIZE, length, entry);
    else
      set(lpm->by_prefix, lpm->by_prefix_length, i, 1, length, entry);
  }
  return 1;
}
