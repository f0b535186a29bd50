/* DPDK's hash tables, for NFs in its dialect; everywhere else, DPDK's own header.
 *
 * A table is a map from keys (raw bytes, copied) to positions, which an allocator hands out, with the key and what the
 * NF keeps at each.  What NFs can tell is as in DPDK, but for three things: which free position is taken; keys have 64
 * bytes at most; and as many keys fit as `entries` says, where DPDK's may be full sooner.
 */
#ifndef MAESTRO_DIALECT
#include_next <rte_hash.h>
#endif
#if !defined(MAESTRO_RTE_HASH_H) && defined(MAESTRO_DIALECT)
#define MAESTRO_RTE_HASH_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#ifndef maestro_set_errno /* the analysis has one that does nothing */
#define maestro_set_errno(error) (rte_errno = (error))
#endif

/* By <>: the analysis has other headers of some of these names. */
#include <lib/verified/double-chain.h>
#include <lib/verified/vector.h>
#include <maestro_raw_keys.h>
#include <maestro_zeros.h>

#define RTE_HASH_ENTRIES_MAX (1 << 30)
#define RTE_HASH_NAMESIZE 32
#define RTE_HASH_LOOKUP_BULK_MAX 64
#define RTE_HASH_LOOKUP_MULTI_MAX RTE_HASH_LOOKUP_BULK_MAX

#define RTE_HASH_EXTRA_FLAGS_TRANS_MEM_SUPPORT 0x01
#define RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD 0x02
#define RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY 0x04
#define RTE_HASH_EXTRA_FLAGS_EXT_TABLE 0x08
#define RTE_HASH_EXTRA_FLAGS_NO_FREE_ON_DEL 0x10
#define RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF 0x20

typedef uint32_t hash_sig_t;
typedef uint32_t (*rte_hash_function)(const void *key, uint32_t key_len, uint32_t init_val);
typedef int (*rte_hash_cmp_eq_t)(const void *key1, const void *key2, size_t key_len);

struct rte_hash_parameters {
  const char *name;
  uint32_t entries;
  uint32_t reserved;
  uint32_t key_len;
  rte_hash_function hash_func; /* not asked: positions do not depend on it */
  uint32_t hash_func_init_val;
  int socket_id;
  uint8_t extra_flag;
};

struct rte_hash {
  struct Map *positions;
  struct Vector *keys;
  struct Vector *data;
  struct DoubleChain *used;
  uint32_t key_len;
};

/* What frees positions later than deleting does, and keys of more than 64 bytes, are not offered: NULL, ENOTSUP. */
static inline struct rte_hash *rte_hash_create(const struct rte_hash_parameters *params) {
  const uint32_t fewest = 8; /* RTE_HASH_BUCKET_ENTRIES */
  if (params == NULL || params->entries > RTE_HASH_ENTRIES_MAX || params->entries < fewest || params->key_len == 0) {
    maestro_set_errno(EINVAL);
    return NULL;
  }
  if (params->key_len > 64 ||
      (params->extra_flag & (RTE_HASH_EXTRA_FLAGS_NO_FREE_ON_DEL | RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF))) {
    maestro_set_errno(ENOTSUP);
    return NULL;
  }
  unsigned slots = fewest;
  while (slots < params->entries) slots *= 2;
  struct rte_hash *h = malloc(sizeof *h);
  if (h == NULL || !maestro_map_of_bytes(slots, params->key_len, &h->positions) ||
      !vector_allocate((int)params->key_len, params->entries, maestro_zeros, &h->keys) ||
      !vector_allocate(sizeof(uint64_t), params->entries, maestro_zeros, &h->data) ||
      !dchain_allocate((int)params->entries, &h->used)) {
    maestro_set_errno(ENOMEM);
    return NULL;
  }
  h->key_len = params->key_len;
  return h;
}

/* What is kept with a key: a number of 64 bits, of which the NF makes what it likes. */
static inline void maestro_hash_keep(const struct rte_hash *h, int position, uint64_t data) {
  uint64_t *kept = NULL;
  vector_borrow(h->data, position, (void **)&kept);
  *kept = data;
  vector_return(h->data, position, kept);
}

static inline uint64_t maestro_hash_kept(const struct rte_hash *h, int position) {
  uint64_t *kept = NULL;
  vector_borrow(h->data, position, (void **)&kept);
  const uint64_t data = *kept;
  vector_return(h->data, position, kept);
  return data;
}

/* The position, a new one unless the key is there; the data is another from now on.  -ENOSPC if all are used. */
static inline int32_t maestro_hash_add(const struct rte_hash *h, const void *key, uint64_t data) {
  int position = -1;
  if (h == NULL || key == NULL) return -EINVAL;
  if (!map_get(h->positions, (void *)(uintptr_t)key, &position)) {
    if (!dchain_allocate_new_index(h->used, &position, recent_time())) return -ENOSPC;
    void *kept = NULL;
    vector_borrow(h->keys, position, &kept);
    memcpy(kept, key, h->key_len);
    map_put(h->positions, kept, position);
    vector_return(h->keys, position, kept);
  }
  maestro_hash_keep(h, position, data);
  return position;
}

