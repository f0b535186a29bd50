/* The key of the tables: an address prefix (other bits 0) in network byte order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/verified/boilerplate-util.h"

struct IpAddr {
  uint32_t addr;
};

unsigned IpAddr_hash(void *obj);
bool IpAddr_eq(void *a, void *b);
void IpAddr_allocate(void *obj);
