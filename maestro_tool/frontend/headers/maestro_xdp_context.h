/* The executor knows it. */
#pragma once
struct xdp_md;
void maestro_xdp_begins(struct xdp_md *context);
struct xdp_md *maestro_xdp_context(void);
/* Not supported: declared, so that their use is told by name. */
int bpf_map_lookup_elem_of_LPM_TRIE_by_a_shorter_prefix(void);
long bpf_map_delete_elem_of_LPM_TRIE(void);
long bpf_redirect_map_BROADCAST(void);
long bpf_xdp_adjust_tail_by_more_than_0(void);
/* What is atomic among the kernel's CPUs: one packet comes after the other here. */
#define MAESTRO_CHANGED(at, made, given)             \
  ({                                                 \
    __auto_type maestro_at = (at);                   \
    __auto_type maestro_was = *maestro_at;           \
    __auto_type maestro_is = maestro_was;            \
    maestro_is = (made);                             \
    *maestro_at = maestro_is;                        \
    given;                                           \
  })
#define __sync_fetch_and_add(at, value) MAESTRO_CHANGED(at, maestro_was + (value), maestro_was)
#define __sync_fetch_and_sub(at, value) MAESTRO_CHANGED(at, maestro_was - (value), maestro_was)
#define __sync_fetch_and_or(at, value) MAESTRO_CHANGED(at, maestro_was | (value), maestro_was)
#define __sync_fetch_and_and(at, value) MAESTRO_CHANGED(at, maestro_was & (value), maestro_was)
#define __sync_fetch_and_xor(at, value) MAESTRO_CHANGED(at, maestro_was ^ (value), maestro_was)
#define __sync_add_and_fetch(at, value) MAESTRO_CHANGED(at, maestro_was + (value), maestro_is)
#define __sync_sub_and_fetch(at, value) MAESTRO_CHANGED(at, maestro_was - (value), maestro_is)
#define __sync_lock_test_and_set(at, value) MAESTRO_CHANGED(at, value, maestro_was)
#define __sync_val_compare_and_swap(at, old, value) \
  MAESTRO_CHANGED(at, maestro_was == (old) ? (value) : maestro_was, maestro_was)
#define __atomic_fetch_add(at, value, order) __sync_fetch_and_add(at, value)
#define __atomic_fetch_sub(at, value, order) __sync_fetch_and_sub(at, value)
#define __atomic_add_fetch(at, value, order) __sync_add_and_fetch(at, value)
#define __atomic_sub_fetch(at, value, order) __sync_sub_and_fetch(at, value)