static inline int32_t rte_hash_add_key(const struct rte_hash *h, const void *key) {
  return maestro_hash_add(h, key, 0); /* DPDK's also forgets the data of a key that is there */
}

static inline int rte_hash_add_key_data(const struct rte_hash *h, const void *key, void *data) {
  const int32_t position = maestro_hash_add(h, key, (uint64_t)(uintptr_t)data);
  return position < 0 ? position : 0;
}

/* The position that is free now; -ENOENT. */
static inline int32_t rte_hash_del_key(const struct rte_hash *h, const void *key) {
  int position = -1;
  if (h == NULL || key == NULL) return -EINVAL;
  if (!map_get(h->positions, (void *)(uintptr_t)key, &position)) return -ENOENT;
  void *kept = NULL, *erased = NULL;
  vector_borrow(h->keys, position, &kept);
  map_erase(h->positions, kept, &erased);
  vector_return(h->keys, position, kept);
  dchain_free_index(h->used, position);
  return position;
}

/* The position; -ENOENT. */
static inline int32_t rte_hash_lookup(const struct rte_hash *h, const void *key) {
  int position = -1;
  if (h == NULL || key == NULL) return -EINVAL;
  return map_get(h->positions, (void *)(uintptr_t)key, &position) ? position : -ENOENT;
}

/* The position, and *data; -ENOENT, and *data as it was. */
static inline int rte_hash_lookup_data(const struct rte_hash *h, const void *key, void **data) {
  const int32_t position = rte_hash_lookup(h, key);
  if (position >= 0) *data = (void *)(uintptr_t)maestro_hash_kept(h, position);
  return position;
}

/* 0, and the position of each key, or -ENOENT. */
static inline int rte_hash_lookup_bulk(const struct rte_hash *h, const void **keys, uint32_t num_keys,
                                       int32_t *positions) {
  if (h == NULL || keys == NULL || num_keys > RTE_HASH_LOOKUP_BULK_MAX || positions == NULL)
    return -EINVAL;
  for (uint32_t i = 0; i < num_keys; i++) positions[i] = rte_hash_lookup(h, keys[i]);
  return 0;
}

/* The number of keys found, a bit of *hit_mask for each, and its data; that of others as it was. */
static inline int rte_hash_lookup_bulk_data(const struct rte_hash *h, const void **keys, uint32_t num_keys,
                                            uint64_t *hit_mask, void *data[]) {
  if (h == NULL || keys == NULL || num_keys > RTE_HASH_LOOKUP_BULK_MAX || hit_mask == NULL)
    return -EINVAL;
  int hits = 0;
  *hit_mask = 0;
  for (uint32_t i = 0; i < num_keys; i++) {
    if (rte_hash_lookup_data(h, keys[i], &data[i]) < 0) continue;
    *hit_mask |= UINT64_C(1) << i;
    hits++;
  }
  return hits;
}

static inline int32_t rte_hash_count(const struct rte_hash *h) {
  return h == NULL ? -EINVAL : (int32_t)map_size(h->positions);
}

/* Not supported: declared, so that their use is told by name. */
void rte_hash_set_cmp_func(struct rte_hash *h, rte_hash_cmp_eq_t func);
struct rte_hash *rte_hash_find_existing(const char *name);
void rte_hash_free(struct rte_hash *h);
void rte_hash_reset(struct rte_hash *h);
int32_t rte_hash_max_key_id(const struct rte_hash *h);
hash_sig_t rte_hash_hash(const struct rte_hash *h, const void *key);
int32_t rte_hash_add_key_with_hash(const struct rte_hash *h, const void *key, hash_sig_t sig);
int32_t rte_hash_add_key_with_hash_data(const struct rte_hash *h, const void *key, hash_sig_t sig, void *data);
int32_t rte_hash_del_key_with_hash(const struct rte_hash *h, const void *key, hash_sig_t sig);
int32_t rte_hash_lookup_with_hash(const struct rte_hash *h, const void *key, hash_sig_t sig);
int rte_hash_lookup_with_hash_data(const struct rte_hash *h, const void *key, hash_sig_t sig, void **data);
int rte_hash_lookup_with_hash_bulk(const struct rte_hash *h, const void **keys, hash_sig_t *sig, uint32_t num_keys,
                                   int32_t *positions);
int rte_hash_lookup_with_hash_bulk_data(const struct rte_hash *h, const void **keys, hash_sig_t *sig, uint32_t num_keys,
                                        uint64_t *hit_mask, void *data[]);
int rte_hash_get_key_with_position(const struct rte_hash *h, const int32_t position, void **key);
int rte_hash_free_key_with_position(const struct rte_hash *h, const int32_t position);
int32_t rte_hash_iterate(const struct rte_hash *h, const void **key, void **data, uint32_t *next);

#endif
