/* Token buckets of keys, made of a map, an allocator and two vectors.
 *
 * As in the original: tb_trace does not look whether the key is there; a frame longer than the burst leaves a new bucket
 * with very many tokens; an entry ends after burst / rate whole seconds.
 */
#ifndef MAESTRO_STATE_TOKEN_BUCKET_H
#define MAESTRO_STATE_TOKEN_BUCKET_H

#include <stdlib.h>

#include "lib/state/double-chain.h"
#include "lib/state/map.h"
#include "lib/state/vector.h"
#include "lib/util/expirator.h"
#include "lib/util/time.h"

struct TokenBucket {
  struct Map *index_of;
  struct Vector *keys;
  struct Vector *buckets;
  struct DoubleChain *ages;
  uint32_t key_size;
  uint64_t rate;  /* bytes per second */
  uint64_t burst; /* bytes */
  uint64_t filled_after, forgotten_after; /* ns */
};

struct maestro_bucket {
  uint64_t tokens; /* bytes */
  int64_t time;    /* ns */
};

/* Keys of up to 64 bytes; 0, too, where the rate is 0 (the original divides by it when entries end). */
static inline int tb_allocate(uint32_t capacity, uint64_t rate, uint64_t burst, uint32_t key_size,
                              struct TokenBucket **out) {
  struct TokenBucket *tb = malloc(sizeof *tb);
  if (tb == NULL || rate == 0) return 0;
  tb->key_size = key_size;
  tb->rate = rate;
  tb->burst = burst;
  tb->filled_after = burst * NS_TO_S_MULTIPLIER / rate;
  tb->forgotten_after = burst / rate * NS_TO_S_MULTIPLIER;
  if (!map_allocate(capacity, key_size, &tb->index_of)) return 0;
  if (!vector_allocate((int)key_size, capacity, &tb->keys)) return 0;
  if (!vector_allocate(sizeof(struct maestro_bucket), capacity, &tb->buckets)) return 0;
  if (!dchain_allocate((int)capacity, &tb->ages)) return 0;
  *out = tb;
  return 1;
}

static inline int tb_is_tracing(struct TokenBucket *tb, void *key, int *index_out) {
  return (map_get)(tb->index_of, key, index_out);
}

static inline int tb_trace(struct TokenBucket *tb, void *key, uint16_t pkt_len, time_ns_t time, int *index_out) {
  if (!dchain_allocate_new_index(tb->ages, index_out, time)) return 0;
  void *kept = NULL;
  struct maestro_bucket *bucket = NULL;
  vector_borrow(tb->keys, *index_out, &kept);
  memcpy(kept, key, tb->key_size);
  vector_borrow(tb->buckets, *index_out, (void **)&bucket);
  bucket->tokens = tb->burst - pkt_len;
  bucket->time = time;
  (map_put)(tb->index_of, kept, *index_out);
  vector_return(tb->keys, *index_out, kept);
  vector_return(tb->buckets, *index_out, bucket);
  return 1;
}

static inline int tb_update_and_check(struct TokenBucket *tb, int index, uint16_t pkt_len, time_ns_t time) {
  dchain_rejuvenate_index(tb->ages, index, time);
  struct maestro_bucket *bucket = NULL;
  vector_borrow(tb->buckets, index, (void **)&bucket);
  const uint64_t passed = (uint64_t)time - (uint64_t)bucket->time;
  uint64_t tokens = tb->burst;
  if (passed < tb->filled_after) {
    tokens = bucket->tokens + passed * tb->rate / NS_TO_S_MULTIPLIER;
    if (tokens > tb->burst) tokens = tb->burst;
  }
  const int passes = tokens > pkt_len;
  bucket->tokens = passes ? tokens - pkt_len : tokens;
  bucket->time = time;
  vector_return(tb->buckets, index, bucket);
  return passes;
}

static inline int tb_expire(struct TokenBucket *tb, time_ns_t time) {
  assert(time >= 0);
  return expire_items_single_map(tb->ages, tb->keys, tb->index_of, time - (time_ns_t)tb->forgotten_after);
}

#define tb_is_tracing(tb, key, index_out) tb_is_tracing(tb, MAESTRO_KEY(key), index_out)
#define tb_trace(tb, key, pkt_len, time, index_out) tb_trace(tb, MAESTRO_KEY(key), pkt_len, time, index_out)

#endif
