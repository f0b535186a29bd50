#pragma once
#include <stdbool.h>
#include <stdint.h>

struct end {
  uint32_t address;
  uint16_t port;
} __attribute__((packed));

struct flow_key {
  struct end inner, outer;
};

/* Made from the struct. */
bool flow_key_eq(void *a, void *b);
unsigned flow_key_hash(void *obj);
void flow_key_allocate(void *obj);
