#pragma once

#include <stdint.h>

#include <rte_ether.h>

#define MAX_STATIC_ENTRIES 256

/* A host that is known to be behind a port. */
struct static_entry {
  struct rte_ether_addr address;
  uint16_t device;
};

struct nf_config {
  uint32_t capacity; /* addresses that the table has room for; a power of two */
  uint32_t n_entries;
  struct static_entry entries[MAX_STATIC_ENTRIES];
};
