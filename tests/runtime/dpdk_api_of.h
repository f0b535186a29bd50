/* Defines WHOSE by the headers that are read here. */
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_lpm.h>

#include "dpdk_api.h"

static void *hash_create(const char *name, uint32_t entries, uint32_t key_len, uint8_t flags) {
  const struct rte_hash_parameters p = {.name = name, .entries = entries, .key_len = key_len, .extra_flag = flags};
  return rte_hash_create(&p);
}
static int32_t add(void *h, const void *key) { return rte_hash_add_key(h, key); }
static int add_data(void *h, const void *key, void *data) { return rte_hash_add_key_data(h, key, data); }
static int32_t del(void *h, const void *key) { return rte_hash_del_key(h, key); }
static int32_t lookup(void *h, const void *key) { return rte_hash_lookup(h, key); }
static int lookup_data(void *h, const void *key, void **data) { return rte_hash_lookup_data(h, key, data); }
static int bulk(void *h, const void **keys, uint32_t n, int32_t *p) { return rte_hash_lookup_bulk(h, keys, n, p); }
static int bulk_data(void *h, const void **keys, uint32_t n, uint64_t *mask, void **data) {
  return rte_hash_lookup_bulk_data(h, keys, n, mask, data);
}
static int32_t count(void *h) { return rte_hash_count(h); }

static void *lpm_create(const char *name, int socket, uint32_t rules) {
  const struct rte_lpm_config config = {.max_rules = rules, .number_tbl8s = 256};
  return rte_lpm_create(name, socket, &config);
}
static int lpm_add(void *lpm, uint32_t ip, uint8_t depth, uint32_t hop) { return rte_lpm_add(lpm, ip, depth, hop); }
static int lpm_present(void *lpm, uint32_t ip, uint8_t depth, uint32_t *hop) {
  return rte_lpm_is_rule_present(lpm, ip, depth, hop);
}
static int lpm_lookup(void *lpm, uint32_t ip, uint32_t *hop) { return rte_lpm_lookup(lpm, ip, hop); }
static int lpm_bulk(void *lpm, const uint32_t *ips, uint32_t *hops, unsigned n) {
  return rte_lpm_lookup_bulk(lpm, ips, hops, n);
}
static int error(void) { return rte_errno; }

const struct dpdk_api WHOSE = {hash_create, add,         add_data, del,        lookup,   lookup_data, bulk, bulk_data,
                               count,       lpm_create, lpm_add,  lpm_present, lpm_lookup, lpm_bulk,    error};
