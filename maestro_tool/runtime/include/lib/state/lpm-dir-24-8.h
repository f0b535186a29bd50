/* Longest-prefix match of IPv4 addresses in network byte order.
 *
 * A rule longer than /24 does not hide a shorter one in the rest of its /24, as it does in the original.
 */
#ifndef MAESTRO_STATE_LPM_H
#define MAESTRO_STATE_LPM_H

#include <rte_byteorder.h>

#include "lib/verified/lpm-dir-24-8.h"

#define LPM lpm

/* Not supported: declared, so that its use is told by name. */
void lpm_from_file(struct LPM *table, const char *path);

static inline int lpm_update(struct LPM *table, uint32_t prefix, uint8_t length, uint16_t value) {
  return lpm_update_elem(table, rte_be_to_cpu_32(prefix), length, value);
}

/* 1 and the value; 0, and *value_out as it was, where no rule fits. */
static inline int lpm_lookup(struct LPM *table, uint32_t address, uint16_t *value_out) {
  const int found = lpm_lookup_elem(table, rte_be_to_cpu_32(address));
  if (found == INVALID) return 0;
  *value_out = (uint16_t)found;
  return 1;
}

#endif
