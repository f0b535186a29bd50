#pragma once
#include <stdint.h>
#include "nf-util.h"

typedef int handler(uint16_t device, struct rte_ipv4_hdr *ip);
struct protocol {
  uint8_t number;
  const char *name;
  handler *handle;
};
extern const struct protocol protocols[];
handler *handler_of(const char *name);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
