/* What programs for XDP call (libbpf's bpf_helpers.h), for NFs in that dialect. */
#ifndef MAESTRO_BPF_HELPERS_H
#define MAESTRO_BPF_HELPERS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <linux/bpf.h>

#include <maestro_bpf_maps.h>
#include <maestro_xdp_context.h>

/* Sections tell programs and maps: the tool reads them (MAESTRO_SECTION), the compiler does not.  A map's address lies
 * where the first of these members does. */
#ifdef MAESTRO_SECTION
#define SEC(name) MAESTRO_SECTION(name)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#else
#define SEC(name)
#define __uint(name, value) union { struct maestro_bpf_map *MAESTRO_AT_##name; int(*name)[value]; }
#define __type(name, value) union { struct maestro_bpf_map *MAESTRO_AT_##name; typeof(value) *name; }
#define MAESTRO_AT_type map
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif

/* Older programs define their maps by this; programs for libbpf of 1.0 and later bring it along. */
#ifndef MAESTRO_OWN_BPF_MAP_DEF
struct bpf_map_def {
  union {
    struct {
      unsigned int type;
      unsigned int key_size;
    };
    struct maestro_bpf_map *map;
  };
  unsigned int value_size;
  unsigned int max_entries;
  unsigned int map_flags;
};
#endif

/* The value, which programs may change in place; NULL if the key is not there. */
static inline void *bpf_map_lookup_elem(void *definition, const void *key) {
  const struct maestro_bpf_map *map = *(maestro_bpf_map_at *)definition;
  int place = 0;
  void *value = NULL;
  if (!maestro_bpf_match(map, key, &place)) return NULL;
  vector_borrow(map->values, place, &value);
  vector_return(map->values, place, value);
  return value;
}

static inline long bpf_map_update_elem(void *definition, const void *key, const void *value, __u64 flags) {
  const struct maestro_bpf_map *map = *(maestro_bpf_map_at *)definition;
  int place = 0;
  void *kept = NULL;
  if (flags > BPF_EXIST) return -EINVAL;
  if (maestro_bpf_find(map, key, &place)) {
    if (flags == BPF_NOEXIST) return -EEXIST;
  } else {
    if (map->kind == MAESTRO_ARRAY) return -E2BIG;
    if (flags == BPF_EXIST) return -ENOENT;
    const long error = maestro_bpf_add(map, key, &place);
    if (error != 0) return error;
  }
  vector_borrow(map->values, place, &kept);
  memcpy(kept, value, map->value_size);
  vector_return(map->values, place, kept);
  return 0;
}

static inline long bpf_map_delete_elem(void *definition, const void *key) {
  const struct maestro_bpf_map *map = *(maestro_bpf_map_at *)definition;
  int place = 0;
  void *kept = NULL, *erased = NULL;
  if (map->kind == MAESTRO_ARRAY) return -EINVAL;
  if (map->kind == MAESTRO_TRIE) return bpf_map_delete_elem_of_LPM_TRIE();
  if (!map_get(map->places, (void *)(uintptr_t)key, &place)) return -ENOENT;
  vector_borrow(map->keys, place, &kept);
  map_erase(map->places, kept, &erased);
  vector_return(map->keys, place, kept);
  dchain_free_index(map->used, place);
  return 0;
}

/* The packet's time: the same for all of its calls. */
static inline __u64 bpf_ktime_get_ns(void) { return (__u64)recent_time(); }

static inline long bpf_redirect(__u32 ifindex, __u64 flags) {
  if (flags != 0) return XDP_ABORTED;
  maestro_xdp_context()->maestro_ifindex = ifindex;
  return XDP_REDIRECT;
}

static inline long bpf_redirect_map(void *definition, __u64 key, __u64 flags) {
  const __u32 slot = (__u32)key;
  if (flags & BPF_F_BROADCAST) return bpf_redirect_map_BROADCAST();
  if (flags > XDP_TX) return XDP_ABORTED;
  const __u32 *ifindex = bpf_map_lookup_elem(definition, &slot);
  return ifindex == NULL ? (long)flags : bpf_redirect(*ifindex, 0);
}

/* The frame begins `delta` bytes later, or, below 0, earlier: of these nothing is known.  Pointers into it are out of
 * date. */
static inline long bpf_xdp_adjust_head(struct xdp_md *context, int delta) {
  if (delta < 0) {
    if (delta < -MAESTRO_XDP_HEADROOM || rte_pktmbuf_prepend(context->maestro_mbuf, (uint16_t)-delta) == NULL) return -EINVAL;
  } else if (delta > 0) {
    if ((char *)context->data + delta + MAESTRO_XDP_HEADER > (char *)context->data_end) return -EINVAL;
    if (rte_pktmbuf_adj(context->maestro_mbuf, (uint16_t)delta) == NULL) return -EINVAL;
  }
  maestro_xdp_frame(context, context->maestro_mbuf);
  return 0;
}

