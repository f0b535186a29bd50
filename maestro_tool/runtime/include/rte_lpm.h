/* DPDK's longest-prefix match of IPv4 addresses (host byte order), for NFs in its dialect; elsewhere, DPDK's own header.
 *
 * Routes lead to numbers, and these to next hops of 24 bits, so that a rule that comes again changes its next hop only.
 * What NFs can tell is as in DPDK, but for this: there are 32767 rules at most; rules longer than /24 lie in 256 blocks,
 * whatever number_tbl8s says; and a bulk look-up gives no more than next hops and RTE_LPM_LOOKUP_SUCCESS.
 */
#ifndef MAESTRO_DIALECT
#include_next <rte_lpm.h>
#endif
#if !defined(MAESTRO_RTE_LPM_H) && defined(MAESTRO_DIALECT)
#define MAESTRO_RTE_LPM_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <rte_errno.h>
#ifndef maestro_set_errno /* the analysis has one that does nothing */
#define maestro_set_errno(error) (rte_errno = (error))
#endif

/* By <>: the analysis has other headers of some of these names. */
#include <lib/verified/double-chain.h>
#include <lib/verified/lpm-dir-24-8.h>
#include <lib/verified/vector.h>
#include <maestro_raw_keys.h>
#include <maestro_zeros.h>

#define RTE_LPM_NAMESIZE 32
#define RTE_LPM_MAX_DEPTH 32
#define RTE_LPM_LOOKUP_SUCCESS 0x01000000

struct rte_lpm_config {
  uint32_t max_rules;
  uint32_t number_tbl8s;
  int flags;
};

struct maestro_rule {
  uint32_t prefix;
  uint32_t depth;
};

struct rte_lpm {
  struct lpm *routes;
  struct Map *rules;
  struct Vector *prefixes;
  struct Vector *next_hops;
  struct DoubleChain *used;
};

/* NULL, and rte_errno is EINVAL, or ENOTSUP for more than 32767 rules. */
static inline struct rte_lpm *rte_lpm_create(const char *name, int socket_id, const struct rte_lpm_config *config) {
  const uint32_t most = 32767;
  if (name == NULL || socket_id < -1 || config == NULL || config->max_rules == 0) {
    maestro_set_errno(EINVAL);
    return NULL;
  }
  if (config->max_rules > most) {
    maestro_set_errno(ENOTSUP);
    return NULL;
  }
  unsigned slots = 1;
  while (slots < config->max_rules) slots *= 2;
  struct rte_lpm *lpm = malloc(sizeof *lpm);
  if (lpm == NULL || !lpm_allocate(&lpm->routes) ||
      !maestro_map_of_bytes(slots, sizeof(struct maestro_rule), &lpm->rules) ||
      !vector_allocate(sizeof(struct maestro_rule), config->max_rules, maestro_zeros, &lpm->prefixes) ||
      !vector_allocate(sizeof(uint32_t), config->max_rules, maestro_zeros, &lpm->next_hops) ||
      !dchain_allocate((int)config->max_rules, &lpm->used)) {
    maestro_set_errno(ENOMEM);
    return NULL;
  }
  return lpm;
}

static inline struct maestro_rule maestro_rule_of(uint32_t ip, uint8_t depth) {
  return (struct maestro_rule){ip & (uint32_t)(UINT64_C(0xFFFFFFFF) << (RTE_LPM_MAX_DEPTH - depth)), depth};
}

static inline void maestro_set_next_hop(struct rte_lpm *lpm, int number, uint32_t next_hop) {
  uint32_t *kept = NULL;
  vector_borrow(lpm->next_hops, number, (void **)&kept);
  *kept = next_hop & 0xFFFFFF;
  vector_return(lpm->next_hops, number, kept);
}

static inline uint32_t maestro_next_hop(const struct rte_lpm *lpm, int number) {
  uint32_t *kept = NULL;
  vector_borrow(lpm->next_hops, number, (void **)&kept);
  const uint32_t next_hop = *kept;
  vector_return(lpm->next_hops, number, kept);
  return next_hop;
}

/* 0, also if the rule is there, which then has this next hop; -ENOSPC. */
static inline int rte_lpm_add(struct rte_lpm *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop) {
  if (lpm == NULL || depth < 1 || depth > RTE_LPM_MAX_DEPTH) return -EINVAL;
  struct maestro_rule rule = maestro_rule_of(ip, depth);
  int number = -1;
  if (!map_get(lpm->rules, &rule, &number)) {
    if (!dchain_allocate_new_index(lpm->used, &number, recent_time())) return -ENOSPC;
    if (!lpm_update_elem(lpm->routes, rule.prefix, depth, (uint16_t)number)) {
      dchain_free_index(lpm->used, number);
      return -ENOSPC;
    }
    struct maestro_rule *kept = NULL;
    vector_borrow(lpm->prefixes, number, (void **)&kept);
    *kept = rule;
    map_put(lpm->rules, kept, number);
    vector_return(lpm->prefixes, number, kept);
  }
  maestro_set_next_hop(lpm, number, next_hop);
  return 0;
}

/* 1, and the next hop of this very rule; 0. */
static inline int rte_lpm_is_rule_present(struct rte_lpm *lpm, uint32_t ip, uint8_t depth, uint32_t *next_hop) {
  if (lpm == NULL || next_hop == NULL || depth < 1 || depth > RTE_LPM_MAX_DEPTH) return -EINVAL;
  struct maestro_rule rule = maestro_rule_of(ip, depth);
  int number = -1;
  if (!map_get(lpm->rules, &rule, &number)) return 0;
  *next_hop = maestro_next_hop(lpm, number);
  return 1;
}

/* 0 and the next hop; -ENOENT, and the next hop is 0. */
static inline int rte_lpm_lookup(const struct rte_lpm *lpm, uint32_t ip, uint32_t *next_hop) {
  if (lpm == NULL || next_hop == NULL) return -EINVAL;
  const int number = lpm_lookup_elem(lpm->routes, ip);
  if (number == INVALID) {
    *next_hop = 0;
    return -ENOENT;
  }
  *next_hop = maestro_next_hop(lpm, number);
  return 0;
}

/* The next hop of each address with RTE_LPM_LOOKUP_SUCCESS, or 0. */
static inline int rte_lpm_lookup_bulk_func(const struct rte_lpm *lpm, const uint32_t *ips, uint32_t *next_hops,
                                           const unsigned n) {
  if (lpm == NULL || ips == NULL || next_hops == NULL) return -EINVAL;
  for (unsigned i = 0; i < n; i++) {
    uint32_t next_hop = 0;
    next_hops[i] = rte_lpm_lookup(lpm, ips[i], &next_hop) == 0 ? next_hop | RTE_LPM_LOOKUP_SUCCESS : 0;
  }
  return 0;
}
#define rte_lpm_lookup_bulk(lpm, ips, next_hops, n) rte_lpm_lookup_bulk_func(lpm, ips, next_hops, n)

/* Not supported: declared, so that their use is told by name. */
struct rte_lpm *rte_lpm_find_existing(const char *name);
void rte_lpm_free(struct rte_lpm *lpm);
int rte_lpm_delete(struct rte_lpm *lpm, uint32_t ip, uint8_t depth);
void rte_lpm_delete_all(struct rte_lpm *lpm);

#endif
