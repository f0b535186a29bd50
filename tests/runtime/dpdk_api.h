/* rte_hash and rte_lpm of one implementation, so that a program can have both: ours and DPDK's. */
#ifndef DPDK_API_H
#define DPDK_API_H

#include <stdint.h>

struct dpdk_api {
  void *(*hash_create)(const char *name, uint32_t entries, uint32_t key_len, uint8_t flags);
  int32_t (*add)(void *h, const void *key);
  int (*add_data)(void *h, const void *key, void *data);
  int32_t (*del)(void *h, const void *key);
  int32_t (*lookup)(void *h, const void *key);
  int (*lookup_data)(void *h, const void *key, void **data);
  int (*bulk)(void *h, const void **keys, uint32_t n, int32_t *positions);
  int (*bulk_data)(void *h, const void **keys, uint32_t n, uint64_t *mask, void **data);
  int32_t (*count)(void *h);
  void *(*lpm_create)(const char *name, int socket, uint32_t rules);
  int (*lpm_add)(void *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop);
  int (*lpm_present)(void *lpm, uint32_t ip, uint8_t depth, uint32_t *next_hop);
  int (*lpm_lookup)(void *lpm, uint32_t ip, uint32_t *next_hop);
  int (*lpm_bulk)(void *lpm, const uint32_t *ips, uint32_t *next_hops, unsigned n);
  int (*error)(void);
};

extern const struct dpdk_api ours, theirs;

#endif
