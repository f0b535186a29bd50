#pragma once
#include <rte_ether.h>
#include "lib/verified/boilerplate-util.h"
static inline unsigned rte_ether_addr_hash(void *object) {
  const struct rte_ether_addr *address = object;
  unsigned hash = 0;
  for (int i = 0; i < RTE_ETHER_ADDR_LEN; i++) hash = __builtin_ia32_crc32si(hash, address->addr_bytes[i]);
  return hash;
}
static inline bool rte_ether_addr_eq(void *a, void *b) {
  const struct rte_ether_addr *x = a, *y = b;
  return x->addr_bytes[0] == y->addr_bytes[0] AND x->addr_bytes[1] == y->addr_bytes[1]
     AND x->addr_bytes[2] == y->addr_bytes[2] AND x->addr_bytes[3] == y->addr_bytes[3]
     AND x->addr_bytes[4] == y->addr_bytes[4] AND x->addr_bytes[5] == y->addr_bytes[5];
}
static inline void rte_ether_addr_allocate(void *object) {
  *(struct rte_ether_addr *)object = (struct rte_ether_addr){{0}};
}
