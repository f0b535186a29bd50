/* The executor knows it. */
#pragma once
struct xdp_md;
void maestro_xdp_begins(struct xdp_md *context);
struct xdp_md *maestro_xdp_context(void);
