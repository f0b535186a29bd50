/* The context of the packet that a thread handles: helpers of XDP's dialect are not given it. */
#ifndef MAESTRO_XDP_CONTEXT_H
#define MAESTRO_XDP_CONTEXT_H

#include <stdlib.h>

struct xdp_md;
extern _Thread_local struct xdp_md *maestro_xdp_current;

static inline void maestro_xdp_begins(struct xdp_md *context) { maestro_xdp_current = context; }

static inline struct xdp_md *maestro_xdp_context(void) { return maestro_xdp_current; }

/* No program comes here: the analysis, which only has their declarations, tells their use by name. */
static inline int bpf_map_lookup_elem_of_LPM_TRIE_by_a_shorter_prefix(void) { abort(); }
static inline long bpf_map_delete_elem_of_LPM_TRIE(void) { abort(); }
static inline long bpf_redirect_map_BROADCAST(void) { abort(); }
static inline long bpf_xdp_adjust_tail_by_more_than_0(void) { abort(); }

#endif
