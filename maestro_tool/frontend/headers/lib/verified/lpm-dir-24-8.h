#pragma once
#include <stdint.h>
#define INVALID 0xFFFF
struct lpm;
int lpm_allocate(struct lpm **lpm_out);
void lpm_free(struct lpm *lpm);
int lpm_update_elem(struct lpm *lpm, uint32_t prefix, uint8_t prefix_length, uint16_t value);
int lpm_lookup_elem(struct lpm *lpm, uint32_t prefix);