/* The frame ends -`delta` bytes earlier. */
static inline long bpf_xdp_adjust_tail(struct xdp_md *context, int delta) {
  const uint32_t length = (uint32_t)((char *)context->data_end - (char *)context->data);
  if (delta > 0) return bpf_xdp_adjust_tail_by_more_than_0();
  const uint32_t cut = 0u - (uint32_t)delta;
  if (length < MAESTRO_XDP_HEADER || cut > length - MAESTRO_XDP_HEADER) return -EINVAL;
  if (rte_pktmbuf_trim(context->maestro_mbuf, (uint16_t)cut) != 0) return -EINVAL;
  maestro_xdp_frame(context, context->maestro_mbuf);
  return 0;
}

/* Of any type, and nowhere in particular. */
static inline __u32 maestro_word(const void *words, __u32 i) {
  __u32 word;
  memcpy(&word, (const char *)words + 4 * i, sizeof word);
  return word;
}

/* A checksum, not yet folded to 16 bits, of words that were `from` and are `to`; sizes in bytes. */
static inline __s64 bpf_csum_diff(const __be32 *from, __u32 from_size, const __be32 *to, __u32 to_size, __wsum seed) {
  __u64 sum = seed;
  if ((from_size | to_size) & 3 || from_size + to_size > MAESTRO_XDP_STACK) return -EINVAL;
  for (__u32 i = 0; i < from_size / 4; i++) sum += (__u32)~maestro_word(from, i);
  for (__u32 i = 0; i < to_size / 4; i++) sum += maestro_word(to, i);
  sum = (sum & UINT32_MAX) + (sum >> 32);
  return (__s64)((sum & UINT32_MAX) + (sum >> 32));
}

/* Prints nothing. */
static inline void bpf_printk(const char *format, ...) { (void)format; }

/* Not supported: declared, so that their use is told by name. */
__u64 bpf_ktime_get_boot_ns(void);
__u64 bpf_ktime_get_coarse_ns(void);
__u64 bpf_ktime_get_tai_ns(void);
__u64 bpf_jiffies64(void);
__u32 bpf_get_prandom_u32(void);
__u32 bpf_get_smp_processor_id(void);
long bpf_get_numa_node_id(void);
long bpf_tail_call(void *context, void *map, __u32 index);
long bpf_fib_lookup(void *context, void *parameters, int size, __u32 flags);
long bpf_check_mtu(void *context, __u32 ifindex, __u32 *length, __s32 difference, __u64 flags);
long bpf_xdp_adjust_meta(struct xdp_md *context, int delta);
long bpf_xdp_load_bytes(struct xdp_md *context, __u32 offset, void *to, __u32 length);
long bpf_xdp_store_bytes(struct xdp_md *context, __u32 offset, void *from, __u32 length);
__u64 bpf_xdp_get_buff_len(struct xdp_md *context);
long bpf_loop(__u32 times, void *callback, void *context, __u64 flags);
long bpf_for_each_map_elem(void *map, void *callback, void *context, __u64 flags);
void *bpf_map_lookup_percpu_elem(void *map, const void *key, __u32 cpu);
long bpf_map_push_elem(void *map, const void *value, __u64 flags);
long bpf_map_pop_elem(void *map, void *value);
long bpf_map_peek_elem(void *map, void *value);
struct bpf_spin_lock {
  __u32 val;
};
long bpf_spin_lock(struct bpf_spin_lock *lock);
long bpf_spin_unlock(struct bpf_spin_lock *lock);
struct bpf_timer {
  __u64 opaque[2];
};
long bpf_timer_init(struct bpf_timer *timer, void *map, __u64 flags);
long bpf_timer_set_callback(struct bpf_timer *timer, void *callback);
long bpf_timer_start(struct bpf_timer *timer, __u64 ns, __u64 flags);
long bpf_timer_cancel(struct bpf_timer *timer);
long bpf_perf_event_output(void *context, void *map, __u64 flags, void *data, __u64 size);
long bpf_trace_printk(const char *format, __u32 size, ...);
void *bpf_ringbuf_reserve(void *map, __u64 size, __u64 flags);
void bpf_ringbuf_submit(void *data, __u64 flags);
void bpf_ringbuf_discard(void *data, __u64 flags);
long bpf_ringbuf_output(void *map, void *data, __u64 size, __u64 flags);
__u64 bpf_ringbuf_query(void *map, __u64 flags);
void *bpf_sk_lookup_tcp(void *context, void *tuple, __u32 size, __u64 netns, __u64 flags);
void *bpf_sk_lookup_udp(void *context, void *tuple, __u32 size, __u64 netns, __u64 flags);
long bpf_sk_release(void *socket);

#endif
