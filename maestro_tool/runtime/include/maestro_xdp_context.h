/* The context of the packet that a thread handles: helpers of XDP's dialect are not given it. */
#ifndef MAESTRO_XDP_CONTEXT_H
#define MAESTRO_XDP_CONTEXT_H

struct xdp_md;
extern _Thread_local struct xdp_md *maestro_xdp_current;

static inline void maestro_xdp_begins(struct xdp_md *context) { maestro_xdp_current = context; }

static inline struct xdp_md *maestro_xdp_context(void) { return maestro_xdp_current; }

#endif
