/* MAC addresses as keys. */
#ifndef MAESTRO_ETHER_H
#define MAESTRO_ETHER_H

#include <rte_ether.h>

#include "lib/verified/boilerplate-util.h"

static inline unsigned rte_ether_addr_hash(void *object) {
  const struct rte_ether_addr *address = object;
  unsigned hash = 0;
  for (int i = 0; i < RTE_ETHER_ADDR_LEN; i++) hash = __builtin_ia32_crc32si(hash, address->addr_bytes[i]);
  return hash;
}

static inline bool rte_ether_addr_eq(void *a, void *b) {
  return rte_is_same_ether_addr((const struct rte_ether_addr *)a, (const struct rte_ether_addr *)b);
}

static inline void rte_ether_addr_allocate(void *object) {
  *(struct rte_ether_addr *)object = (struct rte_ether_addr){{0}};
}

#endif
