#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A flow in as few bytes as it takes; only `notes` may differ between packets of one flow. */
struct flow {
  uint32_t inner, outer;
  uint64_t version : 3, inner_port : 16, tcp : 1, notes : 7, outer_port : 16;
} __attribute__((packed));

bool flow_eq(void *a, void *b);
unsigned flow_hash(void *flow);
void flow_init(void *flow);
