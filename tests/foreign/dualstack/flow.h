#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Both directions of a flow have one key; members are as they are on the wire. */
struct flow4 {
  uint32_t inner, outer;
  uint16_t inner_port, outer_port;
  uint8_t protocol;
};

struct flow6 {
  uint8_t inner[16], outer[16];
  uint16_t inner_port, outer_port;
  uint8_t next_header;
};

/* Made from the structs. */
bool flow4_eq(void *a, void *b);
unsigned flow4_hash(void *obj);
void flow4_allocate(void *obj);
bool flow6_eq(void *a, void *b);
unsigned flow6_hash(void *obj);
void flow6_allocate(void *obj);
